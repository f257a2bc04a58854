"""Fills an empty, migrated database: `load.sql`, two segments with stored members, statistics as autovacuum keeps them."""

from datetime import UTC, datetime
from pathlib import Path

from django.db import connection

FEW, MANY = "Few", "Many"
CHUNK_BITS = 16


def load(*, contacts: int, events: int) -> None:
    """Takes about a minute for 100 000 contacts or two million events."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('bench.contacts', %s, false)", [str(contacts)])
        cursor.execute("SELECT set_config('bench.events', %s, false)", [str(events)])
        cursor.execute((Path(__file__).parent / "load.sql").read_text())
    make_segment(FEW, range(7, contacts, 1_000))
    make_segment(MANY, range(1, contacts, 2))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def make_segment(name: str, ids: range) -> None:
    """A segment as its build leaves it, with these members."""
    from pyroaring import BitMap64

    from segments.models import Segment, SegmentChunk

    now = datetime.now(UTC)
    segment = Segment.objects.create(
        name=name, definition={}, size=len(ids), built_at=now, created_at=now, updated_at=now
    )
    chunks: dict[int, list[int]] = {}
    for one in ids:
        chunks.setdefault(one >> CHUNK_BITS, []).append(one)
    SegmentChunk.objects.bulk_create(
        SegmentChunk(segment=segment, chunk=chunk, bits=BitMap64(members).serialize(), count=len(members))
        for chunk, members in chunks.items()
    )
