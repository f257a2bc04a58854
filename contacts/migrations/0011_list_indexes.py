"""Indexes of the contact list: by creation, and by what its filters ask; built while the product runs."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from contacts.models.people import Traits


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0010_list_views_and_bulk")]
    operations = [
        AddIndexConcurrently(
            "contact",
            models.Index(
                fields=["created_at", "id"], name="contact_active_created", condition=models.Q(state="active")
            ),
        ),
        AddIndexConcurrently("contact", GinIndex(Traits(), name="contact_traits")),
        # The planner judges a filter by how often its trait occurs: known once the table is analysed.
        migrations.RunSQL("ANALYZE contacts_contact", migrations.RunSQL.noop),
    ]
