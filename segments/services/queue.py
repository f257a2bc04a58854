"""The queue of changes: whoever changes what a segment may read appends here, in the transaction of the change."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp.bell import ring

EVERYTHING = "*"
ERASED = "erased"  # no segment reads it: the journal forgets the person
# Words no segment reads are left out; a segment's first build begins after all transactions that cannot have seen its
# words have ended (`builds`), so nothing is missed.
APPEND = """
INSERT INTO segments_dirty (source, person_id, is_muted, reason, at)
SELECT DISTINCT w.source, w.person_id, w.is_muted, %s, %s::timestamptz
FROM unnest(%s::text[], %s::bigint[], %s::bool[]) AS w (source, person_id, is_muted)
WHERE (w.source = '*' AND EXISTS (SELECT 1 FROM segments_segment)) OR w.source LIKE 'only.%%' OR w.source = 'erased'
   OR EXISTS (SELECT 1 FROM segments_segmentsource s WHERE s.source = w.source)
"""


def mark_dirty(
    changes: Iterable[tuple[str, int]], *, now: datetime, is_muted: bool = False, reason: str = "data"
) -> None:
    """Note that something segments may read has changed for persons: (word, person id) pairs.

    Words are those of `Leaf.reads`; `*` means anything. Muted changes make no one enter or leave aloud.
    """
    append([(source, person, is_muted) for source, person in changes], now=now, reason=reason)


def append(rows: Sequence[tuple[str, int, bool]], *, now: datetime, reason: str = "data") -> None:
    """One set-based INSERT of (word, person, muted)."""
    if not rows:
        return
    columns: list[list[object]] = [[row[place] for row in rows] for place in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(APPEND, [reason, now, *columns])
        if cursor.rowcount:
            transaction.on_commit(lambda: ring("segments"))
