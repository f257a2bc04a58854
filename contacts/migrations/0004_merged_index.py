"""The index by which the tombstones of a contact are found; built while the product runs."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0003_merges_audit_and_jobs")]
    operations = [
        AddIndexConcurrently(
            "contact",
            models.Index(
                fields=["merged_into"], name="contact_merged", condition=models.Q(merged_into__isnull=False)
            ),
        ),
    ]
