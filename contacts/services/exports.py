"""Exports of contacts: a file of parts in the default storage, written a chunk at a time, gone after three days.

A part has its number in its name: a chunk done again after a kill writes the same part anew, so no row is there twice.
"""

import csv
import io
import secrets
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL

from cdp.hooks import PersonsErased
from contacts.field_types import write_value
from contacts.models import (
    Address,
    BulkAction,
    Contact,
    ContactField,
    ContactJob,
    JobKind,
    JobState,
    ListMember,
)
from contacts.services.bulk_actions import pick_chunk

KEPT = timedelta(days=3)
FOLDER = "exports"
DELIMITERS = (",", ";")
BOM = "\ufeff"
RISKY = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run
COLUMNS = (
    "contactId", "externalCustomerId", "email", "emailStatus", "sms", "smsStatus", "contactKey", "firstName", "lastName",
    "address", "town", "region", "postcode", "languageCode", "timeZone", "contactSource", "createdDate", "updatedDate", "lists",
)  # fmt: skip


def open_export(*, only_email: bool, delimiter: str) -> dict[str, Any]:
    """What an export's job has to know.

    Raises:
        ValueError: the delimiter is none of comma and semicolon.
    """
    if delimiter not in DELIMITERS:
        raise ValueError(f"delimiter {delimiter!r} is not one of {DELIMITERS}")
    fields = [] if only_email else list(ContactField.objects.values_list("pk", flat=True))
    return {
        "only_email": only_email, "delimiter": delimiter, "fields": fields, "secret": secrets.token_hex(16), "parts": 0,
        "is_stale": False,
    }  # fmt: skip


def work_export(job: ContactJob, now: datetime) -> tuple[int, bool]:  # noqa: ARG001
    """Write the next part of a job that the caller holds locked; returns how many rows, and whether it was the last."""
    if job.request["is_stale"]:
        _begin_anew(job)
    ids, last, is_done = pick_chunk(job, BulkAction.EXPORT)
    number = job.request["parts"]
    if ids or number == 0:
        _write_part(_part(job, number), _text(ids, job.request, with_head=number == 0))
        job.request = job.request | {"parts": number + 1}
    job.done += len(ids)
    job.total = job.done if is_done else max(job.total, job.done)
    job.request = job.request | {"after": last}
    job.counts = {"rows": job.done}
    return len(ids), is_done


def is_ready(job: ContactJob, *, now: datetime) -> bool:
    """Whether the file can be had: written whole, nobody in it erased since, and not gone yet."""
    is_written = job.kind == JobKind.EXPORT and job.state == JobState.FINISHED and job.request["parts"] > 0
    return is_written and not job.request["is_stale"] and now < expires_at(job)


def expires_at(job: ContactJob) -> datetime:
    return job.state_at + KEPT


def read_export(job: ContactJob) -> Iterator[bytes]:
    """The file, part by part."""
    for number in range(job.request["parts"]):
        with default_storage.open(_part(job, number), "rb") as part:
            yield part.read()


def forget_exports(*, now: datetime) -> int:
    """Delete files whose time is over, and what stale, cancelled and failed exports left; returns how many."""
    over = ContactJob.objects.filter(kind=JobKind.EXPORT, request__parts__gt=0)
    gone = [
        *over.filter(state=JobState.FINISHED, state_at__lte=now - KEPT),
        *over.filter(state__in=[JobState.CANCELLED, JobState.FAILED]),
    ]
    for job in gone:
        _begin_anew(job)
    return len(gone) + forget_stale()


def forget_stale() -> int:
    """Delete the files that somebody erased may be in; those being written begin anew. Returns how many."""
    with transaction.atomic():
        stale = list(
            ContactJob.objects.select_for_update().filter(kind=JobKind.EXPORT, request__is_stale=True)
        )
        for job in stale:
            _begin_anew(job)
    return len(stale)


def on_persons_erased(batch: PersonsErased) -> None:  # noqa: ARG001 - any erased person may be in any file
    """Mark every file in the transaction that erases, also one being written, for which this waits."""
    exports = ContactJob.objects.filter(kind=JobKind.EXPORT)
    held = exports.filter(Q(state__in=[JobState.QUEUED, JobState.RUNNING]) | Q(request__parts__gt=0))
    if held.update(request=RawSQL("request || %s::jsonb", ['{"is_stale": true}'])):
        transaction.on_commit(forget_stale)


def _begin_anew(job: ContactJob) -> None:
    for number in range(job.request["parts"] + 1):  # a killed worker may have left one more
        default_storage.delete(_part(job, number))
    job.request = job.request | {"parts": 0, "after": 0, "is_stale": False}
    if job.state != JobState.FINISHED:
        job.done = 0
    job.save(update_fields=["request", "done"])


def _part(job: ContactJob, number: int) -> str:
    return f"{FOLDER}/{job.pk}-{job.request['secret']}/{number:05}.csv"


def _write_part(name: str, text: str) -> None:
    default_storage.delete(name)  # of a worker that was killed before its commit
    default_storage.save(name, ContentFile(text.encode()))


def _text(ids: Sequence[int], request: dict[str, Any], *, with_head: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=request["delimiter"], lineterminator="\r\n")
    fields = list(ContactField.objects.filter(pk__in=request["fields"]).select_related("group"))
    if with_head:
        out.write(BOM)
        heads = [f"{field.group.key}.{field.key}" for field in fields]
        writer.writerow(["email"] if request["only_email"] else [*COLUMNS, *heads])
    rows = Contact.objects.filter(pk__in=ids).order_by("pk")
    if request["only_email"]:
        writer.writerows([_safe(email)] for email in rows.exclude(email=None).values_list("email", flat=True))
        return out.getvalue()
    people = list(rows)
    statuses, lists = _statuses(people), _lists(ids)
    for row in people:
        values = [
            row.pk, row.external_id, row.email, statuses.get(("email", row.email_norm)), row.phone,
            statuses.get(("phone", row.phone)), row.contact_key, row.first_name, row.last_name, row.address, row.town,
            row.region, row.postcode, row.language, row.time_zone, row.source, row.created_at.isoformat(),
            row.updated_at.isoformat(), ", ".join(lists[row.pk]),
        ]  # fmt: skip
        more = [_field_text(field, row) for field in fields]
        writer.writerow([_safe(value) for value in [*values, *more]])
    return out.getvalue()


def _field_text(field: ContactField, row: Contact) -> str:
    value = row.data.get(str(field.pk))
    return "" if value is None else write_value(field, value, UTC)


def _safe(value: Any) -> str:
    text = "" if value is None else str(value)
    is_number = text.startswith("-") and text[1:].replace(".", "", 1).isdigit()
    return f"'{text}" if text.startswith(RISKY) and not is_number else text


def _statuses(people: Sequence[Contact]) -> dict[tuple[str, Any], str]:
    held = [value for row in people for value in (row.email_norm, row.phone) if value]
    rows = Address.objects.filter(kind__in=["email", "phone"], value__in=held)
    return {(kind, value): status for kind, value, status in rows.values_list("kind", "value", "status")}


def _lists(ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    members = ListMember.objects.filter(contact_id__in=ids).order_by("list__name")
    for contact_id, name in members.values_list("contact_id", "list__name"):
        found[contact_id].append(name)
    return found
