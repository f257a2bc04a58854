"""Hears of changes and appends them to the queue; evaluates nothing."""

from cdp.hooks import ContactsChanged, EventsProcessed, PersonsErased, PersonsMoved
from events.models import EventFlag
from segments.models import SegmentSource
from segments.services.queue import ERASED, EVERYTHING, append

WHOLE = {"created", "restored", "deleted", "erased"}
WHOLE_WORDS = {"state", "moved"}
QUIET = {"restored", "erased"}


def on_contacts_changed(batch: ContactsChanged) -> None:
    rows = []
    for person, result, words in zip(batch.ids, batch.results, batch.changes, strict=True):
        is_muted = batch.is_muted or result in QUIET
        if result in WHOLE or not WHOLE_WORDS.isdisjoint(words):
            rows.append((EVERYTHING, person, is_muted))
            continue
        rows += [(word, person, is_muted) for word in words]
        if any("." not in word or word.startswith("data.") for word in words):
            rows.append(("updated_at", person, is_muted))
    append(rows, now=batch.now)


def event_types_read() -> list[int]:
    """Event types that some segment reads."""
    words = (
        SegmentSource.objects.filter(source__startswith="event.").values_list("source", flat=True).distinct()
    )
    return [int(word.removeprefix("event.")) for word in words]


def on_events_processed(batch: EventsProcessed) -> None:
    """Events of contacts only: a visitor is nobody to a segment until they are known."""
    rows = {
        (f"event.{type_id}", person, bool(flags & EventFlag.PAST))
        for person, type_id, flags in zip(batch.person_ids, batch.type_ids, batch.flags, strict=True)
        if person and not flags & EventFlag.UNMATCHED
    }
    append(sorted(rows), now=batch.now)


def on_persons_moved(batch: PersonsMoved) -> None:
    """What a person was given by attaching or merging is old news: muted."""
    persons = {*batch.source_ids, *batch.target_ids}
    append([(EVERYTHING, person, True) for person in sorted(persons)], now=batch.now)


def on_persons_erased(batch: PersonsErased) -> None:
    append([(word, person, True) for word in (EVERYTHING, ERASED) for person in batch.ids], now=batch.now)
