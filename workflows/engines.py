"""The engines of automation: signals become starts and stops, due launches move on, jobs work on many launches."""

import time
from datetime import datetime
from typing import Any

from django.db import connection

from cdp.bell import ring
from cdp.engine import Engine, register
from workflows.models import JobState, WorkflowJob
from workflows.services.jobs import work_job
from workflows.services.signalling import work_signals
from workflows.services.stepping import step_due

SLICE_SECONDS = 1.5
SIGNALS, LARGEST_SIGNALS = 1_000, 5_000
STEPS, LARGEST_STEPS = 1_000, 5_000
COUNTED = 100_000


class WorkflowSignals(Engine):
    """Turns what happened into starts and stops; a full batch makes the next one bigger."""

    name = "workflow_signals"
    group = "fast"

    def work(self, now: datetime) -> int:
        started, total, limit = time.monotonic(), 0, SIGNALS
        while time.monotonic() - started < SLICE_SECONDS:
            count = work_signals(limit=limit, now=now)
            total += count
            if not count:
                break
            limit = LARGEST_SIGNALS if count >= limit else SIGNALS
        if total:
            ring("workflow_runs")
        return total

    def backlog(self) -> tuple[int, datetime | None]:
        return _backlog("workflows_signal", "at", "true", "id", None)


class WorkflowRuns(Engine):
    """Moves due launches on; any number of processes share them."""

    name = "workflow_runs"
    group = "fast"

    def work(self, now: datetime) -> int:
        started, total, limit = time.monotonic(), 0, STEPS
        while time.monotonic() - started < SLICE_SECONDS:
            count = step_due(limit=limit, now=now)
            total += count
            if not count:
                break
            limit = LARGEST_STEPS if count >= limit else STEPS
        return total

    def backlog(self) -> tuple[int, datetime | None]:
        now = datetime.now().astimezone()
        return _backlog("workflows_run", "wake_at", "state = 'running' AND wake_at <= %s", "wake_at", now)


class WorkflowJobs(Engine):
    """Works on many launches, apart from the live path."""

    name = "workflow_jobs"
    group = "bulk"

    def work(self, now: datetime) -> int:
        return work_job(now=now)

    def backlog(self) -> tuple[int, datetime | None]:
        waiting = WorkflowJob.objects.filter(state__in=(JobState.WAITING, JobState.RUNNING))
        oldest = waiting.order_by("pk").values_list("created_at", flat=True).first()
        return waiting.count(), oldest


def _backlog(table: str, column: str, where: str, order: str, now: Any) -> tuple[int, datetime | None]:
    values = [] if now is None else [now]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {where} LIMIT {COUNTED}) waiting", values
        )
        [count] = cursor.fetchone()
        cursor.execute(f"SELECT {column} FROM {table} WHERE {where} ORDER BY {order} LIMIT 1", values)
        oldest = cursor.fetchone()
    return count, oldest[0] if oldest else None


def register_all() -> None:
    register(WorkflowSignals())
    register(WorkflowRuns())
    register(WorkflowJobs())
