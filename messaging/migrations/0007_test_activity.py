"""Marks activity of test sends, which no figure counts."""

from django.db import migrations, models

ADD = "ALTER TABLE messaging_activity ADD COLUMN is_test boolean NOT NULL DEFAULT false"


class Migration(migrations.Migration):
    dependencies = [("messaging", "0006_open_deliveries_index")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(ADD, "ALTER TABLE messaging_activity DROP COLUMN is_test")
            ],
            state_operations=[
                migrations.AddField(
                    "activity", "is_test", models.BooleanField(db_default=False, default=False)
                )
            ],
        )
    ]
