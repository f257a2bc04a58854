"""Finds the deliveries of a cause that are not final: a campaign is finished when there are none."""

from django.db import migrations

CREATE = """
CREATE INDEX messaging_delivery_open ON messaging_delivery (cause_kind, cause_id)
WHERE state IN ('planned', 'claimed', 'sending')
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0005_campaigns")]
    operations = [migrations.RunSQL(CREATE, "DROP INDEX messaging_delivery_open")]
