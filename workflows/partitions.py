"""Monthly partitions of launch steps: made ahead, dropped when the retention has passed."""

from datetime import datetime, timedelta
from typing import Any

from events.partitions import MONTHS_AHEAD, PartitionReport, month_start, months, next_month

TABLE = "workflows_runstep"
RETENTION_DAYS = 120  # full steps are kept 90 days and the rest of their month


def ensure_partitions(
    *, connection: Any, now: datetime, retention_days: int = RETENTION_DAYS
) -> PartitionReport:
    """Make every month from the oldest kept instant to `MONTHS_AHEAD` after `now`, drop older ones. Idempotent."""
    oldest = month_start(now - timedelta(days=retention_days))
    report = PartitionReport()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
            [TABLE],
        )
        present = {name for (name,) in cursor.fetchall()}
        for month in months(oldest, now + timedelta(days=31 * MONTHS_AHEAD)):
            name = f"{TABLE}_{month:%Y%m}"
            if name not in present:
                cursor.execute(
                    f"CREATE TABLE {name} PARTITION OF {TABLE} FOR VALUES FROM (%s) TO (%s)",
                    [month, next_month(month)],
                )
                report.made.append(name)
        for name in sorted(present):
            if name < f"{TABLE}_{oldest:%Y%m}":
                cursor.execute(f"DROP TABLE {name}")
                report.dropped.append(name)
    return report
