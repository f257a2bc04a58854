"""Indexes of what the contact list asks of each row that it passes: a token, a state of its address; built while the product
runs. Both are partial: identifiers that are no tokens, and active addresses, are written as before.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0013_people")]
    operations = [
        AddIndexConcurrently(
            "key",
            models.Index(
                fields=["person_id", "kind"],
                name="contacts_key_tokens",
                condition=models.Q(is_active=True, kind__in=["mobile", "web", "telegram"]),
            ),
        ),
        AddIndexConcurrently(
            "address",
            models.Index(
                fields=["kind", "value", "status"],
                name="contacts_address_unusual",
                condition=~models.Q(status="active"),
            ),
        ),
    ]
