"""Events of a person for the card's activity."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from cdp.ui.seeded import seeded
from contacts.timeline import Entry, Query
from events.models import Event, EventFlag, EventType


class EventSource:
    """Reads the store by its key (person, time, id): each partition gives its newest rows, no sort of a history."""

    name = "events"
    label = _("Events")
    ignores_period = False

    def rows(self, query: Query) -> list[Entry]:
        found = list(self._query(query).order_by("-event_at", "-id")[: query.limit])
        names = dict(
            EventType.objects.filter(pk__in={row.event_type_id for row in found}).values_list("pk", "name")
        )
        return [self._entry(row, seeded(names.get(row.event_type_id, "?"))) for row in found]

    def count(self, query: Query) -> Any:
        return self._query(query)[: query.limit]

    def _query(self, query: Query) -> Any:
        rows = Event.objects.filter(person_id__in=query.person_ids)
        if query.since is not None:
            rows = rows.filter(event_at__gte=query.since)
        if query.before is not None:
            at, key = query.before
            rows = rows.filter(event_at__lte=at).exclude(event_at=at, id__gte=_uuid(key))
        if query.words:
            kinds = EventType.objects.filter(name__icontains=query.words) | EventType.objects.filter(
                key__icontains=query.words
            )
            rows = rows.filter(event_type_id__in=list(kinds.values_list("pk", flat=True)))
        return rows

    def _entry(self, row: Event, name: str) -> Entry:
        flags = EventFlag(row.flags)
        notes = [str(text) for flag, text in flag_notes().items() if flag in flags]
        details = {
            "id": str(row.pk), "source": row.get_source_display(), "received_at": row.received_at,
            "processed_at": row.processed_at, "params": row.params, "notes": notes,
        }  # fmt: skip
        return Entry(row.event_at, str(row.pk), "event", name, summary=row.key_value, details=details)


def flag_notes() -> dict[EventFlag, Any]:
    """What each flag of an event says to people."""
    return {
        EventFlag.PAST: _("loaded as history"),
        EventFlag.LATE: _("arrived more than a day late"),
        EventFlag.FUTURE_CLAMPED: _("claimed a time in the future"),
        EventFlag.BAD_TIMESTAMP: _("claimed an unreadable time"),
        EventFlag.IDENTITY_CONFLICT: _("another identifier of it belongs to another contact"),
        EventFlag.EXTERNAL_ID_PASSED_OVER: _("the address belongs to a contact with another external ID"),
    }


def _uuid(key: str) -> str:
    """The key when it is an id of this source; rows of other sources at the same moment sort by theirs."""
    hexadecimal = key.replace("-", "")
    if len(hexadecimal) == 32 and all(c in "0123456789abcdef" for c in hexadecimal):
        return key
    return "ffffffff-ffff-ffff-ffff-ffffffffffff" if key > "g" else "00000000-0000-0000-0000-000000000000"
