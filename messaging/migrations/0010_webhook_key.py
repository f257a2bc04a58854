"""What a provider signs its webhooks with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0009_message_event_types")]

    operations = [
        migrations.AddField(
            "connection", "webhook_key", models.BinaryField(blank=True, default=b"", editable=False)
        ),
    ]
