"""The event history and the live view."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from cdp.ui.admin import ReadOnlyAdmin
from events.elsewhere import Elsewhere, find
from events.history import newest, read_history, read_question
from events.models import Event, EventFlag, EventType, InboxEvent
from events.timeline import flag_notes

SEE_PERSONAL = "contacts.view_personal_data"
LIVE_ROWS = 100
LATE_SECONDS = 5


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The list is a page of its own: it never counts, needs a period, and opens rows in place."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("live/", wrap(self.live), name="events_event_live"),
            path("live/rows/", wrap(self.live_rows), name="events_event_live_rows"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        now = timezone.now()
        question = read_question(request.GET, now=now)
        page, rows = read_history(
            question, after=request.GET.get("after", ""), before=request.GET.get("before", "")
        )
        query = request.GET.copy()
        for name in ("after", "before"):
            query.pop(name, None)
        context = {
            "title": _("Event history"), "tab": "history", "rows": rows, "page": page, "question": question,
            "query": query.urlencode(), "place": _kept_elsewhere(question.type_id),
            "types": [(kind.pk, str(kind)) for kind in EventType.objects.order_by("name").only("name", "key")],
            "period": request.GET.get("period", "24h"), "own": {n: request.GET.get(n, "") for n in ("from", "to")},
        }  # fmt: skip
        return self._render(request, "events/history.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """A single event has no page of its own; it opens in its row."""
        raise PermissionDenied

    def live(self, request: HttpRequest) -> HttpResponse:
        return self._render(
            request, "events/live.html", {"title": _("Live events"), "tab": "live"} | self._newest()
        )

    def live_rows(self, request: HttpRequest) -> HttpResponse:
        return self._render(request, "events/live_rows.html", self._newest())

    def _newest(self) -> dict[str, Any]:
        oldest = InboxEvent.objects.order_by("pk").values_list("received_at", flat=True).first()
        age = (timezone.now() - oldest).total_seconds() if oldest else 0
        return {"rows": newest(LIVE_ROWS), "late": round(age) if age > LATE_SECONDS else 0}

    def _render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        user: Any = request.user
        for row in context["rows"]:
            row.notes = [text for flag, text in flag_notes().items() if flag in row.flags]
            row.is_unmatched = EventFlag.UNMATCHED in row.flags
        frame = self.admin_site.each_context(request) | {
            "opts": self.opts, "may_see": user.has_perm(SEE_PERSONAL), "may_open": user.has_perm("contacts.view_contact"),
        }  # fmt: skip
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return render(request, template, frame | context)


def _kept_elsewhere(type_id: int | None) -> Elsewhere | None:
    """Where the events of a type are, when they are not here."""
    if type_id is None:
        return None
    key = EventType.objects.filter(pk=type_id).values_list("key", flat=True).first()
    return find(key) if key else None
