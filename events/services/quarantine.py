"""Events that cannot be processed: set aside whole with their reason, and put back when the cause is mended."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

SET_ASIDE = """
WITH gone AS (DELETE FROM events_inboxevent WHERE id = %(id)s RETURNING *)
INSERT INTO events_quarantinedevent (event_id, event_type_id, envelope, reason, quarantined_at)
SELECT event_id, event_type_id, to_jsonb(gone), %(reason)s, %(now)s FROM gone
ON CONFLICT (event_id) DO UPDATE
SET envelope = excluded.envelope, reason = excluded.reason, quarantined_at = excluded.quarantined_at, replayed_at = NULL
RETURNING event_type_id
"""
COUNT = """
INSERT INTO events_typehour (event_type_id, hour, accepted, unmatched, rejected, quarantined)
SELECT id, date_trunc('hour', %s::timestamptz, 'UTC'), 0, 0, 0, 1 FROM events_eventtype WHERE id = %s
ON CONFLICT (event_type_id, hour) DO UPDATE SET quarantined = events_typehour.quarantined + 1
"""
REPLAY = """
WITH picked AS (
    UPDATE events_quarantinedevent SET replayed_at = %(now)s WHERE id = ANY(%(ids)s) AND replayed_at IS NULL
    RETURNING envelope
)
INSERT INTO events_inboxevent
SELECT r.* FROM picked, jsonb_populate_record(NULL::events_inboxevent, picked.envelope) r ORDER BY r.id
"""
REASON_LENGTH = 4000


def set_aside(inbox_id: int, *, reason: str, now: datetime) -> None:
    """Move one event from the inbox to quarantine, in its own transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            SET_ASIDE, {"id": inbox_id, "reason": reason.replace("\0", "")[:REASON_LENGTH], "now": now}
        )
        row = cursor.fetchone()
        if row is not None:
            cursor.execute(COUNT, [now, row[0]])


def replay(ids: Sequence[int], *, now: datetime) -> int:
    """Put quarantined events back into the inbox with their ids and times; already replayed ones are left alone.

    Returns how many were put back.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(REPLAY, {"ids": list(ids), "now": now})
        return int(cursor.rowcount)
