"""The list of jobs, the page of one with its progress, the file of an export, and the tray."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, Order, ReadOnlyAdmin
from cdp.ui.formatting import moment, number
from cdp.ui.jobs import LATER, SHOWN, SOON, TrayJob
from cdp.ui.status import status_pill
from contacts.admin.bulk import may_export
from contacts.admin.identity import MERGE
from contacts.filters import restore_filter
from contacts.models import AuditAction, ContactJob, DuplicateReason, JobKind
from contacts.services import audit, exports, jobs
from contacts.services.duplicate_removal import removed_by


@admin.register(ContactJob)
class ContactJobAdmin(ReadOnlyAdmin):
    list_display = ("what", "status", "progress", "result", "actor", "asked")
    orders = (Order("", "", ("-id",)),)
    empty = Empty(
        gettext_lazy("No jobs yet"),
        gettext_lazy(
            "What runs in the background is listed here: changes of many contacts, exports, merges, indexes."
        ),
        "hourglass_empty",
    )

    @admin.display(description=gettext_lazy("Job"))
    def what(self, row: Any) -> str:
        return str(row)

    @admin.display(description=gettext_lazy("State"))
    def status(self, row: Any) -> SafeString:
        return status_pill("job", row.state)

    @admin.display(description=gettext_lazy("Done"))
    def progress(self, row: Any) -> str:
        return f"{number(row.done)} / {number(row.total)}"

    @admin.display(description=gettext_lazy("Result"))
    def result(self, row: Any) -> str:
        return result_text(row) or "—"

    @admin.display(description=gettext_lazy("Asked"))
    def asked(self, row: Any) -> SafeString:
        return moment(row.created_at)

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view
        own = [
            path("<int:job_id>/progress/", guarded(self.part), name="contacts_contactjob_progress"),
            path("<int:job_id>/cancel/", guarded(self.cancel), name="contacts_contactjob_cancel"),
            path("<int:job_id>/restore/", guarded(self.restore), name="contacts_contactjob_restore"),
            path("<int:job_id>/file/", guarded(self.file), name="contacts_contactjob_file"),
        ]
        return [*own, *super().get_urls()]

    def _job(self, request: HttpRequest, job_id: Any) -> ContactJob:
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = str(job_id)
        known = text.isascii() and text.isdigit() and len(text) < 19
        job = ContactJob.objects.filter(pk=int(text)).first() if known else None
        if job is None:
            raise Http404(f"no job {text[:20]}")
        return job

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        job = self._job(request, object_id)
        context = self.admin_site.each_context(request) | {
            "title": str(job), "opts": self.opts, "words": about(job), **_progress(request, job),
        }  # fmt: skip
        return render(request, "contacts/job.html", context)

    def part(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """The part of the page that refreshes itself."""
        job = self._job(request, job_id)
        reply = render(request, "contacts/job_progress.html", _progress(request, job))
        reply["X-Look-Again"] = str(SOON if job.state in jobs.WAITING else LATER)
        return reply

    def cancel(self, request: HttpRequest, job_id: int) -> HttpResponse:
        job = self._job(request, job_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not is_in_charge(request.user, job):
            raise PermissionDenied
        if jobs.cancel_job(job.pk, now=datetime.now(UTC)):
            messages.success(request, _("Cancelled. What was done stays done."))
        return HttpResponseRedirect(reverse("admin:contacts_contactjob_change", args=[job.pk]))

    def restore(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Take back what a removal of duplicates removed."""
        job = self._job(request, job_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not may_restore(request.user, job):
            raise PermissionDenied
        undo = jobs.return_duplicates(job, actor=request.user.get_username(), now=datetime.now(UTC))
        return HttpResponseRedirect(reverse("admin:contacts_contactjob_change", args=[undo.pk]))

    def file(self, request: HttpRequest, job_id: int) -> HttpResponseBase:
        """The file of an export, for those who may see personal data."""
        job = self._job(request, job_id)
        if not may_export(request.user):
            raise PermissionDenied
        now = datetime.now(UTC)
        if not exports.is_ready(job, now=now):
            raise Http404("the file is gone, or not written yet")
        details = {"job": job.pk, "action": "download", "count": job.done}
        audit.keep([(0, details)], action=AuditAction.EXPORTED, actor=request.user.get_username(), now=now)
        reply = StreamingHttpResponse(exports.read_export(job), content_type="text/csv; charset=utf-8")
        reply["Content-Disposition"] = f'attachment; filename="contacts-{job.pk}.csv"'
        reply["Cache-Control"] = "no-store"
        return reply


def _progress(request: HttpRequest, job: ContactJob) -> dict[str, Any]:
    """What the part that refreshes itself shows."""
    found: dict[str, Any] = {
        "job": job, "result": result_text(job), "may_cancel": may_cancel(request.user, job),
    }  # fmt: skip
    if exports.is_ready(job, now=datetime.now(UTC)) and may_export(request.user):
        found["file_link"] = reverse("admin:contacts_contactjob_file", args=[job.pk])
        found["file_until"] = exports.expires_at(job)
    if may_restore(request.user, job):
        found["may_restore"] = removed_by(job).exists()
    return found


def may_cancel(user: Any, job: ContactJob) -> bool:
    return job.state in jobs.WAITING and is_in_charge(user, job)


def may_restore(user: Any, job: ContactJob) -> bool:
    """Restoring is changing: whoever may restore a contact may restore those of a job."""
    return job.kind == JobKind.REMOVE_DUPLICATES and user.has_perm("contacts.change_contact")


def is_in_charge(user: Any, job: ContactJob) -> bool:
    """Who asked for a job may stop it; of merges and searches everybody who may merge; of all an administrator."""
    is_shared = job.kind not in (JobKind.BULK, JobKind.EXPORT) and user.has_perm(MERGE)
    return bool(is_shared or user.is_superuser or job.actor == user.get_username())


def about(job: ContactJob) -> list[str]:
    """Whom a job is about, in words."""
    kept = job.request.get("filter")
    return restore_filter(kept).words() if kept else []


def tray_jobs(user: Any) -> list[TrayJob]:
    """A colleague's jobs: those that run, and the last ones of a day."""
    mine = ContactJob.objects.filter(actor=user.get_username())
    running = mine.filter(state__in=jobs.WAITING).order_by("-pk")[:SHOWN]
    since = datetime.now(UTC) - timedelta(days=1)
    ended = mine.exclude(state__in=jobs.WAITING).filter(state_at__gte=since).order_by("-pk")[:SHOWN]
    return [
        TrayJob(
            job.title, job.state, job.done, job.total, job.state_at,
            reverse("admin:contacts_contactjob_change", args=[job.pk]),
            reverse("admin:contacts_contactjob_cancel", args=[job.pk]) if may_cancel(user, job) else "",
            result_text(job),
        )
        for job in (*running, *ended)
    ]  # fmt: skip


WORDS = {
    **dict(DuplicateReason.choices),
    "merged": gettext_lazy("merged"), "unchanged": gettext_lazy("as they were"), "erased": gettext_lazy("erased"),
    "not_found": gettext_lazy("gone"), "winner_deleted": gettext_lazy("deleted"),
    "different_external_ids": gettext_lazy("left: two external IDs"), "built": gettext_lazy("built"),
    "values": gettext_lazy("values"), "changed": gettext_lazy("changed"), "rows": gettext_lazy("rows"),
    "opted_out": gettext_lazy("left out: opted out"), "no_address": gettext_lazy("without such an address"),
    "removed": gettext_lazy("removed"), "restored": gettext_lazy("restored"),
    "deleted_skipped": gettext_lazy("deleted"), "list_gone": gettext_lazy("the list is gone"),
    "field_gone": gettext_lazy("the field is gone"), "category_gone": gettext_lazy("the category is gone"),
}  # fmt: skip


def result_text(job: ContactJob) -> str:
    counts: Iterable[tuple[str, int]] = sorted(job.counts.items())
    return ", ".join(f"{WORDS.get(name, name)} {number(count)}" for name, count in counts)
