"""Background work over many contacts: asked for by a colleague, done slice by slice by the engine `contact_jobs`.

A slice and the job's progress are one transaction, so a kill repeats nothing and loses nothing. A cancelled job stops
after its slice; what was done stays.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, DataError, connection, transaction

from cdp.bell import ring
from cdp.crash import crash_point
from cdp.hooks import HookError
from contacts.filters import FilterError
from contacts.models import (
    AuditAction,
    BulkAction,
    Contact,
    ContactJob,
    DuplicatePair,
    DuplicateReason,
    DuplicateState,
    JobKind,
    JobState,
)
from contacts.services import audit
from contacts.services.bulk_actions import BulkRefused, Selection, check_action, work_bulk
from contacts.services.duplicate_removal import COLUMNS, Keep, removed_by, work_removal, work_return
from contacts.services.duplicates import find_by, forget_stale, merge_duplicates
from contacts.services.exports import open_export, work_export
from contacts.services.field_index import build_index
from contacts.services.field_values import CHUNK, convert_chunk, wipe_chunk
from contacts.services.figures import STEPS, work_counting

log = structlog.get_logger(__name__)

WAITING = (JobState.QUEUED, JobState.RUNNING)
PAIRS_OF_SLICE = 200


def find_duplicates(*, actor: str, now: datetime) -> ContactJob:
    """Search the contacts for pairs that may be one person."""
    return _open(JobKind.FIND_DUPLICATES, {}, len(DuplicateReason.values), actor, now)


def merge_all_duplicates(
    *, actor: str, now: datetime, reason: str = "", pair_ids: list[int] | None = None
) -> ContactJob:
    """Merge the open pairs, or those of a reason, or these; pairs with two external ids are left to people."""
    pairs = DuplicatePair.objects.filter(state=DuplicateState.OPEN)
    if reason:
        pairs = pairs.filter(reason=reason)
    if pair_ids is not None:
        pairs = pairs.filter(pk__in=pair_ids)
    last = pairs.order_by("-pk").values_list("pk", flat=True).first() or 0
    request = {"reason": reason, "pairs": pair_ids, "after": 0, "last": last}
    return _open(JobKind.MERGE_DUPLICATES, request, pairs.count(), actor, now)


def remove_duplicates(*, by: str, keep: str, actor: str, now: datetime) -> ContactJob:
    """Delete the contacts that share an e-mail or phone (`by`) with the one to keep: the oldest or the newest.

    Contacts made later than now are left alone.

    Raises:
        ValueError: another `by` or `keep`.
    """
    if by not in COLUMNS or keep not in Keep.values:
        raise ValueError(f"cannot remove duplicates by {by!r}, keeping {keep!r}")
    pairs = DuplicatePair.objects.filter(state=DuplicateState.OPEN, reason=by)
    last = Contact.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    request = {"action": "remove-duplicates", "by": by, "keep": keep, "after": "", "last": last}
    return _open_audited(JobKind.REMOVE_DUPLICATES, AuditAction.BULK, request, pairs.count(), actor, now)


def return_duplicates(job: ContactJob, *, actor: str, now: datetime) -> ContactJob:
    """Restore what a job of `remove_duplicates` removed. One that still runs is stopped first."""
    cancel_job(job.pk, now=now)
    total = removed_by(job).count()
    request = {"action": "restore-duplicates", "job": job.pk}
    return _open_audited(JobKind.RETURN_DUPLICATES, AuditAction.BULK, request, total, actor, now)


def count_contacts(*, actor: str, now: datetime) -> ContactJob:
    """Count what the tabs above the list and the page of fields show."""
    return _open(JobKind.COUNT, {}, len(STEPS), actor, now)


def index_field(field_id: int, *, actor: str, now: datetime) -> ContactJob:
    """Build the index of an additional field, while the product runs."""
    return _open(JobKind.INDEX_FIELD, {"field": field_id}, 1, actor, now)


def convert_field(field_id: int, *, actor: str, now: datetime) -> ContactJob:
    """Give the values of a field the shape of its wider type."""
    return _open(JobKind.CONVERT_FIELD, {"field": field_id, "after": 0}, 0, actor, now)


def forget_field(field_id: int, *, actor: str, now: datetime) -> ContactJob:
    """Wipe the values of a deleted field."""
    return _open(JobKind.FORGET_FIELD, {"field": field_id, "after": 0}, 0, actor, now)


def change_many(
    action: str, selection: Selection, given: Mapping[str, str], *, total: int, actor: str, now: datetime
) -> ContactJob:
    """Do one of `BulkAction` to many contacts, in the background; export is `export_many`.

    Args:
        given: what the form holds: list, name, field, value, category, channel, reason.
        total: how many the colleague was told; set right when the job ends.

    Raises:
        BulkRefused: a bad value, or a filter that cannot be asked.
    """
    _refuse_errors(selection)
    with transaction.atomic():
        needs, subject = check_action(action, given, now=now)
        request = {"action": action, "needs": needs, "subject": subject} | _about(selection)
        return _open_audited(JobKind.BULK, AuditAction.BULK, request, total, actor, now)


def export_many(
    selection: Selection, *, only_email: bool, delimiter: str, total: int, actor: str, now: datetime
) -> ContactJob:
    """Write many contacts into a file, in the background. The file is kept for three days.

    Raises:
        BulkRefused: a filter that cannot be asked.
    """
    _refuse_errors(selection)
    request = {"action": BulkAction.EXPORT, **open_export(only_email=only_email, delimiter=delimiter)}
    with transaction.atomic():
        return _open_audited(
            JobKind.EXPORT, AuditAction.EXPORTED, request | _about(selection), total, actor, now
        )


def _about(selection: Selection) -> dict[str, Any]:
    """Whom a job is about, and where it is; contacts made later are left out."""
    last = Contact.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return {**selection.kept(), "after": 0, "last": last}


def _refuse_errors(selection: Selection) -> None:
    if selection.filter is not None and selection.filter.errors:
        raise BulkRefused({"filter": "; ".join(selection.filter.errors.values())})


def _open_audited(
    kind: JobKind, action: AuditAction, request: dict[str, Any], total: int, actor: str, now: datetime
) -> ContactJob:
    job = _open(kind, request, total, actor, now)
    if job.created_at == now:  # not one that waits already
        details = {"job": job.pk, "action": request["action"], "count": total}
        audit.keep([(0, details)], action=action, actor=actor, now=now)
    return job


def _open(kind: JobKind, request: dict[str, Any], total: int, actor: str, now: datetime) -> ContactJob:
    """A job, or the one of its kind that waits already: a double click starts one."""
    with transaction.atomic():
        waiting = ContactJob.objects.select_for_update().filter(kind=kind, state__in=WAITING)
        same = next((job for job in waiting if _asks_same(job, request)), None)
        if same is not None:
            return same
        job = ContactJob.objects.create(
            kind=kind, actor=actor, request=request, total=total, created_at=now, state_at=now
        )
        transaction.on_commit(lambda: ring("contact_jobs"))
    return job


def _asks_same(job: ContactJob, request: dict[str, Any]) -> bool:
    own = ("after", "last", "at", "secret", "parts", "is_stale")  # its progress
    return {k: v for k, v in job.request.items() if k not in own} == {
        k: v for k, v in request.items() if k not in own
    }


def cancel_job(job_id: int, *, now: datetime) -> bool:
    """Stop a job after its slice. Tells whether it was still to do."""
    waiting = ContactJob.objects.filter(pk=job_id, state__in=WAITING)
    return bool(waiting.update(state=JobState.CANCELLED, state_at=now))


def work_job(*, now: datetime) -> int:
    """Do one slice of the job that waited longest, so that jobs take turns; returns how much it handled, 0 when nothing waits.

    Raises:
        HookError, DatabaseError: another app is at fault, or the database is away; the job waits.
    """
    job_id = 0
    try:
        with transaction.atomic():
            rows = ContactJob.objects.select_for_update(skip_locked=True).filter(state__in=WAITING)
            job = rows.exclude(kind=JobKind.INDEX_FIELD).order_by("state_at", "pk").first()
            if job is not None:
                job_id = job.pk
                return _slice(job, now)
        return _index(now)
    except FilterError as error:
        _fail(job_id, str(error), now)
    except (DatabaseError, HookError) as error:
        if not isinstance(error, DataError) or not job_id:
            raise
        log.exception("contact_job_failed", job=job_id)
        _fail(job_id, "a value of the contacts cannot be handled", now)
    return 1


def _slice(job: ContactJob, now: datetime) -> int:
    handled, is_done = SLICES[JobKind(job.kind)](job, now)
    job.state = JobState.FINISHED if is_done else JobState.RUNNING
    job.state_at = now
    job.save()
    crash_point("contact_job_before_commit")
    return max(handled, 1)


def _find(job: ContactJob, now: datetime) -> tuple[int, bool]:  # noqa: ARG001
    """One reason a slice, strongest first; all of a job's searches bear the job's time."""
    reason = DuplicateReason.values[job.done]
    job.counts = job.counts | {reason: find_by(reason, now=job.created_at)}
    job.done += 1
    is_done = job.done >= len(DuplicateReason.values)
    if is_done:
        forget_stale(found_before=job.created_at)
    return 1, is_done


def _merge(job: ContactJob, now: datetime) -> tuple[int, bool]:
    asked = job.request
    pairs = DuplicatePair.objects.filter(
        state=DuplicateState.OPEN, pk__gt=asked["after"], pk__lte=asked["last"]
    )
    if asked["reason"]:
        pairs = pairs.filter(reason=asked["reason"])
    if asked["pairs"] is not None:
        pairs = pairs.filter(pk__in=asked["pairs"])
    chunk = list(pairs.order_by("pk")[:PAIRS_OF_SLICE])
    if not chunk:
        return 0, True
    outcomes = merge_duplicates(chunk, actor=job.actor, now=now)
    counts = Counter(job.counts)
    counts.update(outcome.code or outcome.result for outcome in outcomes)
    job.counts = dict(counts)
    job.done += len(chunk)
    job.request = asked | {"after": chunk[-1].pk}
    return len(chunk), False


def _values(job: ContactJob, chunk: Callable[..., tuple[int, int]]) -> tuple[int, bool]:
    count, last = chunk(job.request["field"], after=job.request["after"])
    job.done += count
    job.total = max(job.total, job.done)
    job.request = job.request | {"after": last}
    job.counts = {"values": job.done}
    return count, count < CHUNK


def _convert(job: ContactJob, now: datetime) -> tuple[int, bool]:  # noqa: ARG001
    return _values(job, convert_chunk)


def _forget(job: ContactJob, now: datetime) -> tuple[int, bool]:  # noqa: ARG001
    return _values(job, wipe_chunk)


SLICES: dict[JobKind, Callable[[ContactJob, datetime], tuple[int, bool]]] = {
    JobKind.FIND_DUPLICATES: _find,
    JobKind.MERGE_DUPLICATES: _merge,
    JobKind.REMOVE_DUPLICATES: work_removal,
    JobKind.RETURN_DUPLICATES: work_return,
    JobKind.CONVERT_FIELD: _convert,
    JobKind.FORGET_FIELD: _forget,
    JobKind.BULK: work_bulk,
    JobKind.COUNT: work_counting,
    JobKind.EXPORT: work_export,
}


def _index(now: datetime) -> int:
    """The one kind that may not run in a transaction; a lock of the session keeps it to one process."""
    if connection.in_atomic_block:
        return 0
    job = ContactJob.objects.filter(state__in=WAITING, kind=JobKind.INDEX_FIELD).order_by("pk").first()
    if job is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('contacts_field_index'))")
        if not cursor.fetchone()[0]:
            return 0
        try:
            error = build_index(job.request["field"])
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('contacts_field_index'))")
    if error:
        _fail(job.pk, error, now)
    else:
        ContactJob.objects.filter(pk=job.pk).update(
            state=JobState.FINISHED, state_at=now, done=1, counts={"built": 1}
        )
    return 1


def _fail(job_id: int, reason: str, now: datetime) -> None:
    ContactJob.objects.filter(pk=job_id).update(state=JobState.FAILED, state_at=now, error=reason)
