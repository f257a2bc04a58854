"""Puts the person into the index by type and time: conditions over events read the index alone."""

from django.db import migrations

SWAP = """
CREATE INDEX events_event_type_person ON events_event (event_type_id, event_at, id) INCLUDE (person_id);
DROP INDEX events_event_type;
ALTER INDEX events_event_type_person RENAME TO events_event_type;
"""
BACK = """
CREATE INDEX events_event_type_alone ON events_event (event_type_id, event_at, id);
DROP INDEX events_event_type;
ALTER INDEX events_event_type_alone RENAME TO events_event_type;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0003_seed_registry")]
    operations = [migrations.RunSQL(SWAP, BACK)]
