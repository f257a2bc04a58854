"""Indexes of what the contact list asks of each row that it passes; built while the product runs.

The index of the usual order holds addresses too, so that rows asked for the state of an address are not read. That of tokens
is partial: other identifiers are written as before.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
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
            "contact",
            models.Index(
                fields=["updated_at", "id"],
                name="contact_active_changed",
                include=["email_norm", "phone"],
                condition=models.Q(state="active"),
            ),
        ),
        RemoveIndexConcurrently("contact", "contact_active_updated"),
    ]
