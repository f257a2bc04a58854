"""Housekeeping: partitions of steps, old refusals, tallies and launches (product document 17, retention)."""

from datetime import datetime, timedelta

from django.db import connection

from workflows.models import StartTally
from workflows.partitions import ensure_partitions

KEPT_REFUSALS = 1_000
LAUNCH_DAYS = 730
BATCH = 10_000
FORGET_REFUSALS = """
DELETE FROM workflows_startrefusal r USING (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY workflow_id ORDER BY id DESC) AS place FROM workflows_startrefusal
    ) ranked WHERE place > %s
) old WHERE r.id = old.id
"""
FORGET_LAUNCHES = """
DELETE FROM workflows_run WHERE id IN (
    SELECT id FROM workflows_run WHERE state NOT IN ('running', 'paused') AND ended_at < %s ORDER BY id LIMIT %s
)
"""


def keep_steps(*, now: datetime) -> None:
    """Make partitions of steps ahead, drop those past their time."""
    ensure_partitions(connection=connection, now=now)


def forget_old(*, now: datetime) -> dict[str, int]:
    """Forget refusals beyond the newest thousand of each workflow, launches and tallies of more than two years ago."""
    oldest = now - timedelta(days=LAUNCH_DAYS)
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(FORGET_REFUSALS, [KEPT_REFUSALS])
        found["refusals"] = cursor.rowcount
        cursor.execute(FORGET_LAUNCHES, [oldest, BATCH])
        found["launches"] = cursor.rowcount
    found["tallies"] = StartTally.objects.filter(day__lt=oldest.date()).delete()[0]
    return found
