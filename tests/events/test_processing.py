"""Accepted events reach the store with the right person; poison is set aside and stops nobody."""

from datetime import UTC, datetime

import pytest

from cdp.hooks import EventsProcessed, HookError, events_processed
from contacts.models import Contact, Visitor
from contacts.services.lifecycle import delete_contacts
from events.engines import EventProcessing
from events.models import Event, EventFlag, EventType, InboxEvent, QuarantinedEvent, TypeHour
from events.services.processing import process_lane
from events.services.quarantine import replay
from tests.contacts.people import someone, upsert
from tests.events.inbox import NOW, accepted, event_type

pytestmark = pytest.mark.django_db


def process(limit: int = 1000) -> int:
    return process_lane(0, limit=limit, now=NOW)


def test_it_works():
    waiting = accepted(email="a@x.io", email_norm="a@x.io", params={"city": "Lviv"})
    assert process() == 1
    event = Event.objects.get()
    contact = Contact.objects.get()
    assert (event.pk, event.person_id, event.params) == (waiting.event_id, contact.pk, {"city": "Lviv"})
    assert (contact.email, contact.source, contact.source_detail) == ("a@x.io", "event", "PageRead")
    assert not InboxEvent.objects.exists()
    assert EventType.objects.get(key="PageRead").structure == {"city": "string"}


def test_events_of_one_unknown_person_make_one_contact():
    for number in range(5):
        accepted(email="a@x.io", email_norm="a@x.io", minutes=number)
    process()
    assert Contact.objects.count() == 1
    assert set(Event.objects.values_list("person_id", flat=True)) == {Contact.objects.get().pk}


@pytest.mark.parametrize(
    ("words", "identity"),
    [
        (["X1"], {"external_id": "X1"}),
        (["E1"], {"email_norm": "e1@example.com", "email": "e1@example.com"}),
        (["P1"], {"phone": "380500000001"}),
        (["T1"], {"push_token": "T1"}),
    ],
)
def test_a_known_person_is_found_by(words, identity):
    [ann] = upsert(someone(*words))
    accepted(**identity)
    process()
    assert Event.objects.get().person_id == ann.contact_id
    assert Contact.objects.count() == 1


def test_the_stronger_identifier_wins():
    [ann], [bob] = upsert(someone("X1")), upsert(someone("E2"))
    accepted(external_id="X1", email="e2@example.com", email_norm="e2@example.com")
    process()
    assert Event.objects.get().person_id == ann.contact_id
    assert Contact.objects.get(pk=bob.contact_id).external_id is None


def test_a_holder_with_another_external_id_is_passed_over():
    [bob] = upsert(someone("X2", "E1"))
    accepted(external_id="X1", email="e1@example.com", email_norm="e1@example.com")
    process()
    made = Contact.objects.exclude(pk=bob.contact_id).get()
    assert (made.external_id, Event.objects.get().person_id) == ("X1", made.pk)


def test_a_type_without_segmentation_makes_no_contact_and_its_events_join_later():
    kind = event_type("Quiet", use_for_segmentation=False)
    accepted(kind, email="a@x.io", email_norm="a@x.io")
    process()
    assert not Contact.objects.exists()
    event = Event.objects.get()
    assert event.flags & EventFlag.UNMATCHED
    assert event.person_id == Visitor.objects.get().pk
    [ann] = upsert(someone(email="a@x.io", email_norm="a@x.io"))
    assert ann.contact_id == event.person_id


def test_a_visitors_events_move_to_the_contact_that_was_there_before():
    [visitor] = upsert(someone("V1", as_visitor=True))
    accepted(cookie="V1")
    process()
    [ann] = upsert(someone("X1"))
    upsert(someone("X1", "V1"))
    event = Event.objects.get()
    assert (event.person_id, event.original_person_id) == (ann.contact_id, visitor.contact_id)


def test_a_deleted_contact_stays_deleted_and_the_event_unattached():
    [ann] = upsert(someone("X1"))
    delete_contacts([ann.contact_id], now=NOW, actor="test")
    accepted(external_id="X1")
    process()
    assert Event.objects.get().person_id == 0
    assert Contact.objects.get().state == "deleted"


def test_an_event_with_a_key_alone_belongs_to_nobody():
    accepted(key_value="order 7")
    process()
    event = Event.objects.get()
    assert (event.person_id, event.flags & EventFlag.UNMATCHED) == (0, EventFlag.UNMATCHED)


def test_a_poison_event_is_set_aside_and_the_others_are_stored():
    good = [accepted(external_id=f"X{number}") for number in range(4)]
    poison = accepted(external_id="X9", event_type_id=987654)
    good.append(accepted(external_id="X5"))
    assert process() == 6
    assert set(Event.objects.values_list("pk", flat=True)) == {item.event_id for item in good}
    aside = QuarantinedEvent.objects.get()
    assert aside.event_id == poison.event_id
    assert "IntegrityError" in aside.reason


def test_a_mended_poison_event_is_replayed_with_its_id_and_time():
    poison = accepted(external_id="X9", event_type_id=987654)
    process()
    EventType.objects.create(pk=987654, key="Mended", name="Mended", created_at=NOW)
    assert replay([QuarantinedEvent.objects.get().pk], now=NOW) == 1
    process()
    event = Event.objects.get()
    assert (event.pk, event.event_at) == (poison.event_id, poison.event_at)
    assert replay([QuarantinedEvent.objects.get().pk], now=NOW) == 0


def test_a_failing_hook_stores_nothing_and_blames_no_event():
    accepted(external_id="X1")

    def fail(batch: EventsProcessed) -> None:
        raise ValueError("queue is gone")

    events_processed.connect(fail)
    try:
        with pytest.raises(HookError, match="queue is gone"):
            process()
    finally:
        events_processed.disconnect(fail)
    assert not Event.objects.exists()
    assert not QuarantinedEvent.objects.exists()
    assert InboxEvent.objects.count() == 1


def test_hooks_get_the_batch_in_order():
    batches = []
    events_processed.connect(batches.append)
    try:
        first, second = accepted(external_id="X1"), accepted(external_id="X2", minutes=1)
        process()
    finally:
        events_processed.disconnect(batches.append)
    [batch] = batches
    assert batch.event_ids == [str(first.event_id), str(second.event_id)]
    assert batch.person_ids == list(Event.objects.order_by("seq").values_list("person_id", flat=True))


def test_hours_are_counted():
    accepted(external_id="X1")
    accepted(key_value="nobody")
    process()
    hour = TypeHour.objects.get()
    assert (hour.accepted, hour.unmatched, hour.hour) == (2, 1, datetime(2026, 3, 10, 12, tzinfo=UTC))


def test_the_engine_works_until_nothing_waits():
    for number in range(7):
        accepted(external_id=f"X{number}")
    engine = EventProcessing()
    assert engine.backlog()[0] == 7
    assert engine.work(NOW) == 7
    assert engine.work(NOW) == 0
    assert engine.backlog() == (0, None)
