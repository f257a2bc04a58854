"""Dynamic segments: list, record, form, preview and explanation."""

import json
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, ListAdmin, Order, View
from cdp.ui.formatting import moment, number
from cdp.ui.status import status_pill
from contacts.admin import columns
from contacts.models import Contact
from segments.admin import record
from segments.admin.form import SegmentForm
from segments.models import Build, BuildState, Segment, SegmentState
from segments.rules import BrokenReference, DefinitionError
from segments.services import definitions, journal
from segments.services.chunks import stored_members
from segments.services.definitions import SegmentRefused
from segments.services.preview import count_reach, explain
from segments.services.upkeep import kept_since
from segments.services.uses import uses_of

SEE_PERSONAL = "contacts.view_personal_data"
SEE_CONTACTS = "contacts.view_contact"


def _in_state(*states: str) -> Any:
    return lambda rows: rows.filter(state__in=states)


@admin.register(Segment)
class SegmentAdmin(ListAdmin):
    list_display = ("segment", "status", "contacts", "week", "updated")
    search_fields = ("name", "purpose")
    search_help_text = gettext_lazy("name, purpose")
    list_select_related = ("build",)
    orders = (Order("", "", ("-id",)),)
    views = (
        View("", gettext_lazy("All"), _in_state(SegmentState.ACTIVE, SegmentState.BROKEN)),
        View("dynamic", gettext_lazy("Dynamic"), _in_state(SegmentState.ACTIVE)),
        View("broken", gettext_lazy("Broken"), _in_state(SegmentState.BROKEN)),
        View("archived", gettext_lazy("Archived"), _in_state(SegmentState.ARCHIVED), True),
    )
    empty = Empty(
        gettext_lazy("No dynamic segments yet"),
        gettext_lazy(
            "A dynamic segment holds whoever its conditions fit; contacts enter and leave by themselves."
        ),
        "filter_alt",
        ((gettext_lazy("Create segment"), "admin:segments_segment_add", "segments.add_segment"),),
    )

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        moved = record.moved([row.pk for row in rows], now=timezone.now())
        lacks = record.why_broken(rows)
        for row in rows:
            row.moved, row.lack = moved.get(row.pk, (0, 0)), lacks.get(row.pk, "")

    @admin.display(description=gettext_lazy("Name"))
    def segment(self, row: Any) -> SafeString:
        live = _("kept up to date") if row.is_live else _("counted each night")
        text = f"{row.purpose} · {live}" if row.purpose else live
        return format_html(
            '<span class="ui-strong">{}</span><br><span class="ui-meta">{}</span>', row.name, text
        )

    @admin.display(description=gettext_lazy("State"))
    def status(self, row: Any) -> SafeString:
        if row.state == SegmentState.BROKEN:
            return format_html(
                '{}<br><span class="ui-meta">{}</span>', status_pill("segment", row.state), row.lack
            )
        return status_pill("segment", state_of(row))

    @admin.display(description=gettext_lazy("Contacts"))
    def contacts(self, row: Any) -> SafeString:
        text = number(row.size) if row.built_at else "—"
        return format_html('<span class="ui-number">{}</span>', text)

    @admin.display(description=gettext_lazy("7 days"))
    def week(self, row: Any) -> SafeString:
        entered, left = row.moved
        return format_html('<span class="ui-number">+{} −{}</span>', number(entered), number(left))

    @admin.display(description=gettext_lazy("Updated"))
    def updated(self, row: Any) -> SafeString:
        return moment(row.changed_at or row.built_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by Django's own page: the service refuses a segment in use."""
        return False

    def get_urls(self) -> list[Any]:
        guard = self.admin_site.admin_view
        own = [
            path("<int:segment_id>/contacts/", guard(self.contacts_view), name="segments_segment_contacts"),
            path("<int:segment_id>/history/", guard(self.history_tab), name="segments_segment_changes"),
            path("<int:segment_id>/edit/", guard(self.edit), name="segments_segment_edit"),
            path("<int:segment_id>/reach/", guard(self.reach), name="segments_segment_reach"),
            path("<int:segment_id>/why/", guard(self.why), name="segments_segment_why"),
            path("<int:segment_id>/do/<slug:action>/", guard(self.act), name="segments_segment_act"),
            path("preview/", guard(self.preview), name="segments_segment_preview"),
        ]
        return [*own, *super().get_urls()]

    # The record

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The first tab."""
        if request.method != "GET":
            raise PermissionDenied
        segment = self._segment(request, object_id)
        formula, cards, fault = record.words_of(segment.definition)
        moved = record.moved([segment.pk], now=timezone.now())
        context = {
            "tab": "overview", "formula": formula, "cards": cards, "fault": fault, "uses": uses_of(segment.pk),
            "moved": moved.get(segment.pk, (0, 0)),
            "text": json.dumps(segment.definition, ensure_ascii=False, indent=2),
        }  # fmt: skip
        return self._render(request, segment, "segments/overview.html", context)

    def reach(self, request: HttpRequest, segment_id: int) -> Any:
        """How many of the members can be sent to; loaded by itself, for it looks at everybody."""
        segment = self._segment(request, segment_id)
        context = {"reach": count_reach(stored_members(segment.pk), now=timezone.now())}
        return render(request, "segments/reach.html", context)

    def contacts_view(self, request: HttpRequest, segment_id: int) -> Any:
        """The members, fifty a page, by id."""
        segment = self._segment(request, segment_id)
        if not request.user.has_perm(SEE_CONTACTS):
            raise PermissionDenied
        after = request.GET.get("after", "0")
        start = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
        rows, older = record.member_rows(segment, after=start)
        extras = columns.read_extras(rows, may_see=request.user.has_perm(SEE_PERSONAL))
        entered = journal.entered_at(segment.pk, [row.pk for row in rows])
        members = [(row, extras[row.pk], entered.get(row.pk)) for row in rows]
        since = kept_since(timezone.now())
        context = {
            "tab": "contacts", "members": members, "older": older, "is_first": start == 0,
            "forgotten": since if segment.created_at < since else None,
        }  # fmt: skip
        return self._render(request, segment, "segments/members.html", context)

    def history_tab(self, request: HttpRequest, segment_id: int) -> Any:
        """Versions, and the newest changes of membership."""
        segment = self._segment(request, segment_id)
        versions = list(segment.versions.order_by("-number")[:50])
        for version in versions:
            version.formula, version.cards, version.fault = record.words_of(version.definition)  # type: ignore[attr-defined]
        changes = journal.newest_changes(segment.pk, limit=100)
        context = {"tab": "history", "versions": versions, "changes": changes}
        return self._render(request, segment, "segments/history.html", context)

    def why(self, request: HttpRequest, segment_id: int) -> Any:
        """Why a contact is in or not: every condition with the value seen."""
        segment = self._segment(request, segment_id)
        if not request.user.has_perm(SEE_PERSONAL):
            raise PermissionDenied(SEE_PERSONAL)
        words = request.GET.get("contact", "").strip()
        context: dict[str, Any] = {"tab": "why", "words": words}
        if words:
            found = list(Contact.objects.active().search(f"id:{words}" if words.isdigit() else words)[:1])
            context["contact"] = found[0] if found else None
            if found:
                try:
                    context["found"] = explain(segment.definition, found[0].pk, now=timezone.now())
                except (DefinitionError, BrokenReference) as error:
                    context["fault"] = str(error)
        return self._render(request, segment, "segments/why.html", context)

    def _segment(self, request: HttpRequest, object_id: Any) -> Segment:
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = str(object_id)
        known = text.isascii() and text.isdigit() and len(text) < 19
        found = Segment.objects.select_related("build").filter(pk=int(text)).first() if known else None
        if found is None:
            raise Http404(text)
        return found

    def _render(
        self, request: HttpRequest, segment: Segment, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        frame = self.admin_site.each_context(request) | {
            "title": segment.name, "opts": self.opts, "segment": segment, "state": state_of(segment),
            "lack": record.why_broken([segment]).get(segment.pk, ""),
            "build": getattr(segment, "build", None), "may_change": self.has_change_permission(request),
            "may_delete": request.user.has_perm("segments.delete_segment"),
            "may_see": request.user.has_perm(SEE_PERSONAL),
            "may_see_contacts": request.user.has_perm(SEE_CONTACTS),
        }  # fmt: skip
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return render(request, template, frame | context)

    # Making and editing

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied("segments.add_segment")
        return self._edit(request, None)

    def edit(self, request: HttpRequest, segment_id: int) -> Any:
        segment = self._segment(request, segment_id)
        if not self.has_change_permission(request):
            raise PermissionDenied("segments.change_segment")
        return self._edit(request, segment)

    def _edit(self, request: HttpRequest, segment: Segment | None) -> HttpResponse:
        form = SegmentForm(segment, _flat(request.POST) if request.method == "POST" else None)
        button = request.POST.get("do", "save")
        saved = None
        if request.method == "POST" and button == "save":
            user: Any = request.user
            saved = form.save(actor=user.get_username(), owner_id=user.pk, now=datetime.now(UTC))
        elif request.method == "POST":
            form.press(button, now=timezone.now())
        if saved is not None:
            messages.success(request, _("Segment saved. Its contacts are being counted."))
            return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[saved.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Edit %(name)s") % {"name": segment.name} if segment else _("Create segment"), "opts": self.opts,
            "segment": segment, "form": form, "is_saving": button == "save", "is_refreshed": button == "refresh",
        } | self._rights(request)  # fmt: skip
        return render(request, "segments/form.html", context, status=400 if form.faults else 200)

    def _rights(self, request: HttpRequest) -> dict[str, bool]:
        user: Any = request.user
        return {"may_see_contacts": user.has_perm(SEE_CONTACTS), "may_see": user.has_perm(SEE_PERSONAL)}

    def preview(self, request: HttpRequest) -> HttpResponse:
        """The panel beside the form: asked again after each change."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form = SegmentForm(None, _flat(request.POST))
        form.press("preview", now=timezone.now())
        context = {"form": form} | self._rights(request)
        return render(request, "segments/preview.html", context)

    def act(self, request: HttpRequest, segment_id: int, action: str) -> HttpResponse:
        """What the buttons of the record do, by POST only."""
        segment = self._segment(request, segment_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        needed = "segments.delete_segment" if action == "delete" else "segments.change_segment"
        if not request.user.has_perm(needed):
            raise PermissionDenied(needed)
        back = reverse("admin:segments_segment_change", args=[segment.pk])
        try:
            sentence = self._do(action, segment, request, now=datetime.now(UTC))
        except (SegmentRefused, DefinitionError) as refusal:
            messages.error(request, _("Not done: %(why)s") % {"why": refusal})
            return HttpResponseRedirect(back)
        messages.success(request, sentence)
        return HttpResponseRedirect(
            reverse("admin:segments_segment_changelist") if action == "delete" else back
        )

    def _do(self, action: str, segment: Segment, request: HttpRequest, *, now: datetime) -> str:
        actor = request.user.get_username()
        if action == "delete":
            definitions.delete_segment(segment.pk)
            return _("Segment deleted. Its contacts stay.")
        if action == "archive":
            definitions.archive_segment(segment.pk, now=now)
            return _("Segment archived.")
        if action == "unarchive":
            definitions.unarchive_segment(segment.pk, now=now)
            return _("Segment taken out of the archive.")
        if action == "restore":
            version = request.POST.get("version", "")
            if not version.isdigit() or not segment.versions.filter(number=int(version[:9])).exists():
                raise Http404(version)
            definitions.restore_version(segment.pk, int(version), actor=actor, now=now)
            return _("Version %(number)s restored as a new version.") % {"number": version}
        if action == "rebuild":
            definitions.ask_for_build(segment.pk, now=now)
            return _("The segment is being counted anew.")
        raise Http404(action)


def state_of(segment: Any) -> str:
    """The state as drawn: building while its members are of an older definition or none."""
    build: Build | None = getattr(segment, "build", None)
    if segment.state == SegmentState.ACTIVE and build is not None and build.state != BuildState.IDLE:
        return "building" if build.state == BuildState.RUNNING else "waiting"
    return str(segment.state)


def _flat(posted: Any) -> dict[str, str]:
    """What was sent, with commas between the values of several ticks."""
    return {name: ", ".join(values) for name, values in posted.lists()}
