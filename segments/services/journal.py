"""Writes what changed: chunks, the journal, the days' figures and sizes, and tells higher apps; in the caller's transaction.

A few persons are a row each; many of one chunk are one packed row. The view `segments_journal` reads both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from pyroaring import BitMap64

from cdp.hooks import MembershipChanged, membership_changed
from segments.models import MembershipChange, PackedChange
from segments.services import packing
from segments.services.chunks import ChangedChunks, writing

PACKED_FROM = 64  # persons of one segment and chunk that came, or went, in one pass
HALF = 1 << 15  # `lows` are two-byte integers with a sign
# All that a pass writes is one statement: its parts, then what it has to know.
BEGINNING = "WITH pass AS MATERIALIZED (SELECT nextval('segments_pass_seq') AS id)"
ENDING = """
SELECT id, ARRAY(SELECT DISTINCT source FROM segments_segmentsource WHERE source = ANY(%(words)s::text[])) FROM pass
"""
NOTE = """
INSERT INTO segments_membershipchange (pass_id, segment_id, person_id, is_entering, is_muted, reason, at)
SELECT pass.id, w.segment_id, w.person_id, w.is_entering, w.is_muted, w.reason, %(now)s
FROM pass, unnest(%(one_segments)s::bigint[], %(one_persons)s::bigint[], %(one_entering)s::bool[], %(one_muted)s::bool[],
    %(one_reasons)s::text[]) AS w (segment_id, person_id, is_entering, is_muted, reason)
"""
# The persons of all rows travel as one array; each row takes its part.
NOTE_PACKED = """
INSERT INTO segments_packedchange (pass_id, segment_id, chunk, is_entering, is_muted, reason, at, lows)
SELECT pass.id, w.segment_id, w.chunk, w.is_entering, w.is_muted, w.reason, %(now)s, (%(lows)s::smallint[])[w.start:w.stop]
FROM pass, unnest(%(many_segments)s::bigint[], %(many_chunks)s::bigint[], %(many_entering)s::bool[], %(many_muted)s::bool[],
    %(many_reasons)s::text[], %(many_starts)s::int[], %(many_stops)s::int[])
    AS w (segment_id, chunk, is_entering, is_muted, reason, start, stop)
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
SELECT segment_id, %(day)s, came, went
FROM unnest(%(changed)s::bigint[], %(came)s::bigint[], %(went)s::bigint[]) AS w (segment_id, came, went)
ON CONFLICT (segment_id, day) DO UPDATE
SET entered = segments_segmentday.entered + excluded.entered, "left" = segments_segmentday."left" + excluded."left"
"""
# Nor does anybody else count them; each night's build sets the size to what it finds.
RESIZE = """
UPDATE segments_segment s SET changed_at = %(now)s, size = s.size + w.came - w.went
FROM unnest(%(changed)s::bigint[], %(came)s::bigint[], %(went)s::bigint[]) AS w (segment_id, came, went)
WHERE s.id = w.segment_id
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
    """Rows to write, as columns: segment, person or chunk, entering, muted, reason and, packed, the persons' place."""

    single: list[tuple[int, int, bool, bool, str]] = field(default_factory=list)
    packed: list[tuple[int, int, bool, bool, str, int, int]] = field(default_factory=list)
    lows: list[str] = field(default_factory=list)  # parts of an array in SQL's notation
    length: int = 0  # of all parts

    def add(self, one: Difference, ids: BitMap64, *, is_entering: bool) -> None:
        more = (is_entering, one.is_muted, one.reason)
        place = 0  # of the chunk's first among the ids
        lows = low_halves(ids)
        for chunk in packing.chunks_in(ids):
            start = chunk << packing.CHUNK_BITS
            count = ids.range_cardinality(start, start + packing.CHUNK)
            some = lows[place : place + count]
            place += count
            if count < PACKED_FROM:
                middle = start + HALF
                self.single += [(one.segment_id, middle + low, *more) for low in some]
                continue
            self.packed.append((one.segment_id, chunk, *more, self.length + 1, self.length + count))
            self.lows.append(str(some)[1:-1])
            self.length += count

    def parts(self) -> tuple[list[str], dict[str, Any]]:
        """The statements that write the rows, and their parameters."""
        statements: list[str] = []
        values: dict[str, Any] = {}
        if self.single:
            statements.append(NOTE)
            values |= _columns("one", ("segments", "persons", "entering", "muted", "reasons"), self.single)
        if self.packed:
            names = ("segments", "chunks", "entering", "muted", "reasons", "starts", "stops")
            statements.append(NOTE_PACKED)
            values |= _columns("many", names, self.packed)
            values["lows"] = packing.array_of(self.lows)
        return statements, values


def low_halves(ids: BitMap64) -> list[int]:
    """The low 16 bits of ids less 32 768, in the order of the ids."""
    words = memoryview(ids.shift(HALF).to_array()).cast("B").cast("h")
    return words[::4].tolist() if ids else []


def write_changes(differences: Sequence[Difference], chunks: ChangedChunks, *, now: datetime) -> int:
    """Write what a pass changed: chunks, journal, figures of the day and sizes, in one statement.

    It is passed on to segments that refer to these, and announced. The caller holds the segments' lanes, and `chunks` are
    those in which the differences lie.

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
    written, values = writing(chunks)
    noted, more = rows.parts()
    values |= more
    values |= {
        "now": now, "day": now.astimezone(UTC).date(), "changed": packing.array_of(segment_ids),
        "words": packing.array_of(f"segment.{number}" for number in segment_ids),
        "came": packing.array_of(counts[key][0] for key in segment_ids),
        "went": packing.array_of(counts[key][1] for key in segment_ids),
    }  # fmt: skip
    parts = [f"part{place} AS ({text})" for place, text in enumerate([*written, *noted, COUNT_DAY, RESIZE])]
    with connection.cursor() as cursor:
        cursor.execute(", ".join([BEGINNING, *parts]) + ENDING, values)
        pass_id, referred = cursor.fetchone()
        if referred:
            outer = [int(word.removeprefix("segment.")) for word in referred]
            cursor.execute(CASCADE, [now, pass_id, outer])
    count = sum(came + went for came, went in counts.values())
    membership_changed.send(MembershipChanged(pass_id=pass_id, segment_ids=segment_ids, count=count, now=now))
    return int(pass_id)


def _columns(kind: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    columns = zip(*rows, strict=True)
    return {f"{kind}_{name}": packing.array_of(column) for name, column in zip(names, columns, strict=True)}


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
