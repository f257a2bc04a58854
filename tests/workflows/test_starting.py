"""What starts a launch, what does not, and how each refusal is told."""

from datetime import timedelta

import pytest

from contacts.models import Contact
from contacts.services.lifecycle import delete_contacts
from events.models import EventFlag
from events.services.processing import process_lane
from tests.events.inbox import accepted
from tests.workflows.flows import (
    EVENT,
    HOUR,
    NOW,
    contact,
    event_type,
    happened,
    later,
    node,
    queued,
    row_of,
    signal,
    step,
    workflow,
)
from workflows.models import Run, Signal, StartRefusal, StartTally
from workflows.services.candidates import Candidate
from workflows.services.journal import Journal
from workflows.services.launching import launch_for_contact
from workflows.services.operating import deactivate
from workflows.services.starting import start_runs

pytestmark = pytest.mark.django_db


def starting(**rest):
    return row_of(node("timer", wait=HOUR), start={"kind": "event", "event": {"type": EVENT}} | rest)


def refusals() -> dict[str, int]:
    return dict(StartTally.objects.values_list("reason", "count"))


def test_it_works():
    workflow(starting())
    event_id = happened(contact(), key="k1", total=5)
    run = Run.objects.get()
    assert (str(run.event_id), run.event_key, run.start_kind, run.context["params"]) == (
        event_id,
        "k1",
        "event",
        {"total": 5},
    )
    assert refusals() == {"": 1}
    assert queued() == 0


def test_an_event_nobody_listens_to_is_not_queued():
    workflow(starting())
    row = accepted(event_type("Other"), contact_id=contact(), key_value="k")
    process_lane(0, limit=10, now=NOW)
    assert row
    assert not Signal.objects.exists()


@pytest.mark.parametrize(("by", "count"), [("contact", 1), ("key", 2)])
def test_once_by_contact_or_by_key(by, count):
    """Example 25."""
    workflow(starting(unique={"mode": "once", "by": by}))
    ann = contact()
    happened(ann, key="order 1")
    happened(ann, key="order 2", at=later(minutes=1))
    happened(ann, key="order 2", at=later(days=300))
    assert Run.objects.count() == count


def test_the_window_slides_from_the_last_accepted_start():
    """Example 5: once in every 24 hours."""
    workflow(starting(unique={"mode": "once_in", "n": 24, "unit": "hour"}))
    ann = contact()
    ten = NOW.replace(hour=10)
    for hours in (0, 2, 23 + 59 / 60, 24):
        happened(ann, key="k", at=ten + timedelta(hours=hours))
    assert [run.context["at"] for run in Run.objects.order_by("pk")] == [
        ten.isoformat(),
        (ten + timedelta(days=1)).isoformat(),
    ]
    assert StartRefusal.objects.filter(reason="not_unique").count() == 2


def test_the_window_holds_within_one_batch():
    wf = workflow(starting(unique={"mode": "once_in", "n": 1, "unit": "hour", "by": "contact"}))
    ann, bob = contact("a"), contact("b")
    candidates = [
        Candidate(wf.pk, who, "event", later(minutes=at)) for at in (0, 30, 60, 90, 120) for who in (ann, bob)
    ]
    journal = Journal(later(hours=3))
    started = start_runs(candidates, journal)
    assert len(started.run_ids) == 6
    assert started.refused == {"not_unique": 4}


def test_two_identical_events_are_one_launch():
    """Example 11: skip when in progress."""
    workflow(starting(skip_if_in_progress=True))
    ann = contact()
    for _ in range(2):
        accepted(event_type(EVENT), contact_id=ann, key_value="k")
    process_lane(0, limit=10, now=NOW)
    signal()
    assert Run.objects.count() == 1
    assert refusals() == {"": 1, "in_progress": 1}


def test_after_the_launch_has_ended_the_next_may_start():
    workflow(starting(skip_if_in_progress=True))
    ann = contact()
    happened(ann)
    step()
    step(later(hours=1))
    happened(ann, at=later(hours=1))
    assert list(Run.objects.order_by("pk").values_list("state", flat=True)) == ["completed", "running"]


def test_the_same_event_starts_nothing_new():
    wf = workflow(starting())
    ann = contact()
    event_id = happened(ann)
    Signal.objects.create(kind=1, person_id=ann, ref=event_type(EVENT).pk, event_id=event_id, at=NOW)
    signal()
    assert Run.objects.filter(workflow_id=wf.pk).count() == 1
    assert refusals() == {"": 1, "duplicate": 1}


def test_parameters_must_fit():
    filters = {
        "any": [
            {"left": "event.items[].category", "op": "eq", "right": "Tea"},
            {"left": "event.total", "op": "gte", "right": 100},
        ]
    }
    workflow(starting(event={"type": EVENT, "filters": filters}))
    ann = contact()
    happened(ann, items=[{"category": "coffee"}, {"category": "tea"}])
    happened(ann, items='[{"category": "tea"}]')  # JSON that a sender wrote as text
    happened(ann, total="100")
    happened(ann, total="99.9", items=[])
    assert Run.objects.count() == 3
    assert refusals()["filter"] == 1


def test_history_and_late_events_start_nothing():
    workflow(starting())
    ann = contact()
    kind = event_type(EVENT)
    accepted(kind, contact_id=ann, key_value="k", flags=int(EventFlag.PAST))
    accepted(
        kind, contact_id=ann, key_value="k", event_at=NOW - timedelta(hours=25), flags=int(EventFlag.LATE)
    )
    accepted(kind, contact_id=ann, key_value="k", event_at=NOW - timedelta(hours=23))
    process_lane(0, limit=10, now=NOW)
    signal()
    assert Run.objects.count() == 1
    assert refusals() == {"": 1, "past": 1, "late": 1}


def test_conditions_on_the_contact_are_read_at_the_start():
    workflow(starting(contact_filters={"left": "contact.language", "op": "one_of", "right": ["uk", "en"]}))
    ann = contact("a", language="uk")
    happened(ann)
    happened(contact("b", language="de"))
    assert list(Run.objects.values_list("person_id", flat=True)) == [ann]
    assert refusals()["contact_filter"] == 1


def test_an_event_of_nobody_known_makes_the_contact_it_names():
    kind = event_type(EVENT)
    kind.use_for_segmentation = False
    kind.save()
    workflow(starting())
    accepted(
        kind,
        key_value="k",
        params={"EmailAddress": "new@example.com"},
        email="new@example.com",
        email_norm="new@example.com",
    )
    accepted(kind, key_value="only a key")
    process_lane(0, limit=10, now=NOW)
    assert not Contact.objects.filter(email="new@example.com").exists()
    signal()
    made = Contact.objects.get(email_norm="new@example.com")
    assert list(Run.objects.values_list("person_id", flat=True)) == [made.pk]
    assert refusals() == {"": 1, "no_contact": 1}


def test_a_deactivated_workflow_starts_nothing_and_its_launches_go_on():
    wf = workflow(starting())
    happened(contact("a"))
    step()
    deactivate(wf.pk, actor="test", now=NOW)
    happened(contact("b"))
    assert Run.objects.count() == 1
    step(later(hours=1))
    assert Run.objects.get().state == "completed"


def test_a_deleted_contact_starts_nothing():
    wf = workflow(starting())
    ann = contact()
    delete_contacts([ann], now=NOW, actor="test")
    started = launch_for_contact(wf.pk, ann, now=NOW)
    assert (started.run_ids, dict(started.refused)) == ([], {"contact_gone": 1})
    assert StartRefusal.objects.get().reason == "contact_gone"


def test_launches_end_with_the_number_that_was_set():
    workflow(starting() | {"stop": {"after_launches": 2}})
    for name in "abc":
        happened(contact(name))
    assert Run.objects.count() == 2
    assert refusals()["over"] == 1


def test_a_signal_that_cannot_be_worked_off_is_set_aside_and_stops_no_other():
    from workflows.models import DeadSignal
    from workflows.services.compiled import compiled_version

    wf = workflow(starting())
    ann = contact()
    kind = event_type(EVENT)
    good = accepted(kind, contact_id=ann, key_value="good")
    bad = accepted(kind, contact_id=contact("b"), key_value="bad")
    process_lane(0, limit=10, now=NOW)
    from django.db import connection

    with connection.cursor() as cursor:  # what no event of the intake is: parameters that are no object
        cursor.execute("UPDATE events_event SET params = '[1]' WHERE id = %s", [bad.event_id])
    signal()
    assert compiled_version(wf.version_id)
    assert [str(run.event_id) for run in Run.objects.all()] == [str(good.event_id)]
    assert DeadSignal.objects.get().event_id == bad.event_id
