"""Launches by hand: for one contact, for everybody on a list or in a segment, and tests."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from cdp.bell import ring
from contacts.models import ContactList
from segments.models import Segment
from workflows.models import JobKind, StartKind, Workflow, WorkflowJob, WorkflowStatus
from workflows.services.candidates import Candidate, Started
from workflows.services.editing import freeze_for_test
from workflows.services.journal import Journal
from workflows.services.operating import NotPossible
from workflows.services.starting import start_runs


def launch_for_contact(
    workflow_id: int, contact_id: int, *, params: dict[str, Any] | None = None, now: datetime
) -> Started:
    """Start a published workflow for one contact, also while it is not active; the result says why it was refused.

    Raises:
        NotPossible: it has no version, or may not launch just now.
    """
    _usable(workflow_id)
    return _start([_by_hand(workflow_id, contact_id, params or {}, now)], now=now)


def _by_hand(
    workflow_id: int, contact_id: int, params: dict[str, Any], now: datetime, **rest: Any
) -> Candidate:
    values = {"kind": StartKind.HAND, "params": params, "key": str(params.get("key", contact_id))} | rest
    return Candidate(workflow_id, contact_id, at=now, **values)


def launch_test(
    workflow_id: int, contact_id: int, *, params: dict[str, Any] | None = None, skips_waits: bool = True, actor: str,
    now: datetime,
) -> Started:  # fmt: skip
    """Start a marked test for one contact on the draft as it is; it passes waits at once unless told otherwise.

    Raises:
        DefinitionRefused: the draft has errors.
    """
    with transaction.atomic():
        version = freeze_for_test(workflow_id, actor=actor, now=now)
        test = _by_hand(
            workflow_id, contact_id, params or {}, now, kind=StartKind.TEST, version_id=version.pk, is_test=True,
            skips_waits=skips_waits,
        )  # fmt: skip
        return _start([test], now=now)


def _start(candidates: list[Candidate], *, now: datetime) -> Started:
    with transaction.atomic():
        journal = Journal(now)
        started = start_runs(candidates, journal)
        journal.write()
        transaction.on_commit(lambda: ring("workflow_runs"))
    return started


def launch_for_many(
    workflow_id: int, *, source: str, source_id: int, actor: str, now: datetime
) -> WorkflowJob:
    """Queue a launch for everybody on a list or in a segment; a job works it off in slices.

    Raises:
        NotPossible: the workflow has no version, or the list or segment is gone.
        ValueError: `source` is neither list nor segment.
    """
    _usable(workflow_id)
    models: dict[str, Any] = {"list": ContactList, "segment": Segment}
    if source not in models:
        raise ValueError(f"launches are for a list or a segment, not for '{source}'")
    if not models[source].objects.filter(pk=source_id).exists():
        text = _("there is no list %(id)s") if source == "list" else _("there is no segment %(id)s")
        raise NotPossible(text % {"id": source_id})
    job = WorkflowJob.objects.create(
        workflow_id=workflow_id, kind=JobKind.LAUNCH, params={"source": source, "id": source_id}, actor=actor,
        created_at=now,
    )  # fmt: skip
    transaction.on_commit(lambda: ring("workflow_jobs"))
    return job


def _usable(workflow_id: int) -> Workflow:
    row = Workflow.objects.get(pk=workflow_id)
    if row.version_id is None:
        raise NotPossible(_("the workflow was never published; mend its errors first"))
    if row.status in (WorkflowStatus.STOPPING, WorkflowStatus.ARCHIVED, WorkflowStatus.PAUSED):
        raise NotPossible.in_state(row.status)
    return row
