"""Activating, pausing, deactivating, archiving; what happens to launches on the way."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from workflows.definition import reading
from workflows.definition.problems import DefinitionRefused, Problem
from workflows.models import JobKind, JobState, Run, Workflow, WorkflowJob, WorkflowStatus
from workflows.services.editing import publish
from workflows.services.listening import listen

FINISH, PAUSE, STOP = "finish", "pause", "stop"
STANDS: dict[str, str] = {
    WorkflowStatus.NOT_ACTIVE: gettext_noop("the workflow is not active"),
    WorkflowStatus.ACTIVE: gettext_noop("the workflow is active"),
    WorkflowStatus.PAUSED: gettext_noop("the workflow is paused"),
    WorkflowStatus.STOPPING: gettext_noop("the workflow is stopping"),
    WorkflowStatus.ARCHIVED: gettext_noop("the workflow is archived"),
}


class NotPossible(ValueError):
    """The workflow's state does not allow it; the text says why and what to do, in the reader's language."""

    @classmethod
    def in_state(cls, status: str) -> "NotPossible":
        return cls(_(STANDS[status]))


def activate(workflow_id: int, *, actor: str, now: datetime) -> None:
    """Start launches by the published conditions; the draft is published first when it differs.

    Raises:
        DefinitionRefused: the draft has errors, or nothing says what starts it.
        NotPossible: launches are being stopped just now.
    """
    with transaction.atomic():
        row = _locked(workflow_id)
        if row.status in (WorkflowStatus.STOPPING, WorkflowStatus.ARCHIVED):
            raise NotPossible.in_state(row.status)
        if row.version is None or row.is_draft_changed:
            publish(workflow_id, actor=actor, now=now)
            row.refresh_from_db()
        if row.status == WorkflowStatus.PAUSED:
            _add_job(row, JobKind.RESUME, actor=actor, now=now)
        _set(row, WorkflowStatus.ACTIVE, actor=actor, now=now)


def deactivate(workflow_id: int, *, running: str = FINISH, actor: str, now: datetime) -> None:
    """Start nothing more; open launches finish, stand still, or are stopped by a job.

    Raises:
        NotPossible: it is not active or paused.
        ValueError: `running` is none of finish, pause, stop.
    """
    if running not in (FINISH, PAUSE, STOP):
        raise ValueError(f"launches can finish, pause or stop, not '{running}'")
    with transaction.atomic():
        row = _locked(workflow_id)
        if row.status == WorkflowStatus.ARCHIVED:
            raise NotPossible.in_state(row.status)
        if running == STOP:
            _add_job(row, JobKind.STOP, actor=actor, now=now)
            _set(row, WorkflowStatus.STOPPING, actor=actor, now=now)
            return
        if row.status not in (WorkflowStatus.ACTIVE, WorkflowStatus.PAUSED):
            raise NotPossible.in_state(row.status)
        if running == FINISH and row.status == WorkflowStatus.PAUSED:
            _add_job(row, JobKind.RESUME, actor=actor, now=now)
        _set(
            row,
            WorkflowStatus.PAUSED if running == PAUSE else WorkflowStatus.NOT_ACTIVE,
            actor=actor,
            now=now,
        )


def archive(workflow_id: int, *, actor: str, now: datetime) -> None:
    """Hide a workflow that has no open launches.

    Raises:
        NotPossible: launches are in progress.
    """
    with transaction.atomic():
        row = _locked(workflow_id)
        _refuse_open(row)
        _set(row, WorkflowStatus.ARCHIVED, actor=actor, now=now)


def unarchive(workflow_id: int, *, actor: str, now: datetime) -> None:
    """Bring an archived workflow back, not active."""
    with transaction.atomic():
        row = _locked(workflow_id)
        if row.status == WorkflowStatus.ARCHIVED:
            _set(row, WorkflowStatus.NOT_ACTIVE, actor=actor, now=now)


def _refuse_open(row: Workflow) -> None:
    if Run.objects.filter(workflow_id=row.pk, state__in=("running", "paused"), is_test=False).exists():
        raise NotPossible(_("launches are in progress; stop them before the workflow is archived"))


def _locked(workflow_id: int) -> Workflow:
    return Workflow.objects.select_for_update(no_key=True).get(pk=workflow_id)


def _set(row: Workflow, status: str, *, actor: str, now: datetime) -> None:
    row.status, row.updated_at, row.updated_by = status, now, actor
    row.save(update_fields=["status", "updated_at", "updated_by"])
    definition = reading.read(row.version.definition) if row.version is not None else None
    if status == WorkflowStatus.ACTIVE and definition is not None:
        starts = definition.start.kind != "none" and definition.start.enabled
        if not starts:
            raise DefinitionRefused([Problem("E05", _("nothing says what starts the workflow"), "start")])
    listen(row, definition)


def _add_job(row: Workflow, kind: str, *, actor: str, now: datetime) -> WorkflowJob:
    """Queue a job; of one kind and workflow one is enough."""
    known = WorkflowJob.objects.filter(
        workflow_id=row.pk, kind=kind, state__in=(JobState.WAITING, JobState.RUNNING)
    ).first()
    return known or WorkflowJob.objects.create(workflow_id=row.pk, kind=kind, actor=actor, created_at=now)
