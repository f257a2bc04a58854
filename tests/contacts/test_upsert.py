"""One service finds, makes and changes contacts, whatever the batch."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Address, Contact, ContactList, Device, Key, ListMember
from contacts.services.lifecycle import erase_contacts, restore_contacts
from contacts.services.upsert import ContactInput, Policy, Token
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db


def test_it_works():
    ann, bob = upsert(someone("X1", "E1", fields={"first_name": "Ann"}), someone("X2", "P2"))
    assert (ann.result, bob.result) == ("created", "created")
    contact = Contact.objects.get(pk=ann.contact_id)
    assert (contact.first_name, contact.email, contact.source) == ("Ann", "e1@example.com", "api")
    assert Address.objects.get(value="e1@example.com").status == "active"


def test_inputs_of_one_batch_that_share_an_identifier_are_applied_in_order():
    outcomes = upsert(
        someone("E1", fields={"first_name": "Ann"}),
        someone("E1", "X1"),
        someone("X1", fields={"first_name": "Anna"}),
    )
    assert [outcome.result for outcome in outcomes] == ["created", "updated", "updated"]
    assert len({outcome.contact_id for outcome in outcomes}) == 1
    assert Contact.objects.get().first_name == "Anna"


def test_two_inputs_that_mean_one_contact_by_different_identifiers_both_count():
    [made] = upsert(someone("X1", "E1"))
    first, second = upsert(
        someone("X1", fields={"first_name": "Ann"}), someone("E1", fields={"last_name": "Lee"})
    )
    assert first.contact_id == second.contact_id == made.contact_id
    contact = Contact.objects.get()
    assert (contact.first_name, contact.last_name) == ("Ann", "Lee")


def test_writing_the_same_again_changes_nothing():
    item = someone("X1", "E1", "T1", fields={"first_name": "Ann"}, data={"1": "x"})
    upsert(item)
    before = Contact.objects.values().get()
    [outcome] = upsert(item, now=NOW.replace(hour=15))
    assert outcome.result == "unchanged"
    assert Contact.objects.values().get() == before


def test_an_input_that_names_nobody_fails_alone():
    nobody, ann = upsert(ContactInput(fields={"first_name": "Nobody"}), someone("E1"))
    assert (nobody.result, nobody.code) == ("failed", "no_identifier")
    assert ann.result == "created"


def test_a_refused_input_leaves_no_identifier_behind():
    [ann] = upsert(someone("X1"))
    [refused] = upsert(someone("X2", "E9", "T9", contact_id=ann.contact_id), policy=Policy.PUT)
    assert refused.code == "external_id_immutable"
    assert set(Key.objects.values_list("value", flat=True)) == {"X1"}
    assert not Address.objects.exists()


def test_a_cleared_value_is_gone_and_an_absent_one_stays():
    [ann] = upsert(
        someone("X1", "E1", fields={"first_name": "Ann", "town": "Lviv"}, data={"1": "a", "2": "b"})
    )
    upsert(someone("X1", fields={"town": None}, data={"1": None}, clear_email=True))
    contact = Contact.objects.get(pk=ann.contact_id)
    assert (contact.first_name, contact.town, contact.email, contact.data) == ("Ann", None, None, {"2": "b"})


def test_what_was_written_later_tells_who_wrote_it():
    upsert(someone("X1", fields={"first_name": "Ann"}))
    upsert(someone("X1", fields={"first_name": "Anna"}))
    assert Contact.objects.get().provenance == {"first_name": [int(NOW.timestamp()), "api", "test"]}


def test_subscribing_makes_an_unconfirmed_address_and_leaves_an_active_one():
    [new] = upsert(someone("E1"), policy=Policy.SUBSCRIBE)
    assert (new.email_status_before, Address.objects.get().status) == ("", "unconfirmed")
    Address.objects.update(status="active")
    [again] = upsert(someone("E1"), policy=Policy.SUBSCRIBE)
    assert (again.email_status_before, Address.objects.get().status) == ("active", "active")


def test_an_unsubscribed_address_asks_again_after_a_form():
    upsert(someone("E1"))
    Address.objects.update(status="unsubscribed")
    upsert(someone("E1"))
    assert Address.objects.get().status == "unsubscribed"
    upsert(someone("E1"), policy=Policy.SUBSCRIBE)
    assert Address.objects.get().status == "unconfirmed"


def test_an_event_never_writes_to_a_found_contact():
    [ann] = upsert(someone("X1", "E1"))
    [seen] = upsert(someone("X1", "E2", fields={"first_name": "Eve"}), policy=Policy.EVENT)
    assert (seen.contact_id, seen.result) == (ann.contact_id, "unchanged")
    contact = Contact.objects.get()
    assert (contact.email_norm, contact.first_name) == ("e1@example.com", None)
    assert not Address.objects.filter(value="e2@example.com").exists()


def test_joining_a_list_twice_counts_once():
    members = ContactList.objects.create(name="VIP", created_at=NOW, updated_at=NOW)
    upsert(someone("E1", list_ids=(members.pk,)))
    upsert(someone("E1", list_ids=(members.pk,)))
    assert ListMember.objects.count() == 1
    upsert(someone("E1", leave_list_ids=(members.pk,)))
    assert not ListMember.objects.exists()


def test_erasing_leaves_no_identifier_and_cannot_be_undone():
    [ann] = upsert(someone("X1", "E1", "T1", fields={"first_name": "Ann"}))
    assert erase_contacts([ann.contact_id], now=NOW, actor="test") == 1
    contact = Contact.objects.get(pk=ann.contact_id)
    assert (contact.state, contact.email, contact.first_name, contact.external_id) == (
        "erased",
        None,
        None,
        None,
    )
    assert not Key.objects.exists()
    assert not Address.objects.exists()
    assert restore_contacts([ann.contact_id], now=NOW, actor="test") == 0


def test_a_token_that_moves_takes_its_device_along():
    phone = Token(kind="mobile", value="T1", device={"appId": "shop", "deviceModel": "X"})
    upsert(ContactInput(external_id="X1", tokens=(phone,)))
    [bob] = upsert(ContactInput(external_id="X2", tokens=(Token(kind="mobile", value="T1"),)))
    device = Device.objects.get()
    assert (device.person_id, device.model) == (bob.contact_id, "X")


def test_replacing_tokens_removes_the_others_with_their_devices():
    old = Token(kind="mobile", value="T1", device={"deviceModel": "old"})
    new = Token(kind="mobile", value="T2", device={"deviceModel": "new"})
    [ann] = upsert(ContactInput(external_id="X1", tokens=(old, Token(kind="web", value="W1"))))
    upsert(
        ContactInput(contact_id=ann.contact_id, tokens=(new,), replace_tokens=("mobile",)), policy=Policy.PUT
    )
    assert set(Key.objects.values_list("value", flat=True)) == {"X1", "T2", "W1"}
    assert list(Device.objects.values_list("model", flat=True)) == ["new"]


def test_an_address_a_form_may_not_replace_leaves_no_row():
    upsert(someone("X1", "P1"))
    upsert(someone("X1", "P2"), policy=Policy.SUBSCRIBE)
    assert list(Address.objects.values_list("value", flat=True)) == ["380500000001"]


def test_the_number_of_statements_does_not_grow_with_the_batch():
    with CaptureQueriesContext(connection) as few:
        upsert(*[someone(f"X{n}", f"E{n}") for n in range(5)])
    with CaptureQueriesContext(connection) as many:
        upsert(*[someone(f"X1{n}", f"E1{n}") for n in range(200)])
    assert len(few) == len(many) <= 10
