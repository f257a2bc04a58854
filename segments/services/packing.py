"""Sets of person ids on their way: from SQL to bitmaps in packed binary, and between bitmaps and stored chunks."""

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyroaring import BitMap, BitMap64

CHUNK_BITS = 16
CHUNK = 1 << CHUNK_BITS
# One row per 2^24 ids, the low three bytes of an id in four: a million ids travel in 4 MB and become a bitmap in about 4 ms.
LOW = "int4send((person_id & 16777215)::int)"
PACK = f"""
SELECT [key]person_id >> 24, string_agg({LOW}, ''::bytea)
FROM ([query]) found GROUP BY [group]1
"""


def packed(query: str) -> str:
    """A query of `person_id`, packed: rows of (id >> 24, the low three bytes of every id)."""
    return PACK.replace("[key]", "").replace("[group]", "").replace("[query]", query)


def packed_together(query: str) -> str:
    """A query of `k, person_id`, packed per k: rows of (k, id >> 24, bytes)."""
    return (
        PACK.replace("[key]", "k, ").replace("[group]", "1, ").replace("1\n", "2\n").replace("[query]", query)
    )


def packed_columns(query: str, columns: Sequence[str]) -> str:
    """A query of `person_id` and truths: rows of (id >> 24, the packed ids for whom each column is true or nothing)."""
    sets = ", ".join(f"string_agg(low, ''::bytea) FILTER (WHERE {name})" for name in columns)
    return (
        f"SELECT high, {sets} FROM (SELECT person_id >> 24 AS high, {LOW} AS low, "
        f"{', '.join(columns)} FROM ({query}) asked) found GROUP BY high"
    )


def unpack(rows: Iterable[tuple[int, Any]]) -> BitMap64:
    """Rows of `packed` as a bitmap."""
    by_high: dict[int, BitMap] = {}
    for key, data in rows:
        words = array("I")
        words.frombytes(bytes(data))
        words.byteswap()
        high = key >> 8
        found = BitMap(words).shift((key & 0xFF) << 24)
        by_high[high] = by_high[high] | found if high in by_high else found
    return join(by_high)


def join(by_high: dict[int, BitMap]) -> BitMap64:
    """32-bit bitmaps by the high half of the id as one bitmap (the portable format is just that)."""
    parts = [struct.pack("<Q", len(by_high))]
    for high in sorted(by_high):
        parts += [struct.pack("<I", high), by_high[high].serialize()]
    return BitMap64.deserialize(b"".join(parts)) if by_high else BitMap64()


def chunk_of(ids: BitMap64, chunk: int) -> BitMap64:
    """The members of one chunk."""
    return ids & BitMap64(range(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS))


def chunks_in(ids: BitMap64) -> Iterator[int]:
    """The chunks that hold any of the ids, ascending; costs a step a chunk."""
    at = ids.next_set_bit(0) if ids else -1
    while at >= 0:
        chunk = at >> CHUNK_BITS
        yield chunk
        beyond = (chunk + 1) << CHUNK_BITS
        if not ids.range_cardinality(beyond, 1 << 63):
            return
        at = ids.next_set_bit(beyond)


def array_of(values: Iterable[object]) -> str:
    """An array in SQL's notation, to be cast by the statement; of numbers, truths and plain words."""
    return f"{{{','.join(map(str, values))}}}"


def serialise(ids: BitMap64) -> bytes:
    return bytes(ids.serialize())


def deserialise(data: Any) -> BitMap64:
    return BitMap64.deserialize(bytes(data))


def union(parts: Iterable[BitMap64]) -> BitMap64:
    found = BitMap64()
    for part in parts:
        found |= part
    return found
