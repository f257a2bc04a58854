"""Events of a person for the card's activity; those about orders once more by themselves."""

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy, pgettext_lazy

from cdp.ui.formatting import money
from cdp.ui.seeded import seeded
from contacts.timeline import Entry, Query
from events.models import ORDER_TYPES, Event, EventFlag, EventType, TellsOfOrder

ORDER_KEY = re.compile(ORDER_TYPES)
MOST_TYPES = 5_000
ORDER_STATUSES = {
    "INITIALIZED": pgettext_lazy("purchase", "Placed"), "IN_PROGRESS": pgettext_lazy("purchase", "Being handled"),
    "DELIVERED": gettext_lazy("Delivered"), "CANCELLED": gettext_lazy("Cancelled"),
}  # fmt: skip


class EventSource:
    """Reads the store by its key (person, time, id): each partition gives its newest rows, no sort of a history."""

    name = "events"
    label = gettext_lazy("Events")
    place = 20
    ignores_period = False
    is_slice = False
    channels: Mapping[str, Any] = {}
    statuses: Mapping[str, Any] = {}

    def rows(self, query: Query) -> list[Entry]:
        found = list(self._query(query).order_by("-event_at", "-id")[: query.limit])
        kinds = EventType.objects.filter(pk__in={row.event_type_id for row in found})
        names = {pk: (name, key) for pk, name, key in kinds.values_list("pk", "name", "key")}
        return [self._entry(row, *names.get(row.event_type_id, ("?", ""))) for row in found]

    def count(self, query: Query) -> Any:
        return self._query(query)[: query.limit]

    def _query(self, query: Query) -> Any:
        rows = Event.objects.filter(person_id__in=query.person_ids)
        if query.since is not None:
            rows = rows.filter(event_at__gte=query.since)
        if query.until is not None:
            rows = rows.filter(event_at__lt=query.until)
        if query.before is not None:
            at, key = query.before
            rows = rows.filter(event_at__lte=at).exclude(event_at=at, id__gte=_uuid(key))
        if query.words:
            named = Q(name__icontains=query.words) | Q(key__icontains=query.words)
            rows = rows.filter(
                event_type_id__in=list(
                    EventType.objects.filter(named).values_list("pk", flat=True)[:MOST_TYPES]
                )
            )
        return rows

    def _entry(self, row: Event, name: str, key: str) -> Entry:
        name = seeded(name or key)
        flags = EventFlag(row.flags)
        notes = [str(text) for flag, text in flag_notes().items() if flag in flags]
        details = {
            "id": str(row.pk), "source": row.get_source_display(), "received_at": row.received_at,
            "processed_at": row.processed_at, "params": row.params, "notes": notes,
        }  # fmt: skip
        if not ORDER_KEY.match(key):
            return Entry(row.event_at, str(row.pk), "event", name, summary=row.key_value, details=details)
        number, cost, state = _order(row)
        return Entry(
            row.event_at, str(row.pk), "order", name, ("order", state) if state else None,
            " · ".join(text for text in (number, cost) if text), details,
        )  # fmt: skip


class OrderSource(EventSource):
    """Until orders are kept by themselves: the events that tell of them, by an index of these alone."""

    name = "orders"
    label = pgettext_lazy("purchase", "Orders")
    place = 30
    ignores_period = True
    is_slice = True
    statuses: Mapping[str, Any] = ORDER_STATUSES

    def _query(self, query: Query) -> Any:
        rows = super()._query(query)
        if query.status:
            rows = rows.filter(params__status=query.status)
        return rows.filter(TellsOfOrder())


def _order(row: Event) -> tuple[str, str, str]:
    """Number, amount and state of the order an event tells of, as far as it says them."""
    params = row.params if isinstance(row.params, dict) else {}
    number = (
        params.get("externalOrderId") or params.get("orderId") or params.get("OrderNumber") or row.key_value
    )
    cost = params.get("totalCost")
    currency = params.get("currency")
    is_amount = isinstance(cost, int | float | str) and not isinstance(cost, bool)
    amount = money(cost, currency if isinstance(currency, str) else "") if is_amount else ""
    state = params.get("status")
    return str(number)[:100], amount[:60], state if isinstance(state, str) and state in ORDER_STATUSES else ""


def flag_notes() -> dict[EventFlag, Any]:
    """What each flag of an event says to people."""
    return {
        EventFlag.PAST: gettext_lazy("loaded as history"),
        EventFlag.LATE: gettext_lazy("arrived more than a day late"),
        EventFlag.FUTURE_CLAMPED: gettext_lazy("claimed a time in the future"),
        EventFlag.BAD_TIMESTAMP: gettext_lazy("claimed an unreadable time"),
        EventFlag.IDENTITY_CONFLICT: gettext_lazy("another identifier of it belongs to another contact"),
        EventFlag.EXTERNAL_ID_PASSED_OVER: gettext_lazy(
            "the address belongs to a contact with another external ID"
        ),
    }


def _uuid(key: str) -> str:
    """The key when it is an id of this source; rows of other sources at the same moment sort by theirs."""
    hexadecimal = key.replace("-", "")
    if len(hexadecimal) == 32 and all(c in "0123456789abcdef" for c in hexadecimal):
        return key
    return "ffffffff-ffff-ffff-ffff-ffffffffffff" if key > "g" else "00000000-0000-0000-0000-000000000000"
