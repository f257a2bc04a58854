"""What this app puts into the admin's frame: navigation, states, the home page."""

from datetime import datetime, timedelta

from django.db.models import Sum
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from cdp.ui.formatting import number
from cdp.ui.home import Problem, Step, Tile, register_home
from cdp.ui.navigation import Entry, register_entry
from cdp.ui.status import Status, register_status
from contacts.services.person_export import register_export
from events.models import Event, EventType, InboxEvent, QuarantinedEvent, TypeHour
from events.services.waiting_events import events_on_their_way

LATE = timedelta(seconds=5)


def register_all() -> None:
    see = "events.view_event"
    history = "admin:events_event_changelist"
    troubles = (
        reverse_lazy("admin:events_quarantinedevent_changelist"),
        reverse_lazy("admin:events_rejectedevent_changelist"),
    )
    register_entry(
        Entry("activity", gettext_lazy("Live events"), "sensors", "admin:events_event_live", see, 5)
    )
    register_entry(
        Entry(
            "activity", gettext_lazy("Event history"), "history", history, see, 10, covers=troubles, key="e"
        )
    )
    register_entry(
        Entry("activity", gettext_lazy("Event types"), "category", "admin:events_eventtype_changelist",
              "events.view_eventtype", 20)
    )  # fmt: skip
    register_status(
        "validation",
        {"off": Status("grey", gettext_lazy("Off")), "strict": Status("green", gettext_lazy("Checked"))},
    )
    register_export("event_types", names_of_types)
    register_export("events_on_their_way", events_on_their_way)
    register_status("order", {
        "INITIALIZED": Status("blue", pgettext_lazy("purchase", "Placed")),
        "IN_PROGRESS": Status("blue", pgettext_lazy("purchase", "Being handled")),
        "DELIVERED": Status("green", gettext_lazy("Delivered")),
        "CANCELLED": Status("grey", gettext_lazy("Cancelled")),
    })  # fmt: skip
    register_home(
        "problems",
        set_aside,
        permission="events.view_quarantinedevent",
        only_if=lambda _now: QuarantinedEvent.objects.filter(replayed_at=None),
    )
    register_home("problems", late, permission=see)
    register_home("tiles", tiles, permission=see, order=10)
    register_home("steps", steps, permission=see, order=20)


def set_aside(now: datetime) -> list[Problem]:  # noqa: ARG001
    """Events set aside."""
    aside = len(QuarantinedEvent.objects.filter(replayed_at=None).values_list("pk", flat=True)[:1_000])
    text = ngettext("%(count)s event was set aside", "%(count)s events were set aside", aside) % {
        "count": aside
    }
    return [Problem("red", text, reverse("admin:events_quarantinedevent_changelist"), _("Look at it"))]


def late(now: datetime) -> list[Problem]:
    """Events that wait longer than they should."""
    oldest = InboxEvent.objects.order_by("pk").values_list("received_at", flat=True).first()
    if oldest is None or now - oldest <= LATE:
        return []
    seconds = int((now - oldest).total_seconds())
    text = _("Events wait to be processed since %(seconds)s s") % {"seconds": number(seconds)}
    return [Problem("orange", text, reverse("admin:cdp_enginestate_changelist"), _("Open health"))]


def tiles(now: datetime) -> list[Tile]:
    day = TypeHour.objects.filter(hour__gte=now - timedelta(hours=24)).aggregate(
        n=Sum("accepted"), u=Sum("unmatched")
    )
    count, unmatched = day["n"] or 0, day["u"] or 0
    note = _("%(count)s without a contact") % {"count": number(unmatched)} if unmatched else ""
    return [Tile(_("Events in 24 hours"), number(count), reverse("admin:events_event_changelist"), note)]


def steps(now: datetime) -> list[Step]:  # noqa: ARG001
    return [
        Step(_("Send an event from your site or application"), TypeHour.objects.filter(accepted__gt=0),
             reverse("admin:events_eventtype_changelist"))
    ]  # fmt: skip


def names_of_types(contact_id: int) -> dict[int, str]:
    """For the file with a person's data: what the numbers of its events mean."""
    seen = Event.objects.filter(person_id=contact_id).values("event_type_id")
    return dict(EventType.objects.filter(pk__in=seen).values_list("pk", "key"))
