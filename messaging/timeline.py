"""Messages of a person for the card's activity: one entry a delivery, with how far it came."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.timeline import Entry, Query
from messaging.models import Activity, ActivityKind, Delivery, Message

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


class MessageSource:
    """Reads deliveries by (contact, planned, id)."""

    name = "messages"
    label = gettext_lazy("Messages")
    ignores_period = False

    def rows(self, query: Query) -> list[Entry]:
        found = list(self._query(query).order_by("-planned_at", "-id")[: query.limit])
        names = dict(
            Message.objects.filter(pk__in={row.message_id for row in found}).values_list("pk", "name")
        )
        followed = self._followed([row.pk for row in found])
        return [self._entry(row, names.get(row.message_id, "?"), followed.get(row.pk, [])) for row in found]

    def _followed(self, delivery_ids: list[int]) -> dict[int, list[str]]:
        """Links that a human followed, in order; one query."""
        hits = Activity.objects.filter(delivery_id__in=delivery_ids, kind=ActivityKind.CLICKED, machine="")
        found: dict[int, list[str]] = {}
        for delivery_id, url in hits.order_by("at").values_list("delivery_id", "url")[:MOST_CLICKS]:
            found.setdefault(delivery_id, []).append(url)
        return found

    def count(self, query: Query) -> Any:
        return self._query(query)[: query.limit]

    def _query(self, query: Query) -> Any:
        rows = Delivery.objects.filter(contact_id=query.person_id, is_test=False)
        if query.since is not None:
            rows = rows.filter(planned_at__gte=query.since)
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

    def _entry(self, row: Delivery, name: str, followed: list[str]) -> Entry:
        details = {
            _("subject"): row.subject, _("cause"): row.get_cause_kind_display(), _("address"): row.endpoint,
            _("planned"): row.planned_at, _("handed over"): row.handed_at, _("delivered"): row.delivered_at,
            _("opened"): row.opened_at, _("clicked"): row.clicked_at, _("unsubscribed"): row.unsubscribed_at,
            _("links followed"): followed, _("failed"): row.failed_at, _("reason"): row.reason, _("answer"): row.last_error,
        }  # fmt: skip
        return Entry(
            row.planned_at, f"message-{row.pk:020d}", "campaign", name, status=("delivery", stage_of(row)),
            summary=row.subject, details={key: value for key, value in details.items() if value},
            links=((_("Open"), reverse("admin:messaging_delivery_change", args=[row.pk])),),
            links_permission="messaging.view_delivery",
        )  # fmt: skip
