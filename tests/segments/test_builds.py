"""Full builds: what they swap in, what they leave to the live path, and how they end when something is wrong."""

from datetime import timedelta

import pytest

from contacts.models import ContactField, ContactList, FieldGroup
from contacts.services.fields import FieldInUse, delete_field
from contacts.services.lists import ensure_lists
from events.services.processing import process_lane
from segments.models import Build, BuildState, Segment, SegmentState
from segments.rules import BrokenReference
from segments.services import builds, live
from segments.services.builds import work_build
from segments.services.clock import request_all, sweep
from segments.services.definitions import create_segment, update_segment
from segments.services.evaluation import evaluate
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


def test_it_works():
    [ann, _bob] = upsert(
        someone("X1", fields={"first_name": "Ann"}), someone("X2", fields={"first_name": "Bob"})
    )
    made = create_segment(name="Anns", definition=all_of(named("Ann")), actor="test", now=NOW)
    assert Build.objects.get().state == BuildState.WAITING
    assert work_build(now=NOW) == 1
    assert work_build(now=NOW) == 0
    build = Build.objects.get()
    assert (build.state, build.finished_at, build.attempts) == (BuildState.IDLE, NOW, 0)
    assert members(made) == {ann.contact_id}


def test_an_edited_segment_is_built_anew_and_its_people_move_silently():
    ann, bob = upsert(
        someone("X1", fields={"first_name": "Ann"}), someone("X2", fields={"first_name": "Bob"})
    )
    segment = make_segment(named("Ann"))
    update_segment(segment.pk, definition=all_of(named("Bob")), actor="test", now=NOW)
    assert members(segment) == {ann.contact_id}
    upsert(someone("X1", fields={"last_name": "Lee"}))
    settle()
    assert members(segment) == {ann.contact_id}
    build_all()
    assert members(segment) == {bob.contact_id}
    assert {row[1:] for row in journal(segment)} == {(True, True, "definition"), (False, True, "definition")}


def test_persons_met_during_a_build_are_left_to_the_live_path(monkeypatch):
    upsert(someone("X1", fields={"first_name": "Ann"}))
    segment = create_segment(name="Anns", definition=all_of(named("Ann")), actor="test", now=NOW)
    evaluate_fully = builds._evaluate

    def meanwhile(attempt, *, now):
        found = evaluate_fully(attempt, now=now)
        upsert(someone("X1", fields={"first_name": "Bob"}))  # changed after the snapshot was read
        settle()
        return found

    monkeypatch.setattr(builds, "_evaluate", meanwhile)
    assert work_build(now=NOW) == 1
    assert members(segment) == set()
    settle()
    assert members(segment) == set()
    upsert(someone("X1", fields={"first_name": "Ann"}))
    settle()
    assert len(members(segment)) == 1


def test_a_build_of_a_definition_edited_meanwhile_comes_to_nothing(monkeypatch):
    _ann, bob = upsert(
        someone("X1", fields={"first_name": "Ann"}), someone("X2", fields={"first_name": "Bob"})
    )
    segment = create_segment(name="One", definition=all_of(named("Ann")), actor="test", now=NOW)
    evaluate_fully = builds._evaluate

    def meanwhile(attempt, *, now):
        found = evaluate_fully(attempt, now=now)
        update_segment(segment.pk, definition=all_of(named("Bob")), actor="test", now=now)
        return found

    monkeypatch.setattr(builds, "_evaluate", meanwhile)
    assert work_build(now=NOW) == 1
    assert members(segment) == set()
    monkeypatch.setattr(builds, "_evaluate", evaluate_fully)
    assert build_all() == 1
    assert members(segment) == {bob.contact_id}


def lose(rows, *, now):
    """A lost announcement: the defect the nightly build is there for."""


def test_a_nightly_build_puts_right_what_drifted_and_counts_it(monkeypatch):
    segment = make_segment(named("Ann"))
    with monkeypatch.context() as patch:
        patch.setattr("segments.handlers.append", lose)
        [ann] = upsert(someone("X1", fields={"first_name": "Ann"}))
    settle()
    assert members(segment) == set()
    night = NOW.replace(hour=3) + timedelta(days=1)
    sweep(now=night)
    build_all(now=night)
    assert members(segment) == {ann.contact_id}
    assert Build.objects.get().drift == 1
    assert journal(segment) == [(ann.contact_id, True, False, "rebuild")]
    request_all(now=night)
    build_all(now=night)
    assert Build.objects.get().drift == 0


def test_waiting_changes_and_passed_time_are_no_drift():
    event_type()
    make_segment(named("Ann"))
    make_segment(did("PageRead", days=1))
    [ann] = upsert(someone("X1", fields={"first_name": "Ann"}))
    settle()
    accepted(contact_id=ann.contact_id)
    process_lane(0, limit=10, now=NOW)
    settle()
    upsert(someone("X1", fields={"first_name": "Bob"}))
    later = NOW + timedelta(days=2)
    request_all(now=later)
    build_all(now=later)
    assert list(Build.objects.values_list("drift", flat=True)) == [0, 0]


def test_a_segment_over_a_deleted_list_is_broken_and_keeps_its_members():
    [number] = ensure_lists(["VIP"], now=NOW).values()
    [ann] = upsert(someone("X1", list_ids=(number,)))
    segment = make_segment(condition("list", cmp="in_any", value=[number]))
    ContactList.objects.get(pk=number).delete()
    sweep(now=NOW + timedelta(minutes=2))
    broken = Segment.objects.get()
    assert broken.state == SegmentState.BROKEN
    assert broken.reason == f"/include/items/0: there is no list with the id {number}"
    build_all()
    settle()
    assert members(segment) == {ann.contact_id}
    with pytest.raises(BrokenReference, match="there is no list"):
        evaluate(broken.definition, now=NOW)


def test_a_field_in_use_stays_and_one_that_is_gone_breaks_the_segment():
    field = ContactField.objects.create(
        group=FieldGroup.objects.first(), name="Score", key="SCORE", type="integer"
    )
    name = f"{field.group.key}.SCORE"
    make_segment(condition("field", field=name, cmp="gt", value=5), name="High scores")
    with pytest.raises(FieldInUse, match="Segment High scores"):
        delete_field(field.pk, actor="test", now=NOW)
    field.delete()
    sweep(now=NOW + timedelta(minutes=2))
    broken = Segment.objects.get()
    assert (broken.state, broken.reason) == (
        SegmentState.BROKEN,
        f"/include/items/0: there is no field {name}",
    )


def test_a_build_finds_a_segment_broken():
    [number] = ensure_lists(["VIP"], now=NOW).values()
    definition = all_of(condition("list", cmp="in_none", value=[number]))
    create_segment(name="Not VIP", definition=definition, actor="t", now=NOW)
    ContactList.objects.get(pk=number).delete()
    upsert(someone("X1"))
    assert work_build(now=NOW) == 1
    assert Segment.objects.get().state == SegmentState.BROKEN
    assert "there is no list" in Build.objects.get().last_error
    assert members(Segment.objects.get()) == set()


def test_the_live_path_finds_a_segment_broken():
    [number] = ensure_lists(["VIP"], now=NOW).values()
    make_segment(condition("list", cmp="in_none", value=[number]))
    ContactList.objects.get(pk=number).delete()
    upsert(someone("X1"))
    settle()
    assert Segment.objects.get().state == SegmentState.BROKEN


def test_what_comes_back_mends():
    kind = event_type("Bought")
    segment = make_segment(did("Bought"))
    kind.use_for_segmentation = False
    kind.save()
    minute = timedelta(minutes=1)
    sweep(now=NOW + minute)
    assert "not used for segmentation" in Segment.objects.get().reason
    kind.use_for_segmentation = True
    kind.save()
    sweep(now=NOW + 2 * minute)
    assert Segment.objects.get().state == SegmentState.ACTIVE
    assert build_all(now=NOW + 2 * minute) == 1
    assert segment.pk == Build.objects.get().pk


def test_batches_cut_the_queue(monkeypatch):
    segment = make_segment(named("Ann"))
    made = upsert(*(someone(f"X{number}", fields={"first_name": "Ann"}) for number in range(1, 6)))
    counts = []
    while handled := live.work_queue(now=NOW, limit=2):
        counts.append(handled)
    assert counts == [2, 2, 1]
    assert members(segment) == {outcome.contact_id for outcome in made}
