"""Jobs on many launches, a bounded slice a transaction: launch for a list or segment, resume, stop, move to a version.

`cursor` is the last id done, so a job that dies goes on after its last slice.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from cdp.crash import crash_point
from cdp.hooks import HookError
from contacts.models import ListMember
from segments.services.chunks import page_of_members
from workflows.definition.durations import read_duration
from workflows.models import JobKind, JobState, Run, StartKind, Workflow, WorkflowJob, WorkflowStatus
from workflows.services.candidates import Candidate
from workflows.services.compiled import compiled_version
from workflows.services.ending import end_runs
from workflows.services.journal import Journal
from workflows.services.listening import listen
from workflows.services.starting import start_runs

log = structlog.get_logger(__name__)

SLICE = 1_000
OPEN = ("running", "paused")
RESUME = """
WITH due AS (SELECT id FROM workflows_run WHERE id = ANY(%s) AND state = 'paused' ORDER BY id FOR UPDATE)
UPDATE workflows_run r SET state = 'running' FROM due WHERE r.id = due.id
"""
MOVE = """
WITH due AS (
    SELECT r.id, u.node, u.is_here FROM workflows_run r
    JOIN unnest(%(ids)s::bigint[], %(nodes)s::text[], %(here)s::bool[]) AS u (id, node, is_here) ON u.id = r.id
    WHERE r.state IN ('running', 'paused') ORDER BY r.id FOR UPDATE OF r
)
UPDATE workflows_run r
SET version_id = %(version)s, node = due.node,
    number = r.number + 1, entered_at = CASE WHEN due.is_here THEN r.entered_at ELSE %(now)s END,
    wake_at = CASE WHEN due.is_here THEN r.wake_at ELSE %(now)s END,
    wait = CASE WHEN due.is_here THEN r.wait END,
    delivery_id = CASE WHEN due.is_here THEN r.delivery_id END
FROM due WHERE r.id = due.id
RETURNING r.id
"""


def work_job(*, now: datetime) -> int:
    """Do one slice of the oldest job; returns how many rows it handled, at least 1 while a job is open."""
    job_id = 0
    try:
        with transaction.atomic():
            job = (
                WorkflowJob.objects.filter(state__in=(JobState.WAITING, JobState.RUNNING))
                .select_for_update(skip_locked=True).order_by("pk").first()
            )  # fmt: skip
            if job is None:
                return 0
            job_id = job.pk
            journal = Journal(now)
            handled = KINDS[job.kind](job, journal)
            job.state = JobState.RUNNING
            if not handled:
                job.state, job.ended_at = JobState.DONE, now
            job.save()
            journal.write()
            crash_point("workflow_job_before_commit")
            return handled or 1
    except (OperationalError, InterfaceError, HookError):
        raise
    except Exception as error:
        log.exception("workflow_job_failed", job=job_id)
        WorkflowJob.objects.filter(pk=job_id).update(
            state=JobState.FAILED, error=f"{type(error).__name__}: {error}"[:2000], ended_at=now
        )
        return 1


def _launch(job: WorkflowJob, journal: Journal) -> int:
    source, number = job.params["source"], int(job.params["id"])
    if source == "list":
        rows = ListMember.objects.filter(list_id=number, contact_id__gt=job.cursor).order_by("contact_id")
        ids = list(rows.values_list("contact_id", flat=True)[:SLICE])
    else:
        ids = page_of_members(number, after=job.cursor, limit=SLICE)
    if not ids:
        return 0
    kind = StartKind.LIST if source == "list" else StartKind.SEGMENT
    candidates = [Candidate(job.workflow_id, pk, kind, journal.now, key=str(pk), params={}) for pk in ids]
    started = start_runs(candidates, journal)
    job.cursor = ids[-1]
    job.done += len(started.run_ids)
    job.refused += sum(started.refused.values())
    return len(ids)


def _open_runs(job: WorkflowJob, *states: str) -> list[tuple[Any, ...]]:
    rows = Run.objects.filter(
        workflow_id=job.workflow_id, state__in=states or OPEN, pk__gt=job.cursor
    ).order_by("pk")
    return list(
        rows.values_list(
            "pk", "node", "version_id", "number", "person_id", "entered_at", "wake_at", "is_test"
        )[:SLICE]
    )


def _stop(job: WorkflowJob, journal: Journal) -> int:
    rows = _open_runs(job)
    if rows:
        job.done += end_runs(dict.fromkeys((row[0] for row in rows), "workflow_stopped"), journal)
        job.cursor = rows[-1][0]
        return len(rows)
    workflow = Workflow.objects.select_for_update(no_key=True).get(pk=job.workflow_id)
    if workflow.status == WorkflowStatus.STOPPING:
        workflow.status = WorkflowStatus.NOT_ACTIVE
        workflow.save(update_fields=["status"])
        listen(workflow, compiled_version(workflow.version_id).definition if workflow.version_id else None)
    return 0


def _resume(job: WorkflowJob, journal: Journal) -> int:
    """Launches go on; by the workflow's policy, those that are too late end instead."""
    rows = _open_runs(job, "paused")
    if not rows:
        return 0
    late: dict[int, str] = {}
    for pk, _node, version_id, _number, _person, _entered, wake_at, _is_test in rows:
        policy = compiled_version(version_id).definition.settings.overdue_policy
        most = read_duration(policy.max_lateness)
        if policy.mode == "skip" and most is not None and journal.now - wake_at > most:
            late[pk] = "overdue"
    end_runs(late, journal)
    with connection.cursor() as cursor:
        cursor.execute(RESUME, [[row[0] for row in rows if row[0] not in late]])
        job.done += cursor.rowcount
    job.cursor = rows[-1][0]
    return len(rows)


def _move(job: WorkflowJob, journal: Journal) -> int:
    """Launches of other versions go to one: on the block they stand on, else to the target, else they end."""
    rows = _open_runs(job)
    if not rows:
        return 0
    version_id, target = int(job.params["version"]), str(job.params["target"])
    nodes = compiled_version(version_id).nodes
    moving = [row for row in rows if row[2] != version_id]
    end_runs({row[0]: "block_removed" for row in moving if row[1] not in nodes and not target}, journal)
    going = [(row, row[1] if row[1] in nodes else target) for row in moving if row[1] in nodes or target]
    with connection.cursor() as cursor:
        cursor.execute(MOVE, {
            "ids": [row[0] for row, _ in going], "nodes": [node for _, node in going],
            "here": [row[1] == node and _is_alike(row[2], version_id, node) for row, node in going],
            "version": version_id, "now": journal.now,
        })  # fmt: skip
        moved = {row[0] for row in cursor.fetchall()}
    for row, node in going:
        if row[0] in moved:
            is_test = row[7]
            journal.step(
                row[0], row[4], row[3], row[1], row[2], row[5], "moved", detail={"to": node}, is_test=is_test
            )
            journal.count(row[2], row[1], "moved", is_test=is_test)
            journal.count(version_id, node, "entered", is_test=is_test)
    job.done += len(moved)
    job.cursor = rows[-1][0]
    return len(rows)


def _is_alike(old_id: int, new_id: int, node: str) -> bool:
    """Whether a block is of the same kind in both versions, so that its wait still means something."""
    old = compiled_version(old_id).nodes.get(node)
    return old is not None and old.block.type == compiled_version(new_id).nodes[node].block.type


KINDS: dict[str, Callable[[WorkflowJob, Journal], int]] = {
    JobKind.LAUNCH: _launch, JobKind.RESUME: _resume, JobKind.STOP: _stop, JobKind.MOVE: _move,
}  # fmt: skip
