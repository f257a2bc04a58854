"""Monthly partitions of deliveries (by month of their cause) and of message activity, made ahead and dropped when old."""

from datetime import datetime, timedelta
from typing import Any

from events.partitions import MONTHS_AHEAD, PartitionReport, month_start, months, next_month

TABLES = ("messaging_delivery", "messaging_activity")
MONTHS_BACK = 12  # a cause may be older than its delivery: a workflow run of last year


def ensure_partitions(
    *, connection: Any, now: datetime, retention_days: int, since: datetime | None = None
) -> PartitionReport:
    """Make the months from `since` (default: `MONTHS_BACK` before `now`) to `MONTHS_AHEAD` after, drop those past keeping.

    Idempotent; takes short locks.

    Args:
        connection: a Django database connection (a migration passes its own).
    """
    first = month_start(since or now - timedelta(days=31 * MONTHS_BACK))
    newest = now + timedelta(days=31 * MONTHS_AHEAD)
    oldest_kept = month_start(now - timedelta(days=retention_days))
    report = PartitionReport()
    for table in TABLES:
        with connection.cursor() as cursor:
            present = partitions_of(cursor, table)
            for month in months(max(first, oldest_kept), newest):
                name = f"{table}_{month:%Y%m}"
                if name not in present:
                    bounds = [month.date(), next_month(month).date()]
                    cursor.execute(
                        f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM (%s) TO (%s)",
                        bounds if table == TABLES[0] else [month, next_month(month)],
                    )
                    report.made.append(name)
            for name in sorted(present):
                if name < f"{table}_{oldest_kept:%Y%m}":
                    cursor.execute(f"DROP TABLE {name}")
                    report.dropped.append(name)
    return report


def partitions_of(cursor: Any, table: str) -> set[str]:
    cursor.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
        [table],
    )
    return {name for (name,) in cursor.fetchall()}
