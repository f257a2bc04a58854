"""Merging contacts: who wins field by field, what moves, what stays silent, what is refused."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cdp.hooks import contacts_changed, persons_moved
from contacts.models import (
    Address,
    Contact,
    ContactAudit,
    ContactField,
    ContactList,
    Device,
    IdentifierChange,
    Key,
    ListMember,
    MergeRecord,
    PersonMove,
    SubscriptionCategory,
    SubscriptionChoice,
)
from contacts.services.addresses import unsubscribe_address
from contacts.services.lifecycle import delete_contacts, erase_contacts
from contacts.services.lists import remove_from_list
from contacts.services.merging import choose_winner, merge_contacts, merge_pairs
from contacts.services.upsert import Policy, Token
from events.models import Event
from events.services.processing import process_lane
from tests.contacts.people import NOW, someone, upsert
from tests.events.inbox import accepted
from tests.events.store import store_events

pytestmark = pytest.mark.django_db


def make(*words, minutes=0, **rest):
    moment = NOW - timedelta(days=10) + timedelta(minutes=minutes)
    [outcome] = upsert(someone(*words, dedupe=(), **rest), policy=Policy.BULK, now=moment)
    return outcome.contact_id


def merge(winner, *losers, **rest):
    return merge_contacts(winner, losers, reason="same person", actor="ann", now=NOW, **rest)


def category(name):
    row = ContactList.objects.create(name=name, created_at=NOW, updated_at=NOW)
    return SubscriptionCategory.objects.create(name=name, key=name, list=row, created_at=NOW, updated_at=NOW)


def choose(contact, row, *, yes, at=NOW):
    SubscriptionChoice.objects.create(
        contact_id=contact, category=row, is_subscribed=yes, chosen_at=at, actor="x"
    )


def test_it_works():
    first = make("X1", "E1", "T1", fields={"first_name": "Ann"})
    second = make("P2", "T2", "V2", fields={"last_name": "Lee"}, minutes=1)
    store_events(second, 3)
    [outcome] = merge(first, second)
    assert outcome.result == "merged"
    kept = Contact.objects.get(pk=first)
    assert (kept.first_name, kept.last_name, kept.email, kept.phone) == (
        "Ann",
        "Lee",
        "e1@example.com",
        "380500000002",
    )
    assert set(Key.objects.filter(person_id=first).values_list("value", flat=True)) == {
        "X1",
        "T1",
        "T2",
        "V2",
    }
    assert set(Event.objects.values_list("person_id", "original_person_id")) == {(first, second)}
    tombstone = Contact.objects.get(pk=second)
    assert (tombstone.state, tombstone.merged_into, tombstone.phone, tombstone.last_name) == (
        "merged",
        first,
        None,
        None,
    )
    record = MergeRecord.objects.get()
    assert (record.winner_id, record.loser_id, record.actor, record.reason) == (
        first,
        second,
        "ann",
        "same person",
    )
    assert record.moved["events_event"] == 3
    assert ContactAudit.objects.get().details["loser"] == second


def test_the_value_written_last_stays_and_an_empty_one_never_does():
    first = make("X1", fields={"first_name": "Old", "town": "Lviv"})
    second = make("E2", fields={"first_name": "Young", "town": "Kyiv"}, minutes=5)
    upsert(someone("X1", fields={"town": "Odesa"}), now=NOW - timedelta(days=1))
    merge(first, second)
    kept = Contact.objects.get(pk=first)
    assert (kept.first_name, kept.town) == ("Young", "Odesa")
    assert kept.provenance["first_name"][0] == int((NOW - timedelta(days=10, minutes=-5)).timestamp())


def test_a_tie_goes_to_the_winner():
    first, second = make("X1", fields={"town": "Lviv"}), make("E2", fields={"town": "Kyiv"})
    merge(second, first)
    assert Contact.objects.get(pk=second).town == "Kyiv"


def test_a_language_chosen_by_hand_beats_any_other():
    first = make("X1")
    second = make("E2", fields={"language": "de"}, minutes=5)
    upsert(someone("X1", fields={"language": "uk"}), policy=Policy.MANUAL, now=NOW - timedelta(days=10))
    Contact.objects.filter(pk=first).update(provenance={"language": [0, "manual", "ann"]})
    merge(second, first)
    assert Contact.objects.get(pk=second).language == "uk"


@pytest.mark.parametrize(
    ("kind", "strategy", "mine", "theirs", "stays"),
    [
        ("integer", "newest", 1, 2, 2),
        ("integer", "oldest", 1, 2, 1),
        ("integer", "max", 9, 10, 10),
        ("integer", "min", 9, 10, 9),
        ("integer", "sum", 9, 10, 19),
        ("integer", "sum", 2**31 - 1, 10, 2**31 - 1),
        ("decimal", "sum", "1.50", "2.25", "3.75"),
        ("decimal", "max", "9.5", "10", "10"),
        ("date", "min", "2020-01-02", "2019-05-05", "2019-05-05"),
        ("multiselect", "union", ["c"], ["a"], ["a", "c"]),
    ],
)
def test_additional_fields_follow_their_strategy(kind, strategy, mine, theirs, stays):
    group_id = ContactField.objects.first().group_id
    row = ContactField.objects.create(
        group_id=group_id, name="F", key="F", type=kind, merge_strategy=strategy, options=["a", "b", "c"]
    )
    first = make("X1", data={str(row.pk): mine})
    second = make("E2", data={str(row.pk): theirs}, minutes=5)
    merge(first, second)
    assert Contact.objects.get(pk=first).data == {str(row.pk): stays}


def test_an_address_the_winner_does_not_take_becomes_history():
    first, second = make("X1", "E1", "P1"), make("E2", "P1")
    merge(first, second)
    assert Contact.objects.get(pk=first).email == "e1@example.com"
    assert list(IdentifierChange.objects.values_list("person_id", "kind", "value", "reason")) == [
        (first, "email", "e2@example.com", "merged")
    ]


def test_the_other_external_id_still_means_the_winner():
    first, second = make("X1"), make("X2", "E2")
    merge(first, second)
    [by_alias] = upsert(someone("X2", fields={"first_name": "Ann"}))
    assert (by_alias.contact_id, by_alias.result) == (first, "updated")
    assert Contact.objects.get(pk=first).external_id == "X1"
    [put] = upsert(someone("X2", contact_id=first, fields={"town": "Lviv"}), policy=Policy.PUT)
    assert put.result == "updated"


def test_the_id_of_a_merged_contact_means_the_winner():
    first, second = make("X1"), make("E2")
    merge(first, second)
    [outcome] = upsert(someone(contact_id=second, fields={"town": "Lviv"}), policy=Policy.PUT)
    assert (outcome.contact_id, Contact.objects.get(pk=first).town) == (first, "Lviv")


def test_lists_are_united_with_the_earlier_time():
    vip, news = (
        ContactList.objects.create(name=n, created_at=NOW, updated_at=NOW).pk for n in ("VIP", "News")
    )
    first = make("X1", list_ids=(vip,), minutes=5)
    second, third = make("E2", list_ids=(vip, news)), make("E3", list_ids=(news,), minutes=1)
    merge(first, second, third)
    start = NOW - timedelta(days=10)
    assert set(ListMember.objects.values_list("contact_id", "list_id", "added_at")) == {
        (first, vip, start),
        (first, news, start),
    }


@pytest.mark.parametrize(
    ("mine", "theirs", "stays"),
    [
        ((True, 1), (False, 2), False),
        ((False, 2), (True, 1), False),
        ((False, 1), (True, 2), True),
        ((False, 1), (True, 1), False),
        (None, (False, 1), False),
        ((False, 1), None, False),
        ((True, 1), None, True),
    ],
    ids=[
        "later opt-out",
        "opt-out kept",
        "later consent",
        "same moment",
        "theirs only",
        "mine only",
        "consent",
    ],
)
def test_an_opt_out_of_a_category_is_never_revived_but_by_a_later_choice(mine, theirs, stays):
    row = category("News")
    first, second = make("X1", "E1"), make("E1", minutes=1)
    for contact, choice in ((first, mine), (second, theirs)):
        if choice is None or choice[0]:
            ListMember.objects.create(contact_id=contact, list_id=row.list_id, added_at=NOW)
        if choice is not None:
            choose(contact, row, yes=choice[0], at=NOW + timedelta(hours=choice[1]))
    merge(first, second)
    assert ListMember.objects.filter(contact_id=first, list_id=row.list_id).exists() is stays
    assert SubscriptionChoice.objects.get().is_subscribed is stays


def test_an_opted_out_address_stays_opted_out():
    first, second = make("X1"), make("E2")
    unsubscribe_address(kind="email", value="e2@example.com", reason="", actor="x", now=NOW)
    merge(first, second)
    assert Contact.objects.get(pk=first).email_norm == "e2@example.com"
    assert Address.objects.get(value="e2@example.com").status == "unsubscribed"


def test_a_restriction_is_kept():
    first, second = make("X1"), make("E2")
    Contact.objects.filter(pk=second).update(is_restricted=True)
    merge(first, second)
    assert Contact.objects.get(pk=first).is_restricted


def test_a_device_follows_its_token():
    token = Token(kind="mobile", value="T9", device={"deviceModel": "P"})
    first = make("X1")
    [second] = upsert(someone(tokens=(token,)))
    merge(first, second.contact_id)
    assert Device.objects.get().person_id == first


def test_other_apps_hear_of_it_muted():
    heard, moves = [], []
    contacts_changed.connect(heard.append)
    persons_moved.connect(moves.append)
    try:
        first, second = make("X1"), make("E2")
        heard.clear()
        merge(first, second)
    finally:
        contacts_changed.disconnect(heard.append)
        persons_moved.disconnect(moves.append)
    assert [(list(b.ids), list(b.results), b.is_muted) for b in heard] == [
        ([first, second], ["updated", "merged"], True)
    ]
    assert [(m.source_ids, m.target_ids) for m in moves] == [([second], [first])]


def test_a_chain_of_ten_ends_at_its_last_winner():
    people = [make(f"E{n}", f"T{n}", minutes=n) for n in range(11)]
    for loser, winner in pairwise(people):
        assert [o.result for o in merge(winner, loser)] == ["merged"]
    last = people[-1]
    assert set(Contact.objects.filter(state="merged").values_list("merged_into", flat=True)) == {last}
    assert set(MergeRecord.objects.values_list("winner_id", flat=True)) == {last}
    assert Key.objects.filter(person_id=last, kind="mobile").count() == 11
    [outcome] = upsert(someone(contact_id=people[0], fields={"town": "Lviv"}), policy=Policy.PUT)
    assert outcome.contact_id == last


def test_a_chain_in_one_batch_ends_as_if_merged_one_by_one():
    people = [make(f"E{n}", f"T{n}", minutes=n) for n in range(5)]
    store_events(people[0], 1)
    pairs = list(zip(people[1:], people, strict=False))
    merge_pairs(pairs, reason="", actor="ann", now=NOW)
    assert set(Contact.objects.filter(state="merged").values_list("merged_into", flat=True)) == {people[-1]}
    assert list(Event.objects.values_list("person_id", "original_person_id")) == [(people[-1], people[0])]
    assert list(MergeRecord.objects.order_by("pk").values_list("first_winner_id", "loser_id")) == pairs


def test_two_that_cross_are_one_in_the_end():
    first, second = make("X1"), make("E2")
    outcomes = merge_pairs([(first, second), (second, first)], reason="", actor="ann", now=NOW)
    assert [o.result for o in outcomes] == ["merged", "unchanged"]
    assert Contact.objects.get(pk=first).state == "active"


def test_what_cannot_be_merged_is_refused():
    active, deleted, erased, other = make("X1"), make("E2"), make("E3"), make("X4")
    delete_contacts([deleted], now=NOW, actor="ann")
    erase_contacts([erased], now=NOW, actor="ann")
    assert [o.code for o in merge(active, erased, 999_999_999)] == ["erased", "not_found"]
    assert [o.code for o in merge(deleted, active)] == ["winner_deleted"]
    [refused] = merge_pairs([(active, other)], reason="", actor="rule", now=NOW, is_automatic=True)
    assert refused.code == "different_external_ids"
    assert not MergeRecord.objects.exists()


def test_the_winner_is_who_is_known_best():
    bare, with_id = make("T1"), make("X2", minutes=9)
    full = make("E3", "P3", minutes=5)
    older = make("E4", minutes=1)
    assert choose_winner([bare, full, with_id]) == with_id
    assert choose_winner([bare, full, older]) == full
    assert choose_winner([make("E6", minutes=3), older]) == older
    assert choose_winner([]) is None


def test_more_rows_than_may_move_at_once_follow_in_the_background(monkeypatch):
    monkeypatch.setattr("contacts.persons.MOST_MOVED_AT_ONCE", 10)
    first, second = make("X1"), make("E2")
    store_events(second, 25)
    merge(first, second)
    assert Event.objects.filter(person_id=first).count() == 10
    from contacts.services.moves import work_moves

    work_moves(now=NOW)
    assert Event.objects.filter(person_id=first).count() == 25
    assert MergeRecord.objects.get().moved["events_event"] == 25
    assert PersonMove.objects.get().settle_xid is not None


def test_a_batch_costs_as_many_statements_as_a_pair():
    def pairs(start, count):
        return [(make(f"X{n}"), make(f"E{n}")) for n in range(start, start + count)]

    counts = []
    for start, count in ((0, 1), (100, 40)):
        wanted = pairs(start, count)
        with CaptureQueriesContext(connection) as queries:
            merge_pairs(wanted, reason="", actor="ann", now=NOW)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_leaving_the_list_of_a_category_is_an_opt_out_that_a_merge_keeps():
    row = category("News")
    first, second = make("X1", list_ids=(row.list_id,)), make("E2", list_ids=(row.list_id,), minutes=1)
    upsert(someone("X1", leave_list_ids=(row.list_id,)))
    third = make("X3", list_ids=(row.list_id,))
    remove_from_list(row.list_id, [third], now=NOW, actor="ann")
    merge(first, second)
    assert not ListMember.objects.exists()
    assert set(SubscriptionChoice.objects.values_list("contact_id", "is_subscribed")) == {
        (first, False),
        (third, False),
    }


def test_an_event_with_the_id_of_a_merged_contact_is_the_winners():
    first, second = make("X1"), make("E2")
    merge(first, second)
    accepted(contact_id=second)
    process_lane(0, limit=10, now=NOW)
    assert Event.objects.get().person_id == first


def test_the_activity_shows_what_is_still_on_its_way(admin_client, monkeypatch):
    monkeypatch.setattr("contacts.persons.MOST_MOVED_AT_ONCE", 0)
    first, second = make("X1"), make("E2")
    store_events(second, 3)
    merge(first, second)
    assert not Event.objects.filter(person_id=first).exists()
    page = admin_client.get(f"/admin/contacts/contact/{first}/activity/?period=all")
    assert page.text.count(f"{second}-") == 3


def test_coming_back_to_the_list_of_a_category_is_a_choice_too():
    row = category("News")
    first = make("X1", list_ids=(row.list_id,))
    upsert(someone("X1", leave_list_ids=(row.list_id,)))
    upsert(someone("X1", list_ids=(row.list_id,)), now=NOW + timedelta(hours=1))
    merge(first, make("E2"))
    assert ListMember.objects.filter(contact_id=first).exists()
    assert SubscriptionChoice.objects.get().is_subscribed
