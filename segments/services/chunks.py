"""The stored members of segments: chunks of bitmaps, read whole or where asked, written where they differ."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from pyroaring import BitMap64

from segments.models import SegmentChunk
from segments.services import packing

WRITE = """
INSERT INTO segments_segmentchunk (segment_id, chunk, bits, count)
SELECT segment_id, chunk, bits, count FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::int[])
    AS w (segment_id, chunk, bits, count)
ON CONFLICT (segment_id, chunk) DO UPDATE SET bits = excluded.bits, count = excluded.count
"""
REMOVE = """
DELETE FROM segments_segmentchunk c USING unnest(%s::bigint[], %s::bigint[]) AS w (segment_id, chunk)
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


def write_chunks(changed: dict[tuple[int, int], BitMap64]) -> None:
    """Write whole chunks by (segment, number); empty ones go."""
    kept = {key: ids for key, ids in changed.items() if ids}
    gone = [key for key in changed if key not in kept]
    with connection.cursor() as cursor:
        if kept:
            order = sorted(kept)
            columns: list[list[Any]] = [
                [segment for segment, _ in order], [chunk for _, chunk in order],
                [packing.serialise(kept[key]) for key in order], [len(kept[key]) for key in order],
            ]  # fmt: skip
            cursor.execute(WRITE, columns)
        if gone:
            cursor.execute(REMOVE, [[segment for segment, _ in gone], [chunk for _, chunk in gone]])


def replace_members(segment_id: int, *, before: BitMap64, after: BitMap64) -> None:
    """Write the chunks in which two sets differ."""
    touched = packing.chunks_in(before ^ after)
    write_chunks({(segment_id, chunk): packing.chunk_of(after, chunk) for chunk in touched})
