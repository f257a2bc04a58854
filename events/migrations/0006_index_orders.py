"""Marks the events that tell of an order, and indexes these by person: a card shows them without a walk of the history."""

from django.db import migrations

INDEX = """
CREATE INDEX events_event_order ON events_event (person_id, event_at, id) WHERE ((flags & 256) <> 0);
"""
# The types as events.models.ORDER_TYPES had them; events still in the inbox are marked when they are stored.
MARK = """
UPDATE events_event SET flags = flags | 256
WHERE event_type_id IN (SELECT id FROM events_eventtype WHERE key ~ '^(order[A-Z].*|PurchasedItems)$') AND flags & 256 = 0;
"""
UNMARK = "UPDATE events_event SET flags = flags & ~256 WHERE flags & 256 <> 0;"


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("events", "0005_index_people_of_a_type")]
    operations = [
        migrations.RunSQL(MARK, UNMARK),
        migrations.RunSQL(INDEX, "DROP INDEX events_event_order"),
    ]
