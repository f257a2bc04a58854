"""The event history: which events a question means, read by an index and paged by key."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cdp.api.moments import read_moment
from cdp.ui.keyset import KeysetPage, read_page
from cdp.ui.seeded import seeded
from contacts.models import Contact, Visitor
from events.models import Event, EventFlag, EventType

PAGE = 50
PERIODS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
NOBODY = 0


@dataclass(frozen=True, slots=True)
class Question:
    """What the page asks. `words`: a contact (`id:`, `extid:`, an e-mail, a phone) or else an event key."""

    type_id: int | None = None
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class Row:
    event: Event
    type_name: str
    type_key: str
    contact: Contact | None
    is_visitor: bool
    flags: EventFlag
    notes: list[Any] = field(default_factory=list)
    is_unmatched: bool = False

    @property
    def seconds(self) -> float:
        """From receipt to processing."""
        return round((self.event.processed_at - self.event.received_at).total_seconds(), 2)


def read_question(query: Any, *, now: datetime) -> Question:
    """The question of an address; what is unreadable counts as not asked. The period is 24 hours unless told."""
    number = query.get("type", "")
    since, until = now - PERIODS.get(query.get("period", ""), PERIODS["24h"]), None
    if query.get("period") == "own":
        since = _day(query.get("from")) or since
        until = _day(query.get("to"))
        until = until + timedelta(days=1) if until else None
    type_id = int(number) if number.isdigit() and len(number) < 10 else None
    return Question(type_id, query.get("q", "").strip().replace("\0", "")[:300], since, until)


def _day(text: str | None) -> datetime | None:
    return read_moment(text or "", UTC)


def read_history(question: Question, *, after: str = "", before: str = "") -> tuple[KeysetPage, list[Row]]:
    """A page of the history, newest first. Without type, contact or key it is read by the ids, which grow with time."""
    rows = Event.objects.all()
    order: tuple[str, ...] = ("-event_at", "-id")
    if question.words:
        rows = _about(rows, question.words)
    elif question.type_id is None:
        order = ("-id",)
        if question.since is not None:
            rows = rows.filter(id__gte=first_id(question.since))
        if question.until is not None:
            rows = rows.filter(id__lt=first_id(question.until))
    if question.type_id is not None:
        rows = rows.filter(event_type_id=question.type_id)
    if len(order) > 1:
        if question.since is not None:
            rows = rows.filter(event_at__gte=question.since)
        if question.until is not None:
            rows = rows.filter(event_at__lt=question.until)
    page = read_page(rows, order=order, size=PAGE, after=after, before=before)
    return page, dress(page.rows)


def newest(count: int) -> list[Row]:
    """The events stored last, for the live view."""
    return dress(list(Event.objects.order_by("-id")[:count]))


def _about(rows: Any, words: str) -> Any:
    """Events of the contact the words name exactly, else of the key they are."""
    is_named = words.startswith(("id:", "extid:")) or "@" in words or words.lstrip("+").isdigit()
    if is_named:
        found = list(Contact.objects.search(words).values_list("pk", flat=True)[:20])
        if words.startswith("id:") and not found:
            digits = words.removeprefix("id:").strip()
            found = [int(digits)] if digits.isdigit() and len(digits) < 19 else []  # a visitor
        if found or words.startswith(("id:", "extid:")):
            return rows.filter(person_id__in=found)
    return rows.filter(key_value=words)


def dress(events: list[Event]) -> list[Row]:
    """Rows with type names and people, in three queries."""
    types = {
        pk: (seeded(name), key)
        for pk, name, key in EventType.objects.filter(pk__in={e.event_type_id for e in events}).values_list(
            "pk", "name", "key"
        )
    }
    people = {event.person_id for event in events} - {NOBODY}
    contacts = Contact.objects.in_bulk(people)
    visitors = set(Visitor.objects.filter(pk__in=people - contacts.keys()).values_list("pk", flat=True))
    return [
        Row(
            event, *types.get(event.event_type_id, ("?", "?")), contacts.get(event.person_id),
            event.person_id in visitors, EventFlag(event.flags),
        )
        for event in events
    ]  # fmt: skip


def first_id(moment: datetime) -> uuid.UUID:
    """The smallest id an event received at this moment can have (UUIDv7: 48 bits of milliseconds first, RFC 9562)."""
    return uuid.UUID(int=(int(moment.timestamp() * 1000) << 80) | (0x7 << 76) | (0b10 << 62))
