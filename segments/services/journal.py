"""Writes what changed: the journal, the days' figures and sizes, and tells higher apps; all in the caller's transaction.

A few persons are a row each; many of one chunk are one packed row. The view `segments_journal` reads both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from pyroaring import BitMap64

from cdp.hooks import MembershipChanged, membership_changed
from segments.models import MembershipChange, PackedChange, SegmentSource
from segments.services import packing

PACKED_FROM = 64  # persons of one segment and chunk that came, or went, in one pass
HALF = 1 << 15  # `lows` are two-byte integers with a sign
NOTE = """
INSERT INTO segments_membershipchange (pass_id, segment_id, person_id, is_entering, is_muted, reason, at)
SELECT %s, segment_id, person_id, is_entering, is_muted, reason, %s
FROM unnest(%s::bigint[], %s::bigint[], %s::bool[], %s::bool[], %s::text[])
    AS w (segment_id, person_id, is_entering, is_muted, reason)
"""
NOTE_PACKED = """
INSERT INTO segments_packedchange (pass_id, segment_id, chunk, is_entering, is_muted, reason, at, lows)
SELECT %s, segment_id, chunk, is_entering, is_muted, reason, %s, lows::smallint[]
FROM unnest(%s::bigint[], %s::bigint[], %s::bool[], %s::bool[], %s::text[], %s::text[])
    AS w (segment_id, chunk, is_entering, is_muted, reason, lows)
"""
# Segments that refer to the changed ones look at these persons again.
CASCADE = """
INSERT INTO segments_dirty (source, person_id, is_muted, reason, at)
SELECT 'segment.' || segment_id, person_id, is_muted, reason, %s FROM segments_journal
WHERE pass_id = %s AND segment_id = ANY(%s)
"""
# Whoever writes holds the segments' lanes, so nobody else has their rows of the day.
COUNT_DAY = """
INSERT INTO segments_segmentday (segment_id, day, entered, "left")
SELECT segment_id, %s, came, went FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS w (segment_id, came, went)
ON CONFLICT (segment_id, day) DO UPDATE
SET entered = segments_segmentday.entered + excluded.entered, "left" = segments_segmentday."left" + excluded."left"
"""
RESIZE = """
UPDATE segments_segment s SET changed_at = %s, size =
    (SELECT coalesce(sum(c.count), 0) FROM segments_segmentchunk c WHERE c.segment_id = s.id)
WHERE s.id = ANY(%s)
"""
ENTERED = """
SELECT DISTINCT ON (person_id) person_id, at FROM (
    SELECT person_id, pass_id, at FROM segments_membershipchange
    WHERE segment_id = %(segment)s AND person_id = ANY(%(ids)s) AND is_entering
    UNION ALL
    SELECT (p.chunk << 16) + 32768 + low, p.pass_id, p.at FROM segments_packedchange p, unnest(p.lows) AS low
    WHERE p.segment_id = %(segment)s AND p.chunk = ANY(%(chunks)s) AND p.is_entering
        AND (p.chunk << 16) + 32768 + low = ANY(%(ids)s)
) came ORDER BY person_id, pass_id DESC
"""
FORGET = """
UPDATE segments_packedchange p
SET lows = ARRAY(SELECT low FROM unnest(p.lows) AS low WHERE low <> ALL(gone.lows) ORDER BY low)
FROM (SELECT chunk, array_agg(low) AS lows FROM unnest(%s::bigint[], %s::smallint[]) AS w (chunk, low) GROUP BY chunk) gone
WHERE p.chunk = gone.chunk AND p.lows && gone.lows
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """Who came to a segment and who left it, for one reason."""

    segment_id: int
    entered: BitMap64
    left: BitMap64
    is_muted: bool
    reason: str


@dataclass(slots=True)
class _Rows:
    """Rows to write, as columns: segment, person or chunk, entering, muted, reason and, packed, the persons."""

    single: list[tuple[int, int, bool, bool, str]] = field(default_factory=list)
    packed: list[tuple[int, int, bool, bool, str, str]] = field(default_factory=list)

    def add(self, one: Difference, ids: BitMap64, *, is_entering: bool) -> None:
        more = (is_entering, one.is_muted, one.reason)
        for chunk in packing.chunks_in(ids):
            start = chunk << packing.CHUNK_BITS
            if ids.range_cardinality(start, start + packing.CHUNK) < PACKED_FROM:
                few = packing.chunk_of(ids, chunk)
                self.single += [(one.segment_id, person, *more) for person in few]
                continue
            middle = start + HALF
            lows = ",".join([str(person - middle) for person in packing.chunk_of(ids, chunk)])
            self.packed.append((one.segment_id, chunk, *more, f"{{{lows}}}"))


def note_changes(differences: Sequence[Difference], *, now: datetime) -> int:
    """Write the journal of one pass, pass it on to segments that refer to these, and announce it.

    Returns the pass's id.
    """
    rows = _Rows()
    counts: dict[int, tuple[int, int]] = {}
    for one in differences:
        rows.add(one, one.entered, is_entering=True)
        rows.add(one, one.left, is_entering=False)
        came, went = counts.get(one.segment_id, (0, 0))
        counts[one.segment_id] = came + len(one.entered), went + len(one.left)
    segment_ids = sorted(counts)
    words = [f"segment.{number}" for number in segment_ids]
    referred = SegmentSource.objects.filter(source__in=words).values_list("source", flat=True)
    day = [segment_ids, [counts[key][0] for key in segment_ids], [counts[key][1] for key in segment_ids]]
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('segments_pass_seq')")
        pass_id = int(cursor.fetchone()[0])
        if rows.single:
            cursor.execute(NOTE, [pass_id, now, *_columns(rows.single)])
        if rows.packed:
            cursor.execute(NOTE_PACKED, [pass_id, now, *_columns(rows.packed)])
        if outer := [int(word.removeprefix("segment.")) for word in set(referred)]:
            cursor.execute(CASCADE, [now, pass_id, outer])
        cursor.execute(COUNT_DAY, [now.astimezone(UTC).date(), *day])
    count = sum(came + went for came, went in counts.values())
    membership_changed.send(MembershipChanged(pass_id=pass_id, segment_ids=segment_ids, count=count, now=now))
    return pass_id


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def resize(segment_ids: Sequence[int], *, now: datetime) -> None:
    """Bring the sizes of segments up to their chunks."""
    with connection.cursor() as cursor:
        cursor.execute(RESIZE, [now, list(segment_ids)])


def entered_at(segment_id: int, ids: Sequence[int]) -> dict[int, datetime]:
    """When persons entered a segment last; those without an entry have been in since it was built."""
    chunks = sorted({person >> packing.CHUNK_BITS for person in ids})
    with connection.cursor() as cursor:
        cursor.execute(ENTERED, {"segment": segment_id, "ids": list(ids), "chunks": chunks})
        return dict(cursor.fetchall())


def newest_changes(segment_id: int, *, limit: int) -> list[MembershipChange]:
    """The newest changes of a segment, newest first; those of packed rows are not saved as rows of their own."""
    found = list(MembershipChange.objects.filter(segment_id=segment_id).order_by("-pk")[:limit])
    packed = PackedChange.objects.filter(segment_id=segment_id).order_by("-pk")
    for row in packed[: -(-limit // PACKED_FROM)]:
        found += [
            MembershipChange(
                pass_id=row.pass_id, segment_id=segment_id, person_id=person, is_entering=row.is_entering,
                is_muted=row.is_muted, reason=row.reason, at=row.at,
            )
            for person in row.person_ids[:limit]
        ]  # fmt: skip
    return sorted(found, key=lambda change: change.pass_id, reverse=True)[:limit]


def forget(person_ids: Iterable[int]) -> None:
    """Take erased persons out of packed rows; rows of their own go with all others of theirs."""
    ids = sorted(set(person_ids))
    chunks = [person >> packing.CHUNK_BITS for person in ids]
    lows = [(person & (packing.CHUNK - 1)) - HALF for person in ids]
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [chunks, lows])
