"""Erasing wipes a person everywhere, keeps opt-outs as hashes, leaves a certificate."""

import threading
import uuid
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection

from cdp.models import Account
from contacts import persons
from contacts.models import (
    Address,
    Contact,
    ContactAudit,
    IdentifierChange,
    ImportSession,
    MergeRecord,
    PersonMove,
    SuppressedAddress,
    Visitor,
)
from contacts.services import erasing, suppression
from contacts.services.addresses import blacklist_address, unsubscribe_address
from contacts.services.bulk import BulkRequest, work_session
from contacts.services.lifecycle import delete_contacts, erase_contacts, restore_contacts
from contacts.services.merging import merge_contacts
from contacts.services.moves import work_moves
from contacts.services.upsert import Policy
from events.models import Event, InboxEvent, QuarantinedEvent, RejectedEvent
from events.services.processing import process_lane
from events.services.quarantine import set_aside
from tests.contacts.people import NOW, someone, upsert
from tests.events.inbox import accepted
from tests.events.store import store_events

pytestmark = pytest.mark.django_db

SECRETS = (
    "secret@example.com",
    "old-secret@example.com",
    "380501112233",
    "Secretovych",
    "ext-secret",
    "tok-secret",
)


def person(**rest):
    [outcome] = upsert(
        someone(
            "X1", external_id="ext-secret", email="Secret@example.com", email_norm="secret@example.com",
            phone="380501112233", fields={"last_name": "Secretovych", "town": "Secretovych"}, **rest,
        ),
        policy=Policy.ADD,
    )  # fmt: skip
    return outcome.contact_id


def traces():
    """Tables of people and events whose rows still say a secret."""
    found = set()
    for model in [*apps.get_app_config("contacts").get_models(), *apps.get_app_config("events").get_models()]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT t::text FROM {model._meta.db_table} t")
            text = "\n".join(row[0] for row in cursor.fetchall()).lower()
        found.update((model._meta.db_table, word) for word in SECRETS if word.lower() in text)
    return found


def test_it_works():
    contact = person()
    store_events(contact, 3)
    assert erase_contacts([contact], now=NOW, actor="ann", reason="asked by the person") == 1
    assert traces() == set()
    assert not Event.objects.exists()
    assert Contact.objects.get(pk=contact).state == "erased"
    certificate = ContactAudit.objects.get(action="erased")
    assert (certificate.contact_id, certificate.actor, certificate.reason) == (
        contact,
        "ann",
        "asked by the person",
    )
    assert certificate.details["rows"]["events_event"] == 3
    assert certificate.details["addresses"] == 2
    assert erase_contacts([contact], now=NOW, actor="ann") == 0


def test_a_merged_person_is_wiped_with_tombstones_records_and_former_addresses():
    contact = person()
    upsert(someone(external_id="ext-secret", email="new@example.com", email_norm="new@example.com"))
    [other] = upsert(
        someone(
            email="old-secret@example.com",
            email_norm="old-secret@example.com",
            fields={"last_name": "Secretovych"},
        )
    )
    merge_contacts(contact, [other.contact_id], reason="Secretovych twice", actor="ann", now=NOW)
    assert {word for _table, word in traces()} >= {"secret@example.com", "old-secret@example.com"}
    assert erase_contacts([contact], now=NOW, actor="ann") == 1
    assert traces() == set()
    assert set(Contact.objects.values_list("state", flat=True)) == {"erased"}
    assert not MergeRecord.objects.exists()
    assert not Address.objects.exists()


def test_events_that_wait_or_were_set_aside_go_too():
    contact = person()
    accepted(email_norm="secret@example.com", email="secret@example.com")
    accepted(contact_id=contact, key_value="Secretovych")
    stays = accepted(email_norm="other@example.com")
    broken = accepted(external_id="ext-secret")
    set_aside(broken.pk, reason="x", now=NOW)
    RejectedEvent.objects.create(
        received_at=NOW, code="x", message="x", body='{"email": "Secret@example.com"}'
    )
    erase_contacts([contact], now=NOW, actor="ann")
    assert traces() == set()
    assert list(InboxEvent.objects.values_list("pk", flat=True)) == [stays.pk]
    assert not QuarantinedEvent.objects.exists()
    assert not RejectedEvent.objects.exists()


def test_visitors_seen_with_the_address_are_forgotten():
    contact = person()
    visitor = Visitor.objects.create(email_norm="secret@example.com", created_at=NOW)
    store_events(visitor.pk, 2)
    erase_contacts([contact], now=NOW, actor="ann")
    assert traces() == set()
    assert not Event.objects.exists()


@pytest.mark.parametrize("status", ["unsubscribed", "blacklisted"])
def test_an_opt_out_is_known_again_when_the_address_returns(status):
    contact = person()
    act = {"unsubscribed": unsubscribe_address, "blacklisted": blacklist_address}[status]
    act(kind="email", value="secret@example.com", reason="Secretovych said no", actor="x", now=NOW)
    erase_contacts([contact], now=NOW, actor="ann")
    assert traces() == set()
    assert SuppressedAddress.objects.get().status == status
    person()
    row = Address.objects.get(value="secret@example.com")
    assert (row.status, row.status_at) == (status, NOW)
    assert Address.objects.get(kind="phone").status == "active"


def test_an_erased_opt_out_that_subscribes_again_has_to_confirm():
    contact = person()
    unsubscribe_address(kind="email", value="secret@example.com", reason="", actor="x", now=NOW)
    erase_contacts([contact], now=NOW, actor="ann")
    [outcome] = upsert(
        someone(email="secret@example.com", email_norm="secret@example.com"), policy=Policy.SUBSCRIBE
    )
    assert outcome.email_status_before == "unsubscribed"
    assert Address.objects.get().status == "unconfirmed"


def test_an_address_somebody_else_holds_stays():
    contact = person()
    upsert(someone("X9", email="secret@example.com", email_norm="secret@example.com"))
    unsubscribe_address(kind="email", value="secret@example.com", reason="", actor="x", now=NOW)
    erase_contacts([contact], now=NOW, actor="ann")
    assert Address.objects.get(kind="email").status == "unsubscribed"
    assert not SuppressedAddress.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_address_of_old_that_somebody_takes_at_this_moment_keeps_its_row(monkeypatch):
    (outcome,) = upsert(someone("X1", "E1"))
    upsert(someone("X1", "E2"), now=NOW + timedelta(hours=1))
    Address.objects.filter(value="e1@example.com").delete()  # as an erase of its last holder does
    assert IdentifierChange.objects.filter(value="e1@example.com").exists()

    def meanwhile(cursor, addresses, *, now):
        """Somebody else comes with the address and commits, between the question who holds it and the deletion."""
        thread = threading.Thread(target=_take)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        return suppression.forget_addresses(cursor, addresses, now=now)

    def _take():
        upsert(someone("X2", "E1"))
        connection.close()

    monkeypatch.setattr(erasing, "forget_addresses", meanwhile)
    assert erase_contacts([outcome.contact_id], now=NOW, actor="t") == 1
    assert Contact.objects.filter(email_norm="e1@example.com", state="active").exists()
    assert Address.objects.filter(kind="email", value="e1@example.com").exists()


def test_an_event_stored_late_by_a_transaction_that_knew_the_person_is_wiped():
    contact = person()
    erase_contacts([contact], now=NOW, actor="ann")
    store_events(contact, 2)
    work_moves(now=NOW)
    assert not Event.objects.exists()
    assert PersonMove.objects.get().settle_xid is not None


def test_an_event_of_an_erased_contact_lands_on_nobody():
    contact = person()
    erase_contacts([contact], now=NOW, actor="ann")
    accepted(contact_id=contact)
    process_lane(0, limit=10, now=NOW)
    assert Event.objects.get().person_id == 0


def test_rows_on_their_way_to_the_erased_are_wiped(monkeypatch):
    monkeypatch.setattr("contacts.persons.MOST_MOVED_AT_ONCE", 5)
    contact = person()
    [other] = upsert(someone("E5"))
    store_events(other.contact_id, 20)
    merge_contacts(contact, [other.contact_id], reason="", actor="ann", now=NOW)
    erase_contacts([contact], now=NOW, actor="ann")
    for _ in range(5):
        work_moves(now=NOW)
    assert not Event.objects.exists()


def test_bulk_requests_forget_what_they_answered():
    contact = person()
    session = ImportSession.objects.create(
        id=uuid.uuid4(),
        mapping=[["secret@example.com", contact], ["b@c.com", 5]],
        created_at=NOW,
        state_at=NOW,
    )
    erase_contacts([contact], now=NOW, actor="ann")
    work_moves(now=NOW)
    session.refresh_from_db()
    assert session.mapping == [["b@c.com", 5]]


def waiting(*contacts, **rest):
    request = asdict(BulkRequest(contacts=list(contacts), **rest))
    return ImportSession.objects.create(id=uuid.uuid4(), request=request, created_at=NOW, state_at=NOW)


@pytest.mark.parametrize(
    "sent",
    [
        {"channels": [{"type": "email", "value": " Secret@Example.COM "}], "lastName": "Secretovych"},
        {"channels": [{"type": "email", "value": "mailto:<secret@example.com>"}]},
        {"channels": [{"type": "sms", "value": "+38 (050) 111-22-33"}], "firstName": "Secretovych"},
        {"channels": [{"type": "sms", "value": "050 111 22 33"}], "firstName": "Secretovych"},
        {"channels": {"type": "email", "value": "secret@example.com"}},
        {"externalCustomerId": "ext-secret", "lastName": "Secretovych"},
    ],
)
def test_bulk_requests_that_wait_forget_the_person_and_keep_the_others(sent):
    Account.objects.update(default_region="UA")
    contact = person()
    other = {"channels": [{"type": "email", "value": "b@c.com"}], "lastName": "Other"}
    session, untouched = waiting(other, sent, other), waiting(other)
    by_id = waiting({"id": contact, "lastName": "Secretovych", "channels": []}, dedupe_on="id")
    erase_contacts([contact], now=NOW, actor="ann")
    assert traces() == set()
    session.refresh_from_db()
    by_id.refresh_from_db()
    assert (session.request["contacts"], by_id.request["contacts"]) == ([other, {}, other], [{}])
    untouched.refresh_from_db()
    assert untouched.request["contacts"] == [other]
    work_session(session, now=NOW)
    assert session.counts == {"created": 1, "failed": 1, "unchanged": 1}
    assert traces() == set()


def test_an_identifier_somebody_else_has_stays_in_bulk_requests():
    contact = person()
    upsert(
        someone("X9", email="secret@example.com", email_norm="secret@example.com", dedupe=()),
        policy=Policy.BULK,
    )
    shared = {"channels": [{"type": "email", "value": "secret@example.com"}]}
    session = waiting(shared)
    erase_contacts([contact], now=NOW, actor="ann")
    session.refresh_from_db()
    assert session.request["contacts"] == [shared]


def test_deleting_and_restoring_are_kept_in_the_audit():
    contact = person()
    delete_contacts([contact], now=NOW, actor="ann", reason="left")
    restore_contacts([contact], now=NOW + timedelta(1), actor="bob")
    restore_contacts([contact], now=NOW + timedelta(2), actor="eve")
    acts = ContactAudit.objects.order_by("pk").values_list("contact_id", "action", "actor", "reason")
    assert list(acts) == [(contact, "deleted", "ann", "left"), (contact, "restored", "bob", "")]


NOT_PEOPLE = {
    ("contacts_personmove", "source_id"),  # the moves themselves
    ("contacts_personmove", "target_id"),
    ("contacts_contact", "merged_into"),  # merging and erasing write it
    ("contacts_identifierchange", "moved_to"),  # the id of somebody else
    ("contacts_mergerecord", "first_winner_id"),  # follows `winner_id`
    ("events_inboxevent", "contact_id"),  # forgotten by identifier
}


def test_every_table_with_a_person_column_is_registered():
    names = ("person_id", "contact_id", "visitor_id", "winner_id", "loser_id", "first_id", "second_id", "merged_into",
             "moved_to", "source_id", "target_id", "first_winner_id")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN pg_class r "
            "ON r.oid = format('%%I.%%I', c.table_schema, c.table_name)::regclass "
            "WHERE c.table_schema = 'public' AND c.column_name = ANY(%s) AND c.data_type = 'bigint' "
            "AND NOT r.relispartition AND r.relkind IN ('r', 'p')",
            [list(names)],
        )
        found = set(cursor.fetchall())
    assert found - NOT_PEOPLE - set(persons.registry) == set()
