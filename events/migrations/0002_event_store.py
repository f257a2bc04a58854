"""Creates the partitioned event store with its first partitions."""

from datetime import UTC, datetime

from django.db import migrations

from events.partitions import ensure_partitions

CREATE = """
CREATE TABLE events_event (
    person_id bigint NOT NULL DEFAULT 0,
    event_at timestamptz NOT NULL,
    id uuid NOT NULL,
    event_type_id integer NOT NULL,
    seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    processed_at timestamptz NOT NULL,
    occurred_at timestamptz,
    original_person_id bigint,
    flags integer NOT NULL DEFAULT 0,
    source varchar(6) NOT NULL,
    key_value text NOT NULL,
    params jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (person_id, event_at, id)
) PARTITION BY RANGE (event_at);
CREATE INDEX events_event_type ON events_event (event_type_id, event_at, id);
CREATE INDEX events_event_id ON events_event (id);
CREATE INDEX events_event_key ON events_event (key_value, event_at);
"""


def first_partitions(apps, schema_editor):
    ensure_partitions(connection=schema_editor.connection, now=datetime.now(UTC), retention_days=730)


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE events_event"),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
        # From here on Django may manage the table (flush, alter); it just could not have created it partitioned.
        migrations.AlterModelOptions("event", {"verbose_name": "event", "verbose_name_plural": "events"}),
    ]
