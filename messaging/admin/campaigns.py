"""Campaigns: put together, counted before the start, watched while they run."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
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
from messaging.admin.forms import CampaignForm
from messaging.audiences import names_of
from messaging.models import Campaign, CampaignState, Delivery, Sender
from messaging.reports.indicators import percent
from messaging.services import campaigns as services
from messaging.wording import why_not
from segments.rules import BrokenReference, DefinitionError

PAUSED_BY = {
    "errors": gettext_lazy("Too many addresses refused the message."),
    "complaints": gettext_lazy("Too many recipients complained."),
    "rendering": gettext_lazy("The message could not be rendered for many recipients."),
    "late": gettext_lazy("Its start was missed by hours."),
}
# Names are those of the report's figures, whose people the tiles open.
STAGES = (
    ("delivered", gettext_lazy("Delivered"), "delivered_at"), ("opened", gettext_lazy("Read"), "opened_at"),
    ("clicked", gettext_lazy("Clicked"), "clicked_at"), ("unsubscribed", gettext_lazy("Unsubscribed"), "unsubscribed_at"),
    ("complained", gettext_lazy("Complaints"), "complained_at"), ("bounced", gettext_lazy("Undelivered"), "failed_at"),
)  # fmt: skip
OF_SENT = ("delivered", "bounced")  # the others are shares of what was delivered
WAITING = ("planned", "claimed", "sending")
VIEWS = ("sent", "skipped", "failed", "unknown")  # of the list of deliveries, by the state they show


@admin.register(Campaign)
class CampaignAdmin(ListAdmin):
    list_display = ("campaign", "state_pill", "size", "start")
    search_fields = ("name",)
    search_help_text = gettext_lazy("name")
    orders = (Order("", "", ("-id",)),)
    views = (
        View("", gettext_lazy("All")),
        View("running", gettext_lazy("Running"), lambda rows: rows.filter(
            state__in=["scheduled", "preparing", "sending", "paused"])),
        View("drafts", gettext_lazy("Drafts"), lambda rows: rows.filter(state="draft")),
    )  # fmt: skip
    empty = Empty(
        gettext_lazy("No campaigns yet"),
        gettext_lazy("A campaign sends one message to segments and lists, once."),
        "campaign",
        ((gettext_lazy("Create campaign"), "admin:messaging_campaign_add", "messaging.add_campaign"),),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("message")

    @admin.display(description=gettext_lazy("Campaign"))
    def campaign(self, row: Campaign) -> SafeString:
        return format_html(
            '<span class="ui-strong">{}</span><br><span class="ui-meta">{}</span>', row.name, row.message.name
        )

    @admin.display(description=gettext_lazy("State"))
    def state_pill(self, row: Campaign) -> SafeString:
        return status_pill("campaign", row.state)

    @admin.display(description=gettext_lazy("Contacts"))
    def size(self, row: Campaign) -> SafeString:
        return format_html(
            '<span class="ui-number">{}</span>', number(row.audience_count) if row.started_at else "—"
        )

    @admin.display(description=gettext_lazy("Start"))
    def start(self, row: Campaign) -> SafeString:
        return moment(row.started_at or row.starts_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (
            obj is None or obj.state == CampaignState.DRAFT
        )

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/edit/", wrap(self.edit), name="messaging_campaign_edit"),
            path("<int:pk>/do/<slug:action>/", wrap(self.act), name="messaging_campaign_act"),
        ]
        return [*own, *super().get_urls()]

    # Put together

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied("messaging.add_campaign")
        return self._edit(request, Campaign())

    def edit(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self._campaign(request, pk)
        if not self.has_change_permission(request, campaign):
            raise PermissionDenied("messaging.change_campaign")
        return self._edit(request, campaign)

    def _edit(self, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        form = CampaignForm(request.POST or None, instance=campaign)
        if request.method == "POST" and form.is_valid():
            made = form.save(commit=False)
            made.include, made.exclude = form.parts("included"), form.parts("excluded")
            try:
                services.save_campaign(campaign=made, owner=request.user, now=datetime.now(UTC))
            except (ValidationError, services.CampaignRefused) as refusal:
                form.add_error(None, refusal if isinstance(refusal, ValidationError) else str(refusal))
            else:
                return HttpResponseRedirect(reverse("admin:messaging_campaign_change", args=[made.pk]))
        title = campaign.name if campaign.pk else _("Create campaign")
        return self._render(request, "messaging/campaign_form.html", {"form": form, "campaign": campaign, "title": title},
                            status=400 if form.errors else 200)  # fmt: skip

    # Look at

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if request.method != "GET" or not object_id.isdigit():
            raise PermissionDenied
        campaign = self._campaign(request, int(object_id))
        user: Any = request.user
        context: dict[str, Any] = {
            "title": campaign.name, "campaign": campaign, "included": names_of(campaign.include),
            "excluded": names_of(campaign.exclude), "paused_by": _paused_by(campaign.reason),
            "zone": timezone.get_current_timezone_name(),
            "may_change": self.has_change_permission(request, campaign),
            "may_launch": user.has_perm("messaging.launch_campaign"),
            "cause": f"campaign:{campaign.pk}",
            "may_open": user.has_perms(["messaging.view_messagereport", "contacts.view_contact"]),
        }  # fmt: skip
        if campaign.started_at is None:
            is_late = campaign.starts_at is not None and campaign.starts_at <= timezone.now()
            context |= self._counted(campaign) | {
                "sender": campaign.message.sender or _default_sender(), "is_late": is_late,
            }  # fmt: skip
        else:
            context |= figures(campaign)
        return self._render(request, "messaging/campaign.html", context)

    def _counted(self, campaign: Campaign) -> dict[str, Any]:
        """Who would get it now, by reason; or why that cannot be told."""
        try:
            count = services.count_audience(campaign, now=timezone.now())
        except (BrokenReference, DefinitionError) as error:
            return {"count_error": str(error)}
        reasons = [(why_not(reason), found) for reason, found in count.reasons.items()]
        return {"count": count, "reasons": reasons}

    def act(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Launch, pause, resume or cancel. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        campaign = self._campaign(request, pk)
        user: Any = request.user
        if not user.has_perm("messaging.launch_campaign"):
            raise PermissionDenied("messaging.launch_campaign")
        now = datetime.now(UTC)
        try:
            if action == "launch":
                services.launch_campaign(campaign_id=campaign.pk, now=now)
            elif action == "pause":
                services.pause_campaign(campaign_id=campaign.pk, reason=user.get_username(), now=now)
            elif action == "resume":
                services.resume_campaign(campaign_id=campaign.pk, now=now)
            elif action == "cancel":
                services.cancel_campaign(campaign_id=campaign.pk, now=now)
            else:
                raise Http404
        except services.CampaignRefused as refusal:
            messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("admin:messaging_campaign_change", args=[pk]))

    def _campaign(self, request: HttpRequest, pk: int) -> Campaign:
        if not self.has_view_permission(request):
            raise PermissionDenied
        campaign = Campaign.objects.select_related("message__sender").filter(pk=pk).first()
        if campaign is None:
            raise Http404
        return campaign

    def _render(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        frame = self.admin_site.each_context(request) | {"opts": self.opts}
        return render(request, template, frame | context, status=status)


def figures(campaign: Campaign) -> dict[str, Any]:
    """Numbers of a started campaign: two queries over its deliveries."""
    rows = Delivery.objects.filter(
        cause_month=services.month_of(campaign), cause_kind="campaign", cause_id=campaign.pk
    )
    by_state: dict[str, int] = {}
    reasons: list[tuple[Any, int, str]] = []
    for state, reason, count in rows.order_by().values_list("state", "reason").annotate(n=Count("id")):
        by_state[state] = by_state.get(state, 0) + count
        if reason and state in ("skipped", "failed", "unknown"):
            reasons.append((why_not(reason), count, reason))
    sent = by_state.get("sent", 0)
    marks = rows.filter(state="sent").aggregate(**{name: Count(column) for name, _text, column in STAGES})
    # As in the report: what came back is known, what arrived is not.
    marks["delivered"] = sent - marks["bounced"]
    tiles = [
        (
            label,
            number(marks[name]),
            percent(marks[name], sent if name in OF_SENT else marks["delivered"]),
            name,
        )
        for name, label, _column in STAGES
    ]
    waiting = (
        sum(by_state.pop(state, 0) for state in WAITING) + campaign.audience_count - campaign.planned_count
    )
    states = [(state, count, state if state in VIEWS else "") for state, count in sorted(by_state.items())]
    return {
        "tiles": tiles, "by_state": states,
        "reasons": sorted(reasons, key=lambda one: -one[1]), "waiting": waiting, "done": campaign.audience_count - waiting,
    }  # fmt: skip


def _paused_by(reason: str) -> Any:
    """Why it stands still: a rule of ours in words, or the colleague."""
    return PAUSED_BY.get(reason) or _("by %(name)s") % {"name": reason}


def _default_sender() -> Any:
    return Sender.objects.filter(is_default=True).first() or _("the default sender")
