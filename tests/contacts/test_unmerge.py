"""Undoing a merge: both are as they were; what was changed since stays and is told; refusals."""

from datetime import timedelta
from itertools import pairwise

import pytest

from cdp.hooks import contacts_changed
from contacts.models import (
    Address,
    Contact,
    ContactAudit,
    ContactList,
    Device,
    IdentifierChange,
    Key,
    ListMember,
    MergeRecord,
    PersonMove,
    SubscriptionChoice,
)
from contacts.services.addresses import unsubscribe_address
from contacts.services.lifecycle import erase_contacts
from contacts.services.merging import merge_contacts
from contacts.services.moves import work_moves
from contacts.services.unmerging import forget_trails, undo_merge
from contacts.services.upsert import Policy, Token
from events.models import Event
from tests.contacts.people import NOW, someone, upsert
from tests.contacts.test_merge import category, choose, make
from tests.events.store import store_events

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


def merge(winner, *losers, now=NOW):
    merge_contacts(winner, losers, reason="", actor="ann", now=now)
    return MergeRecord.objects.latest("pk")


def picture():
    """Everything about people that a card or a segment could show."""
    return [
        list(Contact.objects.order_by("pk").values()),
        sorted(Key.objects.values_list("kind", "value", "person_id")),
        sorted(Device.objects.values_list("key_id", "person_id")),
        sorted(ListMember.objects.values_list("contact_id", "list_id", "added_at")),
        sorted(
            SubscriptionChoice.objects.values_list("contact_id", "category_id", "is_subscribed", "chosen_at")
        ),
        sorted(IdentifierChange.objects.values_list("person_id", "kind", "value", "reason")),
        sorted(Event.objects.values_list("id", "person_id", "original_person_id"), key=str),
    ]


def two_full_people():
    vip, news = (ContactList.objects.create(name=n, created_at=NOW, updated_at=NOW).pk for n in ("VIP", "B"))
    first = make(
        "X1",
        "E1",
        list_ids=(vip,),
        minutes=9,
        fields={"first_name": "Ann", "town": "Lviv"},
        data={"1": "2000-01-02"},
    )
    second = make(
        "E2", "P2", "V2", list_ids=(vip, news), data={"1": "2001-01-02", "2": "f"}, fields={"first_name": "Anna"},
        tokens=(Token(kind="mobile", value="T2", device={"deviceModel": "P"}), Token(kind="cookie", value="V2")),
    )  # fmt: skip
    upsert(someone("X1", "E3"), now=NOW - timedelta(hours=5))
    row = category("Sales")
    choose(first, row, yes=True, at=NOW - timedelta(days=3))
    choose(second, row, yes=False, at=NOW - timedelta(days=2))
    ListMember.objects.create(contact_id=first, list_id=row.list_id, added_at=NOW - timedelta(days=3))
    store_events(first, 2)
    store_events(second, 3, key="cart")
    return first, second


def test_it_works():
    first, second = two_full_people()
    before = picture()
    record = merge(first, second)
    assert picture() != before
    outcome = undo_merge(record.pk, actor="bob", now=LATER)
    assert (outcome.result, outcome.kept) == ("unmerged", [])
    assert picture() == before
    record.refresh_from_db()
    assert (record.undone_at, record.undone_by, record.trail) == (LATER, "bob", {})
    assert list(ContactAudit.objects.order_by("pk").values_list("action", "actor")) == [
        ("merged", "ann"),
        ("unmerged", "bob"),
    ]


def test_the_other_way_round_is_undone_as_well():
    first, second = two_full_people()
    before = picture()
    undo_merge(merge(second, first).pk, actor="bob", now=LATER)
    assert picture() == before


def test_a_chain_is_undone_link_by_link():
    people = [make(f"E{n}", f"T{n}", minutes=n) for n in range(4)]
    for person in people:
        store_events(person, 1)
    pictures, records = [picture()], []
    for loser, winner in pairwise(people):
        records.append(merge(winner, loser))
        pictures.append(picture())
    assert undo_merge(records[0].pk, actor="bob", now=LATER).code == "merged_again"
    for record in reversed(records):
        pictures.pop()
        assert undo_merge(record.pk, actor="bob", now=LATER).result == "unmerged"
        assert picture() == pictures[-1]


def test_events_of_the_visitors_of_the_merged_one_go_back_too():
    first, second = make("X1"), make("X2")
    [visitor] = upsert(someone("V5", as_visitor=True), policy=Policy.EVENT)
    store_events(visitor.contact_id, 2)
    upsert(someone("X2", "V5"))
    before = picture()
    assert set(Event.objects.values_list("person_id", flat=True)) == {second}
    undo_merge(merge(first, second).pk, actor="bob", now=LATER)
    assert picture() == before


def test_what_was_changed_since_stays_and_is_told():
    first = make("X1", fields={"first_name": "Ann"})
    second = make("E2", minutes=5, fields={"first_name": "Anna", "town": "Lviv"})
    record = merge(first, second)
    upsert(someone("X1", fields={"town": "Odesa"}), now=NOW + timedelta(hours=1))
    store_events(first, 1)
    outcome = undo_merge(record.pk, actor="bob", now=LATER)
    assert outcome.kept == ["town"]
    kept, back = Contact.objects.get(pk=first), Contact.objects.get(pk=second)
    assert (kept.first_name, kept.town, kept.email, kept.updated_at) == ("Ann", "Odesa", None, LATER)
    assert (back.first_name, back.town, back.email) == ("Anna", "Lviv", "e2@example.com")
    assert Event.objects.get().person_id == first


def test_other_apps_hear_of_it_muted():
    heard = []
    record = merge(make("X1"), make("E2"))
    contacts_changed.connect(heard.append)
    try:
        undo_merge(record.pk, actor="bob", now=LATER)
    finally:
        contacts_changed.disconnect(heard.append)
    assert [(list(b.results), b.is_muted) for b in heard] == [(["updated", "unmerged"], True)]


def test_what_the_background_had_moved_comes_back_and_what_it_had_not_stays(monkeypatch):
    monkeypatch.setattr("contacts.persons.MOST_MOVED_AT_ONCE", 10)
    first, second = make("X1"), make("E2")
    store_events(first, 3)
    store_events(second, 40, key="cart")
    before = picture()
    record = merge(first, second)
    undo_merge(record.pk, actor="bob", now=LATER)
    while Event.objects.filter(person_id=first).count() > 3:
        assert work_moves(now=LATER)
    assert picture() == before


def test_an_undo_that_waits_follows_the_two_when_they_are_merged_again(monkeypatch):
    monkeypatch.setattr("contacts.persons.MOST_MOVED_AT_ONCE", 10)
    first, second, third = make("X1"), make("E2"), make("E3")
    store_events(second, 40)
    record = merge(first, second)
    work_moves(now=NOW)
    undo_merge(record.pk, actor="bob", now=LATER)
    merge(third, first, now=LATER)
    for _ in range(5):
        work_moves(now=LATER)
    assert set(Event.objects.values_list("person_id", flat=True)) == {second}


def test_refusals():
    record = merge(make("X1"), make("E2"))
    assert undo_merge(999, actor="bob", now=NOW).code == "not_found"
    assert undo_merge(record.pk, actor="bob", now=NOW + timedelta(days=31)).code == "too_late"
    undo_merge(record.pk, actor="bob", now=LATER)
    assert undo_merge(record.pk, actor="bob", now=LATER).code == "already_undone"
    erased = merge(make("X5"), make("E6"))
    erase_contacts([erased.winner_id], now=NOW, actor="ann")
    assert undo_merge(erased.pk, actor="bob", now=LATER).code == "not_found"


def test_trails_are_forgotten_when_no_undo_is_possible():
    record = merge(make("X1"), make("E2"))
    assert forget_trails(now=NOW + timedelta(days=29)) == 0
    assert forget_trails(now=NOW + timedelta(days=31)) == 1
    record.refresh_from_db()
    assert record.trail == {}
    assert PersonMove.objects.exists()


def test_an_address_forgotten_meanwhile_comes_back_with_its_opt_out():
    first, second, third = make("X1", "E1"), make("E2"), make("X3", "E2")
    unsubscribe_address(kind="email", value="e2@example.com", reason="", actor="x", now=NOW)
    record = merge(first, second)
    erase_contacts([third], now=NOW, actor="ann")
    assert not Address.objects.filter(value="e2@example.com").exists()
    undo_merge(record.pk, actor="bob", now=LATER)
    assert Contact.objects.get(pk=second).email_norm == "e2@example.com"
    assert Address.objects.get(value="e2@example.com").status == "unsubscribed"
