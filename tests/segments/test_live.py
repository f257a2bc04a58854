"""A change of a contact, an event, a list, an address or the clock brings people into and out of live segments."""

from datetime import timedelta

import pytest

from cdp.hooks import membership_changed
from contacts.models import ContactField
from contacts.services.addresses import unsubscribe_address
from contacts.services.lifecycle import delete_contacts, erase_contacts, restore_contacts
from contacts.services.lists import add_to_list, ensure_lists, remove_from_list
from events.services.processing import process_lane
from segments.models import Dirty, Segment
from segments.services.clock import sweep
from segments.services.evaluation import evaluate, members_among
from tests.contacts.people import NOW, someone, upsert
from tests.events.inbox import accepted, event_type
from tests.segments.making import (
    all_of,
    build_all,
    condition,
    did,
    journal,
    make_segment,
    members,
    named,
    settle,
)

pytestmark = pytest.mark.django_db


def ann(**fields: str) -> int:
    [outcome] = upsert(someone("X1", "E1", fields=fields))
    assert outcome.contact_id is not None
    return outcome.contact_id


def happens(person: int, key: str = "PageRead", **values: object) -> None:
    accepted(event_type(key), contact_id=person, **values)
    process_lane(0, limit=100, now=NOW)


def test_it_works():
    segment = make_segment(named("Ann"))
    person = ann(first_name="Ann")
    settle()
    assert members(segment) == {person}
    assert journal(segment) == [(person, True, False, "data")]
    upsert(someone("X1", fields={"first_name": "Bob"}))
    settle()
    assert members(segment) == set()
    assert journal(segment)[1:] == [(person, False, False, "data")]
    assert Segment.objects.get().size == 0


def test_members_of_the_first_build_enter_without_a_word():
    person = ann(first_name="Ann")
    segment = make_segment(named("Ann"))
    assert members(segment) == {person}
    assert (segment.size, segment.built_at, segment.is_current) == (1, NOW, True)
    assert journal(segment) == []


def test_an_author_may_have_them_enter_aloud():
    person = ann(first_name="Ann")
    segment = make_segment(named("Ann"), announces=True)
    assert journal(segment) == [(person, True, False, "definition")]


def test_the_pass_is_announced_with_its_journal():
    heard = []
    segment = make_segment(named("Ann"))
    membership_changed.connect(heard.append)
    try:
        person = ann(first_name="Ann")
        settle()
    finally:
        membership_changed.disconnect(heard.append)
    [batch] = heard
    assert (batch.segment_ids, batch.count) == ([segment.pk], 1)
    assert journal(segment) == [(person, True, False, "data")]


def test_an_event_counts():
    event_type()
    segment = make_segment(did("PageRead", days=7))
    person = ann()
    settle()
    assert members(segment) == set()
    happens(person)
    settle()
    assert members(segment) == {person}


def test_past_events_are_muted_unless_something_else_speaks():
    event_type()
    segment = make_segment(did("PageRead"))
    person = ann()
    settle()
    happens(person, flags=1)
    settle()
    assert journal(segment) == [(person, True, True, "data")]


def test_a_change_is_aloud_when_one_of_its_causes_is():
    event_type()
    segment = make_segment(did("PageRead"))
    person = ann()
    settle()
    accepted(contact_id=person, flags=1)
    accepted(contact_id=person)
    process_lane(0, limit=100, now=NOW)
    settle()
    assert journal(segment) == [(person, True, False, "data")]


def test_lists_joined_and_left_count():
    [number] = ensure_lists(["VIP"], now=NOW).values()
    segment = make_segment(condition("list", cmp="in_any", value=[number]))
    person = ann()
    add_to_list(number, [person], now=NOW)
    settle()
    assert members(segment) == {person}
    upsert(someone("X1", leave_list_ids=(number,)))
    settle()
    assert members(segment) == set()
    upsert(someone("X1", list_ids=(number,)))
    settle()
    assert members(segment) == {person}
    remove_from_list(number, None, now=NOW)
    settle()
    assert members(segment) == set()


def test_the_state_of_an_address_counts():
    segment = make_segment(condition("channel", channel="email", cmp="reachable"))
    person = ann()
    settle()
    assert members(segment) == {person}
    unsubscribe_address(kind="email", value="e1@example.com", reason="", actor="t", now=NOW)
    settle()
    assert members(segment) == set()


def test_deleting_and_erasing_take_out_and_restoring_is_muted():
    segment = make_segment(named("Ann"))
    person = ann(first_name="Ann")
    settle()
    delete_contacts([person], now=NOW, actor="t")
    settle()
    assert members(segment) == set()
    restore_contacts([person], now=NOW, actor="t")
    settle()
    assert members(segment) == {person}
    assert journal(segment)[1:] == [(person, False, False, "data"), (person, True, True, "data")]
    erase_contacts([person], now=NOW, actor="t")
    settle()
    assert members(segment) == set()


def test_a_change_nobody_reads_is_not_queued():
    make_segment(named("Ann"))
    person = ann()
    settle()
    upsert(someone("X1", fields={"town": "Lviv"}))
    happens(person)
    assert not Dirty.objects.exists()


def test_the_clock_takes_people_out_of_a_window_and_into_another():
    event_type()
    recent = make_segment(did("PageRead", days=7))
    lapsed = make_segment(did("PageRead", measure={"fn": "last_at"}, cmp="within",
                              value={"type": "older", "amount": 7, "unit": "day"}))  # fmt: skip
    person = ann()
    happens(person)
    settle()
    assert (members(recent), members(lapsed)) == ({person}, set())
    before = NOW + timedelta(days=7) - timedelta(minutes=1)
    sweep(now=before)
    settle(now=before)
    assert (members(recent), members(lapsed)) == ({person}, set())
    after = NOW + timedelta(days=7, minutes=1)
    assert sweep(now=after) == 2
    settle(now=after)
    assert (members(recent), members(lapsed)) == (set(), {person})
    assert journal(recent)[-1] == (person, False, False, "clock")


def test_the_clock_is_swept_each_minute_and_never_twice():
    event_type()
    make_segment(did("PageRead", days=1))
    happens(ann())
    settle()
    later = NOW + timedelta(days=1, seconds=30)
    assert sweep(now=later) == 1
    assert sweep(now=later + timedelta(seconds=59)) == 0
    assert sweep(now=later + timedelta(seconds=60)) == 0


def test_midnight_of_the_account_moves_birthdays():
    segment = make_segment(
        condition("field", field="PERSONAL.BIRTHDAY", cmp="anniversary", value={"mode": "today"})
    )
    [outcome] = upsert(someone("X1", data={str(ContactField.objects.get(key="BIRTHDAY").pk): "1990-03-11"}))
    settle()
    assert members(segment) == set()
    midnight = NOW.replace(hour=0) + timedelta(days=1)
    for moment, expected in ((midnight, {outcome.contact_id}), (midnight + timedelta(days=1), set())):
        sweep(now=moment)
        settle(now=moment)
        assert members(segment) == expected


def test_a_segment_of_segments_follows_them():
    inner = make_segment(named("Ann"))
    outer = make_segment(condition("segment", cmp="in_none", value=[inner.pk]))
    person = ann(first_name="Ann")
    settle()
    assert (members(inner), members(outer)) == ({person}, set())
    upsert(someone("X1", fields={"first_name": "Bob"}))
    settle()
    assert (members(inner), members(outer)) == (set(), {person})


def test_a_big_change_asks_for_a_build_instead(monkeypatch):
    monkeypatch.setattr("segments.services.live.REBUILD_LEAST", 3)
    segment = make_segment(named("Ann"))
    made = upsert(*(someone(f"X{number}", fields={"first_name": "Ann"}) for number in range(1, 7)))
    settle()
    assert members(segment) == set()
    assert build_all() == 1
    assert members(segment) == {outcome.contact_id for outcome in made}
    assert {row[1:] for row in journal(segment)} == {(True, False, "data")}


def test_members_are_told_from_live_data_not_from_what_is_stored():
    segment = make_segment(named("Ann"))
    person = ann(first_name="Ann")
    assert members(segment) == set()
    assert members_among([segment.pk], [person, person + 1], now=NOW) == {segment.pk: {person}}
    assert set(evaluate(all_of(named("ann")), now=NOW)) == {person}


def test_a_segment_that_is_not_live_waits_for_its_build():
    segment = make_segment(named("Ann"), is_live=False)
    ann(first_name="Ann")
    settle()
    assert members(segment) == set()


def test_after_a_long_standstill_everything_is_built_anew():
    event_type()
    segment = make_segment(did("PageRead", days=7))
    happens(ann())
    settle()
    later = NOW + timedelta(days=30)
    assert sweep(now=later) == 0
    assert build_all(now=later) == 1
    assert members(segment) == set()
