"""Proposed duplicates: found by reason, merged one or many, dismissed for good."""

from datetime import timedelta

import pytest

from contacts.models import (
    Contact,
    ContactField,
    ContactJob,
    DuplicatePair,
    JobState,
    MergeRecord,
)
from contacts.services.duplicates import dismiss_pairs, reopen_pair
from contacts.services.jobs import cancel_job, find_duplicates, merge_all_duplicates, work_job
from contacts.services.lifecycle import delete_contacts, erase_contacts
from tests.contacts.people import NOW
from tests.contacts.test_merge import make

pytestmark = pytest.mark.django_db


def work():
    while work_job(now=NOW):
        pass


def find(now=NOW):
    job = find_duplicates(actor="ann", now=now)
    work()
    job.refresh_from_db()
    assert job.state == JobState.FINISHED
    return list(
        DuplicatePair.objects.filter(state="open")
        .order_by("pk")
        .values_list("first_id", "second_id", "reason")
    )


def test_it_works():
    first, second = make("X1", "E1"), make("E1", "P9", minutes=1)
    make("E2")
    assert find() == [(first, second, "email")]


def test_each_reason_is_found_and_the_strongest_is_told():
    birthday = str(ContactField.objects.get(key="BIRTHDAY").pk)
    ann = {"first_name": "Ann", "last_name": "Lee"}
    born = {birthday: "2000-01-02"}
    one, two = (
        make("E1", fields=ann, data=born),
        make("P2", fields={"first_name": "ANN", "last_name": "lee"}, data=born),
    )
    three = make("X3", "P2")
    home = {"address": "High street 1", "town": "Lviv"}
    four, five = make("E4", fields=ann | home), make("E5", fields=ann | home, minutes=1)
    six, seven = make("E6", contact_key="k"), make("E7", contact_key="k")
    assert set(find()) == {
        (one, two, "birthday"),
        (two, three, "phone"),
        (four, five, "town"),
        (six, seven, "key"),
    }


def test_of_a_group_everybody_is_paired_with_the_one_to_keep():
    others = [make("E1", minutes=n) for n in range(3)]
    best = make("E1", "X1", minutes=9)
    assert {pair[:2] for pair in find()} == {(other, best) for other in others}


def test_the_deleted_and_those_that_differ_now_are_not_proposed():
    first, second, third = make("E1"), make("E1"), make("E1")
    delete_contacts([third], now=NOW, actor="ann")
    assert [pair[:2] for pair in find()] == [(first, second)]
    delete_contacts([second], now=NOW, actor="ann")
    assert find(NOW + timedelta(1)) == []


def test_what_was_dismissed_is_not_asked_again():
    make("E1")
    make("E1")
    find()
    pair = DuplicatePair.objects.get()
    assert dismiss_pairs([pair.pk], actor="ann", now=NOW) == 1
    assert find(NOW + timedelta(1)) == []
    assert reopen_pair(pair.pk)
    assert len(find(NOW + timedelta(2))) == 1


def test_all_of_a_reason_are_merged_in_the_background():
    groups = [[make(f"E{n}", minutes=m) for m in range(3)] for n in range(5)]
    make("P1", "X8")
    make("P1", "X9")
    find()
    job = merge_all_duplicates(actor="ann", now=NOW, reason="email")
    assert job.total == 10
    work()
    job.refresh_from_db()
    assert (job.state, job.done, job.counts) == (JobState.FINISHED, 10, {"merged": 10})
    alive = set(Contact.objects.filter(state="active", email__isnull=False).values_list("pk", flat=True))
    assert alive == {group[0] for group in groups}
    assert set(MergeRecord.objects.values_list("reason", "actor")) == {("email", "ann")}
    assert DuplicatePair.objects.get().reason == "phone"


def test_two_external_ids_are_left_to_people():
    make("P1", "X8")
    make("P1", "X9")
    find()
    job = merge_all_duplicates(actor="ann", now=NOW)
    work()
    job.refresh_from_db()
    assert (job.state, job.counts) == (JobState.FINISHED, {"different_external_ids": 1})
    assert DuplicatePair.objects.get().state == "open"


def test_a_cancelled_job_stops(monkeypatch):
    monkeypatch.setattr("contacts.services.jobs.PAIRS_OF_SLICE", 1)
    for n in range(3):
        make(f"E{n}")
        make(f"E{n}")
    find()
    job = merge_all_duplicates(actor="ann", now=NOW)
    work_job(now=NOW)
    assert cancel_job(job.pk, now=NOW)
    work()
    job.refresh_from_db()
    assert (job.state, job.done) == (JobState.CANCELLED, 1)
    assert MergeRecord.objects.count() == 1
    assert not cancel_job(job.pk, now=NOW)


def test_a_double_click_starts_one_job():
    first = find_duplicates(actor="ann", now=NOW)
    assert find_duplicates(actor="ann", now=NOW).pk == first.pk
    assert ContactJob.objects.count() == 1


def test_pairs_of_erased_and_merged_people_are_gone():
    make("E1")
    second = make("E1")
    find()
    erase_contacts([second], now=NOW, actor="ann")
    assert not DuplicatePair.objects.exists()
