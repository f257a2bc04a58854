"""`kill -9` in the middle of a merge or an undo, at named points: nothing of it happened, or all of it did."""

import signal

import pytest
from django.db import connection

from contacts.models import Contact, MergeRecord, PersonMove
from contacts.services.upsert import Policy
from events.models import Event
from tests.contacts.people import NOW, someone, upsert
from tests.contacts.test_unmerge import picture
from tests.events.store import store_events
from tests.processes import manage

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

EVENTS = 6_000  # more than may move at once


def two_people():
    first, second = (
        upsert(someone(*words, dedupe=()), policy=Policy.BULK, now=NOW)[0].contact_id
        for words in (("X1", "E1", "T1"), ("E2", "T2", "V2"))
    )
    store_events(first, 5)
    store_events(second, EVENTS, key="cart")
    return first, second


def killed(*command, point):
    result = manage(*command, crash_at=point)
    assert result.poll() == -signal.SIGKILL, (result.poll(), result.errors()[-500:])


def work():
    result = manage("work", "person_moves", "--until-idle")
    assert result.poll() == 0, result.errors()[-500:]


@pytest.mark.parametrize("point", ["merge_before_move", "merge_before_commit"])
def test_a_merge_killed_before_its_commit_never_was(point):
    first, second = two_people()
    before = picture()
    killed("merge_contacts", second, "--into", first, point=point)
    assert picture() == before
    assert not MergeRecord.objects.exists()
    assert not PersonMove.objects.exists()
    assert manage("merge_contacts", second, "--into", first).poll() == 0
    work()
    assert set(Event.objects.values_list("person_id", flat=True)) == {first}


def test_a_merge_killed_after_its_commit_goes_on_in_the_background():
    first, second = two_people()
    killed("merge_contacts", second, "--into", first, point="merge_after_commit")
    assert Contact.objects.get(pk=second).merged_into == first
    killed("work", "person_moves", "--until-idle", point="person_moves_before_commit")
    work()
    assert set(Event.objects.values_list("person_id", flat=True)) == {first}
    assert MergeRecord.objects.get().moved["events_event"] == EVENTS
    assert PersonMove.objects.filter(settle_xid=None).count() == 0


@pytest.mark.parametrize("point", ["undo_before_move", "undo_before_commit"])
def test_an_undo_killed_before_its_commit_never_was(point):
    first, second = two_people()
    before = picture()
    assert manage("merge_contacts", second, "--into", first).poll() == 0
    work()
    record, merged = MergeRecord.objects.get(), picture()
    killed("merge_contacts", "--undo", record.pk, point=point)
    assert picture() == merged
    assert manage("merge_contacts", "--undo", record.pk).poll() == 0
    work()
    assert picture() == before


def test_an_undo_killed_after_its_commit_goes_on_in_the_background():
    first, second = two_people()
    before = picture()
    assert manage("merge_contacts", second, "--into", first).poll() == 0
    work()
    killed("merge_contacts", "--undo", MergeRecord.objects.get().pk, point="undo_after_commit")
    killed("work", "person_moves", "--until-idle", point="person_moves_before_commit")
    work()
    assert picture() == before


def test_an_erasing_killed_before_its_commit_never_was():
    first, _second = two_people()
    before = picture()
    killed("erase_contact", first, "--yes", point="erase_before_commit")
    assert picture() == before
    assert manage("erase_contact", first, "--yes").poll() == 0
    work()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_event WHERE person_id = %s", [first])
        assert cursor.fetchone()[0] == 0
