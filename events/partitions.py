"""Monthly partitions of the event store: made ahead, dropped when the retention has passed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

TABLE = "events_event"
MONTHS_AHEAD = 3
FIRST = datetime(2000, 1, 1, tzinfo=UTC)  # no event is older: claims before it are not believed
MOST_DAYS = 36_500
# Made apart and attached: CREATE TABLE … PARTITION OF would lock the whole store against readers and writers.
CREATE = f"CREATE TABLE {{name}} (LIKE {TABLE} INCLUDING ALL)"
ATTACH = f"ALTER TABLE {TABLE} ATTACH PARTITION {{name}} FOR VALUES FROM (%s) TO (%s)"
PRESENT = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass ORDER BY 1
"""


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


def keep_from(now: datetime, days: int) -> datetime:
    """The oldest instant that `days` of retention keep."""
    return max(FIRST, now - timedelta(days=min(days, MOST_DAYS)))


def present_partitions(connection: Any) -> list[str]:
    """Names of the partitions there are, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(PRESENT, [TABLE])
        return [name for (name,) in cursor.fetchall()]


def make_partitions(*, connection: Any, now: datetime, retention_days: int) -> list[str]:
    """Make every missing month from the oldest kept instant to `MONTHS_AHEAD` months after `now`; returns their names.

    Idempotent; readers and writers of the store go on meanwhile.

    Args:
        connection: a Django database connection (a migration passes its own).
        retention_days: how long events are kept; the longest of the account and of all types.
    """
    present = set(present_partitions(connection))
    newest = now + timedelta(days=31 * MONTHS_AHEAD)
    wanted = {partition_name(month): month for month in months(keep_from(now, retention_days), newest)}
    missing = [name for name in wanted if name not in present]
    with connection.cursor() as cursor:
        for name in missing:
            cursor.execute(CREATE.format(name=name))
            cursor.execute(ATTACH.format(name=name), [wanted[name], next_month(wanted[name])])
    return missing


def drop_partitions(*, connection: Any, now: datetime, retention_days: int) -> list[str]:
    """Drop the partitions whose whole month lies before the retention; returns their names."""
    oldest = partition_name(keep_from(now, retention_days))
    expired = [name for name in present_partitions(connection) if name < oldest]
    with connection.cursor() as cursor:
        for name in expired:
            cursor.execute(f"DROP TABLE {name}")
    return expired


def ensure_partitions(*, connection: Any, now: datetime, retention_days: int) -> PartitionReport:
    """Make the months that are needed and drop those that are past; idempotent."""
    return PartitionReport(
        make_partitions(connection=connection, now=now, retention_days=retention_days),
        drop_partitions(connection=connection, now=now, retention_days=retention_days),
    )
