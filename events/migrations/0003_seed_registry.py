"""Gives a new account its lanes, its registry version and the event types the product itself makes."""

from datetime import UTC, datetime

from django.db import migrations

TYPES = [
    ("SubscriptionConfirmed", "Subscription confirmed", "click"),
    ("ImportContactAdded", "New contact imported", "import"),
    ("FormSubmitted", "Form filled in", "subscribe"),
]


def seed(apps, schema_editor):
    lane = apps.get_model("events", "Lane")
    lane.objects.bulk_create(lane(number=number) for number in range(64))
    apps.get_model("events", "RegistryVersion").objects.create(pk=1)
    event_type = apps.get_model("events", "EventType")
    event_type.objects.bulk_create(
        event_type(key=key, name=name, category=category, origin="system", created_at=datetime.now(UTC))
        for key, name, category in TYPES
    )


class Migration(migrations.Migration):
    dependencies = [("events", "0002_event_store")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
