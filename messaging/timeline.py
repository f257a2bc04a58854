"""Messages of a person for the card's activity: one entry a delivery, with how far it came."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.timeline import Entry, Query
from messaging.models import Activity, ActivityKind, Channel, Delivery, DeliveryState, Message
from messaging.services.causes import CauseName, name_causes
from messaging.wording import why_not

MOST_CLICKS = 200

STAGES = ("complained_at", "unsubscribed_at", "clicked_at", "opened_at", "delivered_at")
WORDS = {
    "complained_at": "spam", "unsubscribed_at": "unsubscribed", "clicked_at": "clicked", "opened_at": "opened",
    "delivered_at": "delivered",
}  # fmt: skip


def stage_of(row: Delivery) -> str:
    """The highest stage a delivery reached, else its state."""
    if row.state == "sent" and row.failed_at and not (row.opened_at or row.clicked_at):
        return "undelivered"
    return next((WORDS[name] for name in STAGES if getattr(row, name)), row.state)


def at_stage(stage: str) -> Q:
    """Deliveries for which `stage_of` gives this."""
    failed = Q(state="sent", failed_at__isnull=False, opened_at=None, clicked_at=None)
    if stage == "undelivered":
        return failed
    found = ~failed
    for name in STAGES:
        if WORDS[name] == stage:
            return found & Q(**{f"{name}__isnull": False})
        found &= Q(**{name: None})
    return found & Q(state=stage)


class MessageSource:
    """Reads deliveries by (contact, planned, id)."""

    name = "messages"
    label = gettext_lazy("Messages")
    place = 10
    ignores_period = False
    is_slice = False
    channels: Mapping[str, Any] = dict(Channel.choices)
    statuses: Mapping[str, Any] = {
        "delivered": gettext_lazy("Delivered"), "opened": gettext_lazy("Read"), "clicked": gettext_lazy("Clicked"),
        "undelivered": gettext_lazy("Undelivered"), "unsubscribed": gettext_lazy("Unsubscribed"),
        "spam": gettext_lazy("Spam complaint"),
    } | dict(DeliveryState.choices)  # fmt: skip

    def rows(self, query: Query) -> list[Entry]:
        found = list(self._query(query).order_by("-planned_at", "-id")[: query.limit])
        names = dict(
            Message.objects.filter(pk__in={row.message_id for row in found}).values_list("pk", "name")
        )
        followed = self._followed({row.pk: row.clicked_at for row in found if row.clicked_at})
        causes = name_causes({(row.cause_kind, row.cause_id) for row in found})
        return [
            self._entry(
                row, names.get(row.message_id, "?"), followed.get(row.pk, []), causes.get((row.cause_kind, row.cause_id))
            )
            for row in found
        ]  # fmt: skip

    def _followed(self, first_clicks: dict[int, datetime]) -> dict[int, list[str]]:
        """Links that a human followed, in order, of deliveries by the time of their first click; one query if there are any."""
        if not first_clicks:
            return {}
        hits = Activity.objects.filter(
            delivery_id__in=first_clicks, at__gte=min(first_clicks.values()), kind=ActivityKind.CLICKED, machine=""
        )  # fmt: skip
        found: dict[int, list[str]] = {}
        for delivery_id, url in hits.order_by("at").values_list("delivery_id", "url")[:MOST_CLICKS]:
            found.setdefault(delivery_id, []).append(url)
        return found

    def count(self, query: Query) -> Any:
        return self._query(query)[: query.limit]

    def _query(self, query: Query) -> Any:
        rows = Delivery.objects.filter(contact_id=query.person_id)
        if query.since is not None:
            rows = rows.filter(planned_at__gte=query.since)
        if query.until is not None:
            rows = rows.filter(planned_at__lt=query.until)
        if query.channel:
            rows = rows.filter(channel=query.channel)
        if query.status:
            rows = rows.filter(at_stage(query.status))
        if query.before is not None:
            at, key = query.before
            number = (
                int(key.removeprefix("message-"))
                if key.startswith("message-") and key[8:].isdigit()
                else None
            )
            rows = rows.filter(planned_at__lte=at)
            if number is not None:
                rows = rows.exclude(planned_at=at, id__gte=number)
            elif key < "message-":
                rows = rows.exclude(planned_at=at)
        if query.words:
            found = Message.objects.filter(name__icontains=query.words).values_list("pk", flat=True)
            rows = rows.filter(message_id__in=list(found[:1_000]))
        return rows

    def _entry(self, row: Delivery, name: str, followed: list[str], cause: CauseName | None) -> Entry:
        kind = str(row.get_cause_kind_display())
        facts = [
            (_("channel"), row.get_channel_display()),
            (_("subject"), row.subject), (_("cause"), f"{kind}: {cause.name}" if cause else kind), (_("address"), row.endpoint),
            (_("planned"), row.planned_at), (_("handed over"), row.handed_at), (_("delivered"), row.delivered_at),
            (_("opened"), row.opened_at), (_("clicked"), row.clicked_at), (_("unsubscribed"), row.unsubscribed_at),
            (_("links followed"), followed), (_("failed"), row.failed_at),
            (_("reason"), str(why_not(row.reason))), (_("answer"), row.last_error),
        ]  # fmt: skip
        reason = row.last_error or str(why_not(row.reason)) if row.reason or row.failed_at else ""
        return Entry(
            row.planned_at, f"message-{row.pk:020d}", "campaign", name, status=("delivery", stage_of(row)),
            summary=" · ".join(text for text in (row.subject, reason) if text),
            details={"notes": [_("test")]} if row.is_test else {},
            facts=[(label, value) for label, value in facts if value],
            links=((_("Open the delivery"), reverse("admin:messaging_delivery_change", args=[row.pk])),),
            links_permission="messaging.view_delivery",
            channel=row.channel,
        )  # fmt: skip
