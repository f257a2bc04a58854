"""Writes what changed: chunks, sizes and the journal, and tells higher apps; all in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from cdp.hooks import MembershipChanged, membership_changed

NOTE = """
INSERT INTO segments_membershipchange (pass_id, segment_id, person_id, is_entering, is_muted, reason, at)
SELECT %s, segment_id, person_id, is_entering, is_muted, reason, %s
FROM unnest(%s::bigint[], %s::bigint[], %s::bool[], %s::bool[], %s::text[])
    AS w (segment_id, person_id, is_entering, is_muted, reason)
"""
# Segments that refer to the changed ones look at these persons again.
CASCADE = """
INSERT INTO segments_dirty (source, person_id, is_muted, reason, at)
SELECT 'segment.' || j.segment_id, j.person_id, j.is_muted, j.reason, %s
FROM segments_membershipchange j
WHERE j.pass_id = %s AND EXISTS (SELECT 1 FROM segments_segmentsource s WHERE s.source = 'segment.' || j.segment_id)
"""
# Whoever writes holds the segments' lanes, so nobody else has their rows of the day.
COUNT_DAY = """
INSERT INTO segments_segmentday (segment_id, day, entered, "left")
SELECT segment_id, %s, count(*) FILTER (WHERE is_entering), count(*) FILTER (WHERE NOT is_entering)
FROM segments_membershipchange WHERE pass_id = %s GROUP BY segment_id
ON CONFLICT (segment_id, day) DO UPDATE
SET entered = segments_segmentday.entered + excluded.entered, "left" = segments_segmentday."left" + excluded."left"
"""
RESIZE = """
UPDATE segments_segment s SET changed_at = %s, size =
    (SELECT coalesce(sum(c.count), 0) FROM segments_segmentchunk c WHERE c.segment_id = s.id)
WHERE s.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Change:
    segment_id: int
    person_id: int
    is_entering: bool
    is_muted: bool
    reason: str


def note_changes(changes: Sequence[Change], *, now: datetime) -> int:
    """Write journal rows of one pass, pass them on to segments that refer to these, and announce them.

    Returns the pass's id.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('segments_pass_seq')")
        pass_id = int(cursor.fetchone()[0])
        columns: list[list[Any]] = [
            [change.segment_id for change in changes], [change.person_id for change in changes],
            [change.is_entering for change in changes], [change.is_muted for change in changes],
            [change.reason for change in changes],
        ]  # fmt: skip
        cursor.execute(NOTE, [pass_id, now, *columns])
        cursor.execute(CASCADE, [now, pass_id])
        cursor.execute(COUNT_DAY, [now.astimezone(UTC).date(), pass_id])
    segment_ids = sorted({change.segment_id for change in changes})
    membership_changed.send(
        MembershipChanged(pass_id=pass_id, segment_ids=segment_ids, count=len(changes), now=now)
    )
    return pass_id


def resize(segment_ids: Sequence[int], *, now: datetime) -> None:
    """Bring the sizes of segments up to their chunks."""
    with connection.cursor() as cursor:
        cursor.execute(RESIZE, [now, list(segment_ids)])
