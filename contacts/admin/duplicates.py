"""Proposed duplicates: the list to review, merging one or many, dismissing."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cdp.ui.admin import Empty, Order, ReadOnlyAdmin, View
from cdp.ui.formatting import moment
from contacts.admin import columns
from contacts.admin.identity import MERGE
from contacts.models import Contact, ContactJob, DuplicatePair, DuplicateReason, DuplicateState
from contacts.services import jobs
from contacts.services.duplicate_removal import Keep
from contacts.services.duplicates import dismiss_pairs, reopen_pair

SEE_PERSONAL = "contacts.view_personal_data"
DELETE = "contacts.delete_contact"
REMOVABLE = (DuplicateReason.EMAIL, DuplicateReason.PHONE)
MOST_SELECTED = 1_000


def _reason(reason: str) -> Any:
    return lambda rows: rows.filter(state=DuplicateState.OPEN, reason=reason)


@admin.register(DuplicatePair)
class DuplicatePairAdmin(ReadOnlyAdmin):
    list_before_template = "contacts/duplicate_views.html"
    list_display = ("first", "second", "why", "found")
    orders = (Order("", "", ("-id",)),)
    views = (
        View("", gettext_lazy("To review"), lambda rows: rows.filter(state=DuplicateState.OPEN)),
        *(View(value, label, _reason(value)) for value, label in DuplicateReason.choices),
        View("dismissed", gettext_lazy("Not duplicates"), lambda rows: rows.filter(state=DuplicateState.DISMISSED), True),
    )  # fmt: skip
    empty = Empty(
        gettext_lazy("No duplicates to review"),
        gettext_lazy("A search proposes contacts with the same e-mail, phone, contact key, or name and birthday or address."),
        "group_remove",
    )  # fmt: skip
    actions: Any = ("merge_selected", "dismiss_selected")

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MERGE)

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Names of both in four queries a page."""
        ids = {one for row in rows for one in (row.first_id, row.second_id)}
        contacts = list(Contact.objects.filter(pk__in=ids))
        extras = columns.read_extras(contacts, may_see=request.user.has_perm(SEE_PERSONAL))
        people = {contact.pk: columns.name_cell(contact, extras[contact.pk]) for contact in contacts}
        for row in rows:
            row.people = people

    @admin.display(description=gettext_lazy("Contact"))
    def first(self, row: Any) -> SafeString:
        return row.people.get(row.first_id) or format_html("id {}", row.first_id)

    @admin.display(description=gettext_lazy("May be the same as"))
    def second(self, row: Any) -> SafeString:
        return row.people.get(row.second_id) or format_html("id {}", row.second_id)

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, row: Any) -> str:
        return str(row.get_reason_display())

    @admin.display(description=gettext_lazy("Found"))
    def found(self, row: Any) -> SafeString:
        return moment(row.found_at)

    @admin.action(description=gettext_lazy("Merge the selected"), permissions=["merge"])
    def merge_selected(self, request: HttpRequest, rows: Any) -> HttpResponse:
        ids = sorted(rows.values_list("pk", flat=True)[:MOST_SELECTED])
        job = jobs.merge_all_duplicates(actor=_actor(request), now=datetime.now(UTC), pair_ids=ids)
        return _to_job(job)

    @admin.action(description=gettext_lazy("These are not duplicates"), permissions=["merge"])
    def dismiss_selected(self, request: HttpRequest, rows: Any) -> None:
        ids = list(rows.values_list("pk", flat=True)[:MOST_SELECTED])
        done = dismiss_pairs(ids, actor=_actor(request), now=datetime.now(UTC))
        text = ngettext("%(count)s pair is proposed no more.", "%(count)s pairs are proposed no more.", done)
        messages.success(request, text % {"count": done})

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view
        own = [
            path("find/", guarded(self.find), name="contacts_duplicatepair_find"),
            path("merge-all/", guarded(self.merge_all), name="contacts_duplicatepair_merge_all"),
            path("remove/", guarded(self.remove), name="contacts_duplicatepair_remove"),
            path("<int:pair_id>/decide/", guarded(self.decide), name="contacts_duplicatepair_decide"),
        ]
        return [*own, *super().get_urls()]

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_merge_permission(request):
            raise PermissionDenied
        return None

    def find(self, request: HttpRequest) -> HttpResponse:
        """Start a search."""
        refusal = self._refusal(request)
        return refusal or _to_job(jobs.find_duplicates(actor=_actor(request), now=datetime.now(UTC)))

    def merge_all(self, request: HttpRequest) -> HttpResponse:
        """Merge all open pairs, or those of a reason; asks first, with the number."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        reason = request.POST.get("reason", "")
        if reason and reason not in DuplicateReason.values:
            raise Http404(reason)
        if request.POST.get("sure") == "yes":
            return _to_job(
                jobs.merge_all_duplicates(actor=_actor(request), now=datetime.now(UTC), reason=reason)
            )
        pairs = DuplicatePair.objects.filter(state=DuplicateState.OPEN)
        context = self.admin_site.each_context(request) | {
            "title": _("Merge all"), "opts": self.opts, "reason": reason,
            "label": dict(DuplicateReason.choices).get(reason, ""),
            "count": (pairs.filter(reason=reason) if reason else pairs).count(),
        }  # fmt: skip
        return render(request, "contacts/merge_all.html", context)

    def remove(self, request: HttpRequest) -> HttpResponse:
        """Remove all who share an e-mail or phone but the oldest or newest; asks first, with the number found."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(DELETE):
            raise PermissionDenied
        by, keep = request.POST.get("reason", ""), request.POST.get("keep", "")
        if by not in REMOVABLE:
            raise Http404(by)
        if keep in Keep.values:
            now = datetime.now(UTC)
            return _to_job(jobs.remove_duplicates(by=by, keep=keep, actor=_actor(request), now=now))
        pairs = DuplicatePair.objects.filter(state=DuplicateState.OPEN, reason=by)
        context = self.admin_site.each_context(request) | {
            "title": _("Remove duplicates"), "opts": self.opts, "reason": by,
            "label": dict(DuplicateReason.choices)[by], "count": pairs.count(), "ways": Keep.choices,
        }  # fmt: skip
        return render(request, "contacts/remove_duplicates.html", context)

    def decide(self, request: HttpRequest, pair_id: int) -> HttpResponse:
        """Dismiss a pair, or take its dismissal back."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.POST.get("open") == "yes":
            reopen_pair(pair_id)
        else:
            dismiss_pairs([pair_id], actor=_actor(request), now=datetime.now(UTC))
            messages.success(request, _("The pair is proposed no more."))
        return HttpResponseRedirect(reverse("admin:contacts_duplicatepair_changelist"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The two side by side: the page where they are merged."""
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_merge_permission(request):
            return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[row.first_id]))
        address = reverse("admin:contacts_contact_merge", args=[row.first_id])
        return HttpResponseRedirect(f"{address}?with={row.second_id}&pair={row.pk}")


def _actor(request: HttpRequest) -> str:
    return request.user.get_username()


def _to_job(job: ContactJob) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:contacts_contactjob_change", args=[job.pk]))
