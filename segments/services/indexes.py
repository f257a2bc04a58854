"""Indexes on event parameters that conditions ask for often: a selective condition then reads only its rows."""

from typing import Any

from django.db import connection

from segments.catalogue import Catalogue, parameter_index
from segments.leaves.activity import value_at

# The expression is the one `segments.leaves.activity.Where` compares with; the second index answers "is it a list?".
VALUES = "(segments_text({value}), event_at) INCLUDE (person_id) WHERE event_type_id = {type_id}"
LISTS = "(event_at) INCLUDE (person_id) WHERE event_type_id = {type_id} AND jsonb_typeof({value}) = 'array'"
WITHOUT = """
SELECT c.relname FROM pg_inherits p JOIN pg_class c ON c.oid = p.inhrelid
WHERE p.inhparent = 'events_event'::regclass AND NOT EXISTS (
    SELECT 1 FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
    WHERE i.inhparent = %s::regclass AND x.indrelid = c.oid)
ORDER BY 1
"""


def index_parameter(event: str, param: str) -> str:
    """Index a top-level parameter of an event type; returns the index's name. Takes as long as the store is big.

    Outside a transaction events are stored meanwhile: each partition is indexed concurrently, and the whole index serves
    once all are. A call that was cut short is repeated, and goes on with the partitions that are missing.

    Raises:
        BrokenReference: no event type in use has the key.
    """
    type_id = Catalogue().event_type(event).id
    name = parameter_index(type_id, param)
    value = value_at("params", param).replace("%%", "%")
    with connection.cursor() as cursor:
        for index, rows in ((name, VALUES), (f"{name}_l", LISTS)):
            _build(cursor, index, rows.format(value=value, type_id=type_id))
    return name


def _build(cursor: Any, name: str, rows: str) -> None:
    if connection.in_atomic_block:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON events_event {rows}")
        return
    cursor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY events_event {rows}")
    cursor.execute(WITHOUT, [name])
    for (partition,) in cursor.fetchall():
        part = f"{name}_{partition.rpartition('_')[2]}"
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {part}")  # half made by a call that was cut short
        cursor.execute(f"CREATE INDEX CONCURRENTLY {part} ON {partition} {rows}")
        cursor.execute(f"ALTER INDEX {name} ATTACH PARTITION {part}")
