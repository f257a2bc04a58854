"""Why did it not start? — answered in words."""

from datetime import timedelta

import pytest

from contacts.services.lifecycle import delete_contacts
from tests.workflows.flows import (
    EVENT,
    HOUR,
    NOW,
    contact,
    event_type,
    happened,
    later,
    node,
    row_of,
    step,
    workflow,
)
from workflows.models import StartRefusal
from workflows.services.editing import create_workflow
from workflows.services.explaining import explain_start, summary
from workflows.services.operating import deactivate
from workflows.services.upkeep import forget_old

pytestmark = pytest.mark.django_db


def starting(**rest):
    return row_of(node("timer", wait=HOUR), start={"kind": "event", "event": {"type": EVENT}} | rest)


def why(wf, person, **rest) -> str:
    return explain_start(wf.pk, person, now=later(minutes=30), **rest).text


def test_it_works():
    wf = workflow(starting())
    ann = contact()
    happened(ann)
    answer = explain_start(wf.pk, ann, now=later(minutes=5))
    assert answer.text == "It did start: the event of 5 min ago began a launch 5 min ago."
    assert answer.run is not None


def test_no_such_event():
    wf = workflow(starting())
    assert why(wf, contact()) == "This contact had no event “CartUpdated” in the last 90 days."


def test_the_parameters_with_the_values_they_have():
    wf = workflow(
        starting(event={"type": EVENT, "filters": {"left": "event.total", "op": "gt", "right": 10}})
    )
    ann = contact()
    happened(ann, total=3)
    assert "do not fit: event.total is “3”, wanted gt 10." in why(wf, ann)


def test_the_contact_with_the_values_it_has():
    wf = workflow(starting(contact_filters={"left": "contact.language", "op": "eq", "right": "uk"}))
    ann = contact()
    happened(ann)
    assert "The contact does not fit the conditions: contact.language is nothing, wanted eq uk." in why(
        wf, ann
    )


def test_in_progress_and_unique():
    solo = workflow(starting(skip_if_in_progress=True))
    once = workflow(starting(unique={"mode": "once_in", "n": 24, "unit": "hour", "by": "contact"}))
    ann = contact()
    happened(ann)
    happened(ann, at=later(minutes=10))
    assert "a launch of this contact is in progress" in why(solo, ann)
    assert "A launch of this contact, begun 30 min ago, was in progress." in why(solo, ann)
    text = why(once, ann)
    assert "It was started for this contact 30 min ago." in text
    assert "An event from 11 Mar, 12:00 on starts it again." in text


def test_not_active_deleted_unknown_and_unpublished():
    wf = workflow(starting())
    ann = contact()
    deactivate(wf.pk, actor="ann", now=NOW)
    assert why(wf, ann) == "The workflow is not active now (Not active); only an active one starts by events."
    delete_contacts([ann], now=NOW, actor="ann")
    texts = [text for _, text in explain_start(wf.pk, ann, now=NOW).checks]
    assert "The contact is deleted or restricted." in texts
    assert "There is no contact with this id." in [
        text for _, text in explain_start(wf.pk, 10**9, now=NOW).checks
    ]
    event_type(EVENT)
    draft = create_workflow(name="x", actor="ann", now=NOW).workflow
    assert why(draft, ann) == "The workflow was never published: its draft has errors."


def test_late_and_history():
    from events.models import EventFlag
    from events.services.processing import process_lane
    from tests.events.inbox import accepted
    from tests.workflows.flows import signal

    wf = workflow(starting())
    ann, bob = contact("a"), contact("b")
    kind = event_type(EVENT)
    accepted(kind, contact_id=ann, key_value="k", flags=int(EventFlag.PAST))
    accepted(kind, contact_id=bob, key_value="k", event_at=NOW - timedelta(days=2))
    process_lane(0, limit=10, now=NOW)
    assert "still waits to be looked at" in why(wf, ann)
    signal()
    assert "was loaded as history" in why(wf, ann)
    assert "was too old when it arrived" in why(wf, bob)


def test_the_tallies_in_words_and_the_newest_refusals_are_kept(monkeypatch):
    wf = workflow(starting(skip_if_in_progress=True))
    ann = contact()
    for minute in range(4):
        happened(ann, at=later(minutes=minute))
    assert summary(wf.pk, since=NOW) == [("in_progress", "a launch of this contact is in progress", 3)]
    monkeypatch.setattr("workflows.services.upkeep.KEPT_REFUSALS", 2)
    assert forget_old(now=NOW)["refusals"] == 1
    assert StartRefusal.objects.count() == 2
    step(later(hours=2))
