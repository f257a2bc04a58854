"""Ends launches from outside: exit rules, by hand, with their workflow."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp.sql import load
from workflows.models import Run
from workflows.services.journal import Journal

MOST_AT_ONCE = 5_000


def end_runs(reasons: Mapping[int, str], journal: Journal, *, state: str = "stopped") -> int:
    """End open launches, in the caller's transaction; returns how many were open.

    Args:
        reasons: why, by launch id.
    """
    if not reasons:
        return 0
    values: dict[str, Any] = {
        "ids": list(reasons),
        "reasons": list(reasons.values()),
        "state": state,
        "now": journal.now,
    }
    with connection.cursor() as cursor:
        cursor.execute(load("workflows", "end_runs"), values)
        rows = cursor.fetchall()
    for run_id, person_id, number, node, version_id, entered_at, reason, is_test in rows:
        result = f"{state}:{reason}"
        journal.step(run_id, person_id, number, node, version_id, entered_at, result, is_test=is_test)
        journal.count(version_id, node, f"end:{state}", is_test=is_test)
    return len(rows)


def stop_runs(run_ids: list[int], *, actor: str, now: datetime) -> int:
    """End launches by hand, at most `MOST_AT_ONCE`; returns how many were open.

    Raises:
        ValueError: too many at once; a job stops a whole workflow.
    """
    if len(run_ids) > MOST_AT_ONCE:
        raise ValueError(f"at most {MOST_AT_ONCE} launches are stopped at once")
    with transaction.atomic():
        journal = Journal(now)
        known = Run.objects.filter(pk__in=run_ids).values_list("pk", flat=True)
        count = end_runs(dict.fromkeys(known, f"by hand: {actor}"), journal)
        journal.write()
    return count
