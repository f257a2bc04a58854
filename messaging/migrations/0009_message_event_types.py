"""Names what happens to messages in the registry of event types; the events themselves are message activity."""

from datetime import UTC, datetime

from django.db import migrations

TYPES = [
    ("messageSent", "Message sent", "notification"),
    ("messageDelivered", "Message delivered", "notification"),
    ("messageUndelivered", "Message not delivered", "notification"),
    ("messageRead", "Message opened", "notification"),
    ("messageClicked", "Link in a message clicked", "click"),
    ("messageUnsubscribed", "Unsubscribed by a message", "subscribe"),
    ("messageSpam", "Complained about a message", "subscribe"),
]
DESCRIPTION = "Kept with the messages: reports, the contact's card, the segment condition about messages."


def name_types(apps, schema_editor):
    event_type = apps.get_model("events", "EventType")
    for key, name, category in TYPES:
        event_type.objects.update_or_create(
            key=key,
            defaults={"origin": "system", "name": name, "category": category, "description": DESCRIPTION},
            create_defaults={
                "origin": "system", "name": name, "category": category, "description": DESCRIPTION,
                "created_at": datetime.now(UTC),
            },
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("messaging", "0008_reports"), ("events", "0003_seed_registry")]
    operations = [migrations.RunPython(name_types, migrations.RunPython.noop)]
