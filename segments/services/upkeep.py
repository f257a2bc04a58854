"""The upkeep of segments: the journal of who entered and left is kept for a term, then forgotten in small batches."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

# Ids grow with time but for the few passes under way at once, so the oldest rows are the first by id. Beginning each batch
# after the one before spares it the dead rows at the start of the index.
FORGET = """
WITH oldest AS (SELECT id, at FROM {table} WHERE id > %(after)s ORDER BY id LIMIT %(batch)s),
gone AS (DELETE FROM {table} t USING oldest o WHERE t.id = o.id AND o.at < %(before)s)
SELECT coalesce(max(id) FILTER (WHERE at < %(before)s), 0), count(*) FILTER (WHERE at < %(before)s) FROM oldest
"""
BATCHES = {"segments_membershipchange": 10_000, "segments_packedchange": 500}  # rows of a statement
MOST_BATCHES = 100  # of a table in a run: a million single rows an hour


@dataclass(frozen=True, slots=True)
class JournalReport:
    """`changes` and `packed`: rows deleted; `is_all`: whether none older than `before` is left."""

    before: datetime
    changes: int
    packed: int
    is_all: bool


def kept_since(now: datetime) -> datetime:
    """The oldest instant whose changes of membership are kept (`CDP_MEMBERSHIP_DAYS`)."""
    return now - timedelta(days=settings.MEMBERSHIP_DAYS)


def forget_changes(*, now: datetime, most_batches: int = MOST_BATCHES) -> JournalReport:
    """Delete changes of membership past their term, the oldest first, each batch a statement; safe to repeat."""
    before = kept_since(now)
    found = {table: _forget(table, before, most_batches) for table in BATCHES}
    return JournalReport(
        before,
        changes=found["segments_membershipchange"][0],
        packed=found["segments_packedchange"][0],
        is_all=all(is_all for _count, is_all in found.values()),
    )


def _forget(table: str, before: datetime, most_batches: int) -> tuple[int, bool]:
    total = after = 0
    for _ in range(most_batches):
        with connection.cursor() as cursor:
            cursor.execute(
                FORGET.format(table=table), {"after": after, "before": before, "batch": BATCHES[table]}
            )
            last, count = cursor.fetchone()
        total += count
        if count < BATCHES[table]:
            return total, True
        after = last
    return total, False
