"""Events of nobody that carry an identifier of an erased person go; a person's file has what waits."""

import json
import uuid
from datetime import timedelta

import pytest

from contacts.services.lifecycle import delete_contacts, erase_contacts
from contacts.services.person_export import export_person
from events.models import Event, NobodyWipe, QuarantinedEvent
from events.services import nobody
from events.services.nobody import forget_nobody
from events.services.processing import process_lane
from events.services.quarantine import set_aside
from tests.contacts.people import NOW, someone, upsert
from tests.events.inbox import accepted, event_type

pytestmark = pytest.mark.django_db

EMAIL, PHONE = "secret@example.com", "380501112233"


def person(**rest):
    values = {
        "email": EMAIL,
        "email_norm": EMAIL,
        "phone": PHONE,
        "external_id": "ext-secret",
        "contact_key": "key-secret",
    }
    return upsert(someone(**(values | rest)))[0].contact_id


def of_nobody(params, *, key="k", person_id=0, hours=0):
    moment = NOW + timedelta(hours=hours)
    return Event.objects.create(
        id=uuid.uuid4(), person_id=person_id, event_type_id=event_type().pk, event_at=moment, received_at=NOW,
        processed_at=NOW, seq=1, source="api", key_value=key, params=params,
    ).pk  # fmt: skip


def work():
    while forget_nobody(now=NOW):
        pass


def left():
    return set(Event.objects.values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ({"email": " Secret@Example.com "}, "k"),
        ({"order": {"buyers": [{"mail": EMAIL}]}}, "k"),
        ({}, "SECRET@example.com"),
        ({"phone": "+38 (050) 111-22-33"}, "k"),
        ({"sms": "0501112233"}, "k"),
        ({"n": 380501112233}, "k"),
        ({"EXTERNALCUSTOMERID": "ext-secret"}, "k"),
        ({"Contact_Key": "key-secret"}, "k"),
        ({"contactId": None}, "k"),
    ],
)
def test_an_event_that_carries_an_identifier_goes(params, key):
    contact = person()
    if "contactId" in params:
        params = {"contactId": str(contact)}
    of_nobody(params, key=key)
    erase_contacts([contact], now=NOW, actor="ann")
    work()
    assert (left(), NobodyWipe.objects.count()) == (set(), 0)


def test_events_of_others_and_other_words_stay():
    contact = person()
    upsert(someone("E2"))
    kept = {
        of_nobody({"email": "not-secret@example.com", "phone": "380501112234"}),
        of_nobody({"note": f"write to {EMAIL} soon"}),  # a sentence is no identifier
        of_nobody({"externalCustomerId": "ext-secret-2", "item": "ext-secret"}),
        of_nobody({"invited": EMAIL}, person_id=999),  # somebody's own event
        of_nobody({"deep": [[[1, None, True, "x" * 1_000]]]}),
    }
    erase_contacts([contact], now=NOW, actor="ann")
    work()
    assert left() == kept


def test_an_address_somebody_else_has_is_not_looked_for():
    contact = person()
    person(external_id=None, contact_key=None, phone=None, dedupe=())
    other = upsert(someone("X7", email=EMAIL, email_norm=EMAIL))[0].contact_id
    assert other != contact
    kept = of_nobody({"email": EMAIL})
    erase_contacts([contact], now=NOW, actor="ann")
    work()
    assert left() == {kept}


def test_it_looks_slice_by_slice_for_all_erasings_together(monkeypatch):
    monkeypatch.setattr(nobody, "SLICE_ROWS", 3)
    first, second = person(), upsert(someone("E5"))[0].contact_id
    kept = {of_nobody({"n": n}, hours=n) for n in range(7)}
    for n in range(4):
        of_nobody({"email": EMAIL}, hours=n)
        of_nobody({"email": "e5@example.com"}, hours=n)
    erase_contacts([first], now=NOW, actor="ann")
    erase_contacts([second], now=NOW, actor="ann")
    assert NobodyWipe.objects.count() == 2
    slices = []
    while seen := forget_nobody(now=NOW):
        slices.append(seen)
        assert seen <= 3
    assert slices == [3, 3, 3, 3, 3, 1]  # the last one finds that nothing is left
    assert left() == kept


def test_nothing_of_the_person_is_kept_meanwhile():
    erase_contacts([person()], now=NOW, actor="ann")
    wipe = NobodyWipe.objects.get()
    kept = b"".join(bytes(one) for one in wipe.digests)
    assert (len(kept) % 32, EMAIL.encode() in kept) == (0, False)


def test_an_event_that_waits_is_looked_at_once_it_is_processed():
    """Of a deleted contact: nobody's, with the address in a parameter of its own."""
    contact = person()
    accepted(key_value="k", params={"friend": EMAIL})
    erase_contacts([contact], now=NOW, actor="ann")
    assert forget_nobody(now=NOW) == 0
    process_lane(0, limit=10, now=NOW)
    assert Event.objects.count() == 1
    work()
    assert left() == set()


def test_an_event_of_a_deleted_contact_goes_with_it():
    contact = person()
    delete_contacts([contact], now=NOW, actor="ann")
    accepted(
        external_id="ext-secret", email=EMAIL, email_norm=EMAIL, params={"externalCustomerId": "ext-secret"}
    )
    process_lane(0, limit=10, now=NOW)
    assert set(Event.objects.values_list("person_id", flat=True)) == {0}
    erase_contacts([contact], now=NOW, actor="ann")
    work()
    assert left() == set()


def test_events_set_aside_with_the_address_go_too():
    contact = person()
    for params in ({"friend": EMAIL}, {"friend": "other@example.com"}):
        set_aside(accepted(params=params).pk, reason="x", now=NOW)
    erase_contacts([contact], now=NOW, actor="ann")
    work()
    assert [row.envelope["params"]["friend"] for row in QuarantinedEvent.objects.all()] == [
        "other@example.com"
    ]


@pytest.mark.parametrize(
    ("kind", "value"), [("external_id", "ext-secret"), ("email", EMAIL), ("phone", PHONE)]
)
def test_waiting_events_of_ones_own_parameter_go_at_once(kind, value):
    contact = person()
    accepted(own_kind=kind, own_value=value)
    set_aside(accepted(own_kind=kind, own_value=value).pk, reason="x", now=NOW)
    stays = accepted(own_kind=kind, own_value="else")
    erase_contacts([contact], now=NOW, actor="ann")
    assert list(type(stays).objects.values_list("pk", flat=True)) == [stays.pk]
    assert not QuarantinedEvent.objects.exists()


def test_the_file_of_a_person_has_the_events_that_wait():
    contact = person()
    mine = [
        accepted(contact_id=contact), accepted(external_id="ext-secret"), accepted(email_norm=EMAIL),
        accepted(own_kind="phone", own_value=PHONE), accepted(contact_key="key-secret"),
    ]  # fmt: skip
    set_aside(mine[-1].pk, reason="broken", now=NOW)
    accepted(email_norm="other@example.com")
    accepted()
    with export_person(contact, actor="ann", now=NOW) as file:
        found = json.load(file)["events_on_their_way"]
    assert [row["event_id"] for row in found] == [str(row.event_id) for row in mine]
    assert found[-1]["set_aside_for"] == "broken"
    upsert(someone("X7", email=EMAIL, email_norm=EMAIL))
    with export_person(contact, actor="ann", now=NOW) as file:
        found = json.load(file)["events_on_their_way"]
    assert str(mine[2].event_id) not in {row["event_id"] for row in found}
