"""Monthly partitions of the event store: made ahead, dropped when the retention has passed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

TABLE = "events_event"
MONTHS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """Names of partitions that a call made or dropped."""

    made: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def month_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    return month_start(month + timedelta(days=32))


def months(first: datetime, last: datetime) -> Iterator[datetime]:
    """Starts of the months that `first` to `last` touch, in order."""
    month = month_start(first)
    while month <= last:
        yield month
        month = next_month(month)


def partition_name(month: datetime) -> str:
    return f"{TABLE}_{month:%Y%m}"


def ensure_partitions(*, connection: Any, now: datetime, retention_days: int) -> PartitionReport:
    """Make every month from the oldest kept instant to `MONTHS_AHEAD` months after `now`, and drop older ones.

    A partition is dropped only when all of its month lies before the retention. Idempotent; takes short locks.

    Args:
        connection: a Django database connection (a migration passes its own).
        retention_days: how long events are kept; the longest of the account and of all types.
    """
    oldest = month_start(now - timedelta(days=retention_days))
    newest = now + timedelta(days=31 * MONTHS_AHEAD)
    report = PartitionReport()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
            [TABLE],
        )
        present = {name for (name,) in cursor.fetchall()}
        for month in months(oldest, newest):
            name = partition_name(month)
            if name in present:
                continue
            cursor.execute(
                f"CREATE TABLE {name} PARTITION OF {TABLE} FOR VALUES FROM (%s) TO (%s)",
                [month, next_month(month)],
            )
            report.made.append(name)
        for name in sorted(present):
            if name < partition_name(oldest):
                cursor.execute(f"DROP TABLE {name}")
                report.dropped.append(name)
    return report
