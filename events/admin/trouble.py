"""Events set aside, to look at and put back; and refused requests."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from cdp.ui.admin import Empty, Order, ReadOnlyAdmin, View
from cdp.ui.formatting import moment, tree
from events.models import QuarantinedEvent, RejectedEvent
from events.services.quarantine import replay

MOST_AT_ONCE = 1_000
SEE_PERSONAL = "contacts.view_personal_data"


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(ReadOnlyAdmin):
    list_before_template = "events/trouble_views.html"
    list_display = ("kind", "why", "when", "put_back")
    list_select_related = ("event_type",)
    orders = (Order("", "", ("-id",)),)
    views = (
        View("", gettext_lazy("Waiting"), lambda rows: rows.filter(replayed_at=None)),
        View("replayed", pgettext_lazy("state", "Put back"), lambda rows: rows.exclude(replayed_at=None)),
    )
    empty = Empty(
        gettext_lazy("Nothing is set aside"),
        gettext_lazy(
            "An accepted event that cannot be processed is kept here with the reason, and can be put back."
        ),
        "task_alt",
    )
    trouble_tab = "aside"

    @admin.display(description=gettext_lazy("Event type"))
    def kind(self, row: Any) -> str:
        return str(row.event_type or "—")

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, row: Any) -> SafeString:
        return format_html('<span class="ui-wrap">{}</span>', row.reason[:300])

    @admin.display(description=gettext_lazy("Set aside"))
    def when(self, row: Any) -> SafeString:
        return moment(row.quarantined_at)

    @admin.display(description=pgettext_lazy("state", "Put back"))
    def put_back(self, row: Any) -> SafeString:
        return moment(row.replayed_at)

    def get_urls(self) -> list[Any]:
        own = [
            path("replay/", self.admin_site.admin_view(self.replay), name="events_quarantinedevent_replay")
        ]
        return [*own, *super().get_urls()]

    def replay(self, request: HttpRequest) -> HttpResponse:
        """Put back one event, or the oldest `MOST_AT_ONCE` that wait. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("events.change_quarantinedevent"):
            raise PermissionDenied
        waiting = QuarantinedEvent.objects.filter(replayed_at=None).order_by("pk")
        number = request.POST.get("id", "")
        if number.isdigit() and len(number) < 19:
            waiting = waiting.filter(pk=int(number))
        done = replay(list(waiting.values_list("pk", flat=True)[:MOST_AT_ONCE]), now=datetime.now(UTC))
        text = ngettext("%(count)s event was put back.", "%(count)s events were put back.", done) % {
            "count": done
        }
        messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:events_quarantinedevent_changelist"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        user: Any = request.user
        context = self.admin_site.each_context(request) | {
            "title": _("Event set aside"), "opts": self.opts, "row": row, "may_see": user.has_perm(SEE_PERSONAL),
            "may_replay": user.has_perm("events.change_quarantinedevent"),
        }  # fmt: skip
        return render(request, "events/aside.html", context)


@admin.register(RejectedEvent)
class RejectedEventAdmin(ReadOnlyAdmin):
    list_before_template = "events/trouble_views.html"
    list_display = ("when", "event_type_key", "code", "path", "message", "actor")
    list_filter = ("code",)
    search_fields = ("event_type_key",)
    search_help_text = gettext_lazy("key of the event type")
    orders = (Order("", "", ("-id",)),)
    empty = Empty(
        gettext_lazy("Nothing was refused"),
        gettext_lazy(
            "Events that break a rule are listed here with the field and the rule; the newest 10 000 are kept."
        ),
        "task_alt",
    )
    fields = ("received_at", "actor", "event_type_key", "code", "path", "message", "sent")
    readonly_fields = ("sent",)
    trouble_tab = "refused"

    @admin.display(description=gettext_lazy("Received"))
    def when(self, row: Any) -> SafeString:
        return moment(row.received_at)

    @admin.display(description=gettext_lazy("Body"))
    def sent(self, row: Any) -> SafeString:
        return format_html('<code class="ui-code">{}</code>', row.body) if row.may_see else tree(None)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            user: Any = request.user
            row.may_see = user.has_perm(SEE_PERSONAL)
        return row
