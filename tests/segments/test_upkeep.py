"""Who entered and left is kept for a term, then forgotten from its oldest row, a batch at a time."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pyroaring import BitMap64

from segments.models import MembershipChange, PackedChange, SegmentDay
from segments.services import upkeep
from segments.services.journal import Difference, entered_at, write_changes
from segments.services.upkeep import forget_changes
from segments.tasks import forget_changes as task
from tests.contacts.people import NOW
from tests.segments.making import journal, make_segment, named

pytestmark = pytest.mark.django_db

MANY = BitMap64(range(1_000, 1_100))


def note(segment, entered, *, days):
    """Persons entered so many days before now."""
    write_changes(
        [Difference(segment.pk, entered, BitMap64(), False, "data")], {}, now=NOW - timedelta(days=days)
    )


@pytest.fixture
def segment(settings):
    settings.MEMBERSHIP_DAYS = 30
    return make_segment(named("Ann"))


def test_it_works(segment):
    note(segment, BitMap64([70_000]) | MANY, days=31)
    note(segment, BitMap64([8]), days=29)
    report = forget_changes(now=NOW)
    assert (report.changes, report.packed, report.is_all) == (1, 1, True)
    assert [person for person, *_more in journal(segment)] == [8]
    assert set(entered_at(segment.pk, [70_000, 8, 1_000])) == {8}
    assert SegmentDay.objects.count() == 2  # what came and went by the day stays
    assert forget_changes(now=NOW) == upkeep.JournalReport(NOW - timedelta(days=30), 0, 0, True)


def test_the_very_instant_is_kept(segment):
    note(segment, BitMap64([7]), days=30)
    assert forget_changes(now=NOW).changes == 0


def test_a_run_ends_after_so_many_batches_and_the_next_goes_on(segment, monkeypatch):
    monkeypatch.setattr(upkeep, "BATCHES", {"segments_membershipchange": 2, "segments_packedchange": 1})
    for person in range(5):
        note(segment, BitMap64([person]), days=40)
    for _ in range(2):
        note(segment, MANY, days=40)
    report = forget_changes(now=NOW, most_batches=2)
    assert (report.changes, report.packed, report.is_all) == (4, 2, False)
    report = forget_changes(now=NOW, most_batches=2)
    assert (report.changes, report.packed, report.is_all) == (1, 0, True)
    assert not journal(segment)


def test_rows_out_of_order_are_found(segment):
    """A pass that began earlier may commit later: ids then do not follow time."""
    for days in (29, 31):
        note(segment, BitMap64([days]), days=days)
    assert forget_changes(now=NOW).changes == 1
    assert [person for person, *_more in journal(segment)] == [29]


def test_the_calendar_and_operators_forget(segment, capsys):
    write_changes([Difference(segment.pk, BitMap64([7]), BitMap64(), False, "data")], {}, now=timezone.now())
    MembershipChange.objects.update(at=timezone.now() - timedelta(days=31))
    task()
    assert not MembershipChange.objects.exists()
    note(segment, MANY, days=0)
    PackedChange.objects.update(at=timezone.now() - timedelta(days=31))
    call_command("segment_journal", json=True)
    report = json.loads(capsys.readouterr().out)
    assert (report["changes"], report["packed"], report["is_all"]) == (0, 1, True)
    call_command("segment_journal")
    assert "0 changes and 0 packed rows forgotten" in capsys.readouterr().out


def test_the_command_takes_nothing_else():
    with pytest.raises(CommandError):
        call_command("segment_journal", "--days", "3")
