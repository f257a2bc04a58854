"""The stored members of segments: chunks of bitmaps, read whole or where asked, written where they differ."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from django.db import connection
from pyroaring import BitMap64

from segments.models import SegmentChunk
from segments.services import packing

ChangedChunks = dict[tuple[int, int], BitMap64]  # by segment and number; an empty one goes
# The bitmaps travel as one value; each row takes its part.
WRITE = """
INSERT INTO segments_segmentchunk (segment_id, chunk, bits, count)
SELECT segment_id, chunk, substring(%(bits)s::bytea FROM start FOR length), count
FROM unnest(%(segments)s::bigint[], %(chunks)s::bigint[], %(starts)s::int[], %(lengths)s::int[], %(counts)s::int[])
    AS w (segment_id, chunk, start, length, count)
ON CONFLICT (segment_id, chunk) DO UPDATE SET bits = excluded.bits, count = excluded.count
"""
REMOVE = """
DELETE FROM segments_segmentchunk c USING unnest(%(empty_segments)s::bigint[], %(empty_chunks)s::bigint[])
    AS w (segment_id, chunk)
WHERE c.segment_id = w.segment_id AND c.chunk = w.chunk
"""
READ = """
SELECT segment_id, chunk, bits FROM segments_segmentchunk
WHERE segment_id = ANY(%s) AND (%s::bigint[] IS NULL OR chunk = ANY(%s))
"""


def stored_members(segment_id: int, *, among: Iterable[int] | None = None) -> BitMap64:
    """The stored members of a segment; with `among`, only those of these ids."""
    if among is None:
        return packing.union(read_chunks([segment_id]).get(segment_id, {}).values())
    wanted = BitMap64(among)
    chunks = read_chunks([segment_id], list(packing.chunks_in(wanted)))
    return packing.union(chunks.get(segment_id, {}).values()) & wanted


def page_of_members(segment_id: int, *, after: int, limit: int) -> list[int]:
    """At most `limit` member ids greater than `after`, ascending, reading no chunk before them."""
    found: list[int] = []
    rows = SegmentChunk.objects.filter(segment_id=segment_id, chunk__gte=(after + 1) >> packing.CHUNK_BITS)
    for bits in rows.order_by("chunk").values_list("bits", flat=True).iterator(chunk_size=4):
        for number in packing.deserialise(bits).iter_equal_or_larger(after + 1):
            found.append(number)
            if len(found) == limit:
                return found
    return found


def segments_holding(person_id: int, segment_ids: Sequence[int]) -> list[int]:
    """Which of the segments hold a person, by their stored members: one chunk of each is read."""
    rows = SegmentChunk.objects.filter(
        segment_id__in=list(segment_ids), chunk=person_id >> packing.CHUNK_BITS
    )
    found = rows.values_list("segment_id", "bits")
    return [segment_id for segment_id, bits in found if person_id in packing.deserialise(bits)]


def read_chunks(
    segment_ids: Sequence[int], chunks: Sequence[int] | None = None
) -> dict[int, dict[int, BitMap64]]:
    """Chunks by segment and number."""
    found: dict[int, dict[int, BitMap64]] = {}
    wanted = None if chunks is None else list(chunks)
    with connection.cursor() as cursor:
        cursor.execute(READ, [list(segment_ids), wanted, wanted])
        for segment_id, chunk, bits in cursor.fetchall():
            found.setdefault(segment_id, {})[chunk] = packing.deserialise(bits)
    return found


def writing(changed: ChangedChunks) -> tuple[list[str], dict[str, Any]]:
    """The statements that write whole chunks, empty ones going, and their parameters."""
    kept = sorted(key for key, ids in changed.items() if ids)
    gone = sorted(key for key, ids in changed.items() if not ids)
    statements: list[str] = []
    values: dict[str, Any] = {}
    if kept:
        parts = [packing.serialise(changed[key]) for key in kept]
        lengths = [len(part) for part in parts]
        values |= {
            "segments": packing.array_of(segment for segment, _ in kept),
            "chunks": packing.array_of(chunk for _, chunk in kept),
            "counts": packing.array_of(len(changed[key]) for key in kept),
            "bits": b"".join(parts), "lengths": packing.array_of(lengths),
            "starts": packing.array_of(accumulate(lengths[:-1], initial=1)),
        }  # fmt: skip
        statements.append(WRITE)
    if gone:
        values |= {
            "empty_segments": packing.array_of(segment for segment, _ in gone),
            "empty_chunks": packing.array_of(chunk for _, chunk in gone),
        }
        statements.append(REMOVE)
    return statements, values


def changed_chunks(segment_id: int, *, before: BitMap64, after: BitMap64) -> ChangedChunks:
    """The chunks in which two sets of a segment's members differ, as they shall be."""
    touched = packing.chunks_in(before ^ after)
    return {(segment_id, chunk): packing.chunk_of(after, chunk) for chunk in touched}


def replace_members(segment_id: int, *, before: BitMap64, after: BitMap64) -> None:
    """Write the chunks in which two sets differ; tells nobody (`journal.write_changes` does)."""
    statements, values = writing(changed_chunks(segment_id, before=before, after=after))
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)
