"""Deliveries: a bounded list by time, state and reason, found by contact or address; and what happened to one."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, KeysetChangeList, Order, ReadOnlyAdmin, View
from cdp.ui.bounded import Ask, read_bounded
from cdp.ui.formatting import mask_email, moment
from cdp.ui.status import registry as states
from cdp.ui.status import status_pill
from contacts.models import Contact
from messaging.models import Activity, Campaign, CauseKind, Delivery, DeliveryState, Message, Reason
from messaging.services.causes import CauseName, name_causes
from messaging.timeline import at_stage, stage_of
from messaging.wording import why_not, why_of

SEE_PERSONAL = "contacts.view_personal_data"
PERIODS = (("1", gettext_lazy("24 hours")), ("7", gettext_lazy("7 days")), ("30", gettext_lazy("30 days")),
           ("all", gettext_lazy("All")))  # fmt: skip
MOST_ACTIVITY = 200
MOST_CONTACTS = 50
MOST_CAMPAIGNS = 50
REACHED = ("delivered", "opened", "clicked", "unsubscribed", "spam", "undelivered", "cancelled")


class PeriodFilter(admin.SimpleListFilter):
    title = gettext_lazy("Period")
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return PERIODS

    def choices(self, changelist: Any) -> Any:
        """The periods alone: nothing chosen is the last day, or everything when something is looked for."""
        chosen = self.value() or ("all" if changelist.query else "1")
        for value, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": value == chosen, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        days = self.value() or ("all" if request.GET.get("q") else "1")
        if days not in ("1", "7", "30"):
            return queryset
        return queryset.filter(planned_at__gte=timezone.now() - timedelta(days=int(days)))


class ReasonFilter(admin.SimpleListFilter):
    title = gettext_lazy("Reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Reason.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in Reason.values:
            return queryset
        return queryset.filter(reason=self.value(), state__in=["skipped", "failed", "unknown", "cancelled"])


class StageFilter(admin.SimpleListFilter):
    """How far deliveries came, as their column says it; the states that have a view of their own are left to it."""

    title = gettext_lazy("Outcome")
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(name, states["delivery"][name].word) for name in REACHED]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(at_stage(str(self.value()))) if self.value() in REACHED else queryset


class CauseFilter(admin.SimpleListFilter):
    """`?cause=campaign:5`: the deliveries of one campaign; `?cause=workflow`: of all workflows."""

    title = gettext_lazy("Cause")
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        kinds = [(f"{kind}:", words) for kind, words in CauseKind.choices]
        started = Campaign.objects.exclude(started_at=None).order_by("-started_at")
        campaigns = dict(started.values_list("pk", "name")[:MOST_CAMPAIGNS])
        kind, _colon, number = request.GET.get("cause", "").partition(":")
        if (
            kind == CauseKind.CAMPAIGN
            and number.isdecimal()
            and len(number) < 19
            and int(number) not in campaigns
        ):
            campaigns |= dict(Campaign.objects.filter(pk=int(number)).values_list("pk", "name"))
        return kinds + [(f"campaign:{pk}", name) for pk, name in campaigns.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        kind, _colon, number = str(self.value() or "").partition(":")
        if not kind:
            return queryset
        rows = queryset.filter(cause_kind=kind)
        return rows.filter(cause_id=int(number)) if number.isdigit() and len(number) < 19 else rows


def _state(*states: str) -> Any:
    return lambda rows: rows.filter(state__in=states)


class DeliveryChangeList(KeysetChangeList):
    """Without a chosen period only the last 24 hours are read; when nothing is in them, it says so.

    Outcome, reason and cause have no index: a page that they narrow passes a bounded number of deliveries.
    """

    def read_rows(self, *, after: str, before: str) -> Any:
        filters = [spec for spec in self.filter_specs if spec.value()]
        if self.query or all(isinstance(spec, PeriodFilter) for spec in filters):
            return super().read_rows(after=after, before=before)
        base = walked = self.root_queryset
        for spec in self.filter_specs:
            if isinstance(spec, PeriodFilter):
                base = spec.queryset(self.request, base)
            else:
                walked = spec.queryset(self.request, walked)
        if self.view is not None and self.view.narrow is not None:
            walked = self.view.narrow(walked)
        is_whole = bool(self.params.get("whole"))
        ask = Ask(
            base, self.queryset, self.order.fields, self.list_per_page, walked=walked, is_whole=is_whole
        )
        return read_bounded(ask, after=after, before=before)

    @property
    def own_empty(self) -> Empty | None:
        if self.query or "period" in self.params:
            return None
        asked = self.get_query_string({"period": "all"}, remove=["after", "before"])
        return Empty(
            _("Nothing in the last 24 hours"),
            _("Older deliveries are a period away: choose one in the filters, or look at all of them."),
            "outbox",
            (
                (_("Show all deliveries"), f"{reverse('admin:messaging_delivery_changelist')}{asked}", ""),
                (
                    _("Send a test from a message"),
                    "admin:messaging_message_changelist",
                    "messaging.send_test",
                ),
            ),
        )


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("planned", "recipient", "message", "stage", "why", "cause")
    list_before_template = "messaging/deliveries_before.html"
    list_filter = (PeriodFilter, StageFilter, ReasonFilter, CauseFilter)
    search_fields = ("endpoint",)
    search_help_text = gettext_lazy("Contact id, address, or delivery id")
    orders = (Order("", "", ("-planned_at", "-id")),)
    views = (
        View("", gettext_lazy("All")),
        View("waiting", gettext_lazy("Waiting"), _state("planned", "claimed", "sending")),
        View("sent", gettext_lazy("Sent"), _state(DeliveryState.SENT)),
        View("skipped", gettext_lazy("Skipped"), _state(DeliveryState.SKIPPED), True),
        View("failed", gettext_lazy("Failed"), _state(DeliveryState.FAILED)),
        View("unknown", gettext_lazy("Unknown outcome"), _state(DeliveryState.UNKNOWN)),
    )
    empty = Empty(
        gettext_lazy("No deliveries yet"),
        gettext_lazy(
            "Every message to every contact is a row here, with how far it came or why it was not sent."
        ),
        "outbox",
        (
            (
                gettext_lazy("Send a test from a message"),
                "admin:messaging_message_changelist",
                "messaging.send_test",
            ),
        ),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return DeliveryChangeList

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By index only: an address, a contact's id, a delivery's id, or the addresses of contacts found by name."""
        text = search_term.strip().replace("\0", "")[:254]
        if not text:
            return queryset, False
        if text.isascii() and text.isdigit() and len(text) < 19:
            return queryset.filter(Q(contact_id=int(text)) | Q(pk=int(text))), False
        if "@" in text:
            return queryset.filter(endpoint=text.lower()), False
        found = Contact.objects.search(text).values_list("pk", flat=True)[:MOST_CONTACTS]
        return queryset.filter(contact_id__in=list(found)), False

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        user: Any = request.user
        may_see = user.has_perm(SEE_PERSONAL)
        names = dict(
            Message.objects.filter(pk__in={row.message_id for row in rows}).values_list("pk", "name")
        )
        for row in rows:
            row.message_name = names.get(row.message_id, "?")
            row.shown_address = _address(row, may_see=may_see)
            row.shown_subject = row.subject if may_see else ""  # it may hold a name
        causes = name_causes({(row.cause_kind, row.cause_id) for row in rows})
        for row in rows:
            row.cause_label = _cause(row, causes.get((row.cause_kind, row.cause_id)), user)

    @admin.display(description=gettext_lazy("Planned"))
    def planned(self, row: Any) -> SafeString:
        return moment(row.planned_at)

    @admin.display(description=gettext_lazy("Recipient"))
    def recipient(self, row: Any) -> SafeString:
        if not row.contact_id:
            return format_html("{}", row.shown_address)
        link = reverse("admin:contacts_contact_change", args=[row.contact_id])
        return format_html('<a class="ui-link" href="{}">{}</a>', link, row.shown_address)

    @admin.display(description=gettext_lazy("Message"))
    def message(self, row: Any) -> SafeString:
        return format_html('{}<br><span class="ui-meta">{}</span>', row.message_name, row.shown_subject)

    @admin.display(description=gettext_lazy("State"))
    def stage(self, row: Any) -> SafeString:
        return status_pill("delivery", stage_of(row))

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, row: Any) -> Any:
        return why_not(row.reason) or "—"

    @admin.display(description=gettext_lazy("Cause"))
    def cause(self, row: Any) -> SafeString:
        return row.cause_label  # type: ignore[no-any-return]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        is_number = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
        row = Delivery.objects.filter(pk=int(object_id)).first() if is_number else None
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return self._render(request, row)

    def _render(self, request: HttpRequest, row: Delivery) -> HttpResponse:
        user: Any = request.user
        may_see = user.has_perm(SEE_PERSONAL)
        cause = (row.cause_kind, row.cause_id)
        context = self.admin_site.each_context(request) | {
            "cause": _cause(row, name_causes({cause}).get(cause), user),
            "title": f"#{row.pk}", "opts": self.opts, "row": row, "stage": stage_of(row), "may_see": may_see,
            "address": _address(row, may_see=may_see), "why": why_not(row.reason) or "—",
            "message": Message.objects.filter(pk=row.message_id).first(),
            "activity": [(entry, why_of(entry.kind, entry.reason)) for entry in _activity(row)],
            "context": row.context if may_see else {},
        }  # fmt: skip
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return render(request, "messaging/delivery.html", context)


def _activity(row: Delivery) -> Any:
    return Activity.objects.filter(delivery_id=row.pk).order_by("-at", "-id")[:MOST_ACTIVITY]


def _cause(row: Delivery, cause: CauseName | None, user: Any) -> SafeString:
    """The kind of cause and its name, which opens its page for whoever may."""
    kind = row.get_cause_kind_display()
    if cause is None:
        return format_html('<span class="ui-meta">{}</span>', kind)
    name: Any = cause.name
    if user.has_perm(cause.permission):
        name = format_html('<a class="ui-link" href="{}">{}</a>', cause.address, cause.name)
    return format_html('<span class="ui-wrap">{}</span><br><span class="ui-meta">{}</span>', name, kind)


def _address(row: Delivery, *, may_see: bool) -> str:
    if row.endpoint.startswith("#"):
        return f"id {row.contact_id}"
    return row.endpoint if may_see else mask_email(row.endpoint)
