"""Dynamic segments in workflows: asked live, and stopping launches as soon as somebody enters."""

import pytest

from contacts.services.manual import Values, edit_contact
from segments.models import Segment
from tests.segments.making import did, make_segment, named, settle
from tests.workflows.flows import (
    EVENT,
    HOUR,
    NOW,
    contact,
    document,
    edge,
    event_type,
    happened,
    later,
    node,
    row_of,
    signal,
    step,
    steps,
    workflow,
)  # fmt: skip
from workflows.models import Run

pytestmark = pytest.mark.django_db


def reference(segment: Segment) -> dict:
    return {"ref": "segment", "id": segment.pk}


def rename(person: int, name: str) -> None:
    edit_contact(person, Values({"first_name": name}), actor="test", now=NOW)
    settle()
    signal()


def test_it_works():
    segment = make_segment(named("Ann"))
    ask = node("condition.in_segment", "ask", segment=reference(segment))
    nodes = [node("start"), ask, node("end", "yes", outcome="yes"), node("end", "no", outcome="no")]
    workflow(document(nodes, [edge("n_start", "ask"), edge("ask", "yes", "yes"), edge("ask", "no", "no")]))
    ann, bob = contact("a", first_name="Ann"), contact("b", first_name="Bob")
    happened(ann)
    happened(bob)
    step()
    assert dict(Run.objects.values_list("person_id", "reason")) == {ann: "yes", bob: "no"}


def test_who_enters_a_segment_is_stopped_in_the_middle_of_a_wait():
    segment = make_segment(named("Ann"))
    rule = {"id": "vip", "on": "segment", "segment": reference(segment)}
    workflow(row_of(node("timer", wait=HOUR)) | {"stop": {"exit_rules": [rule]}})
    bob, eve, ann = (
        contact("b", first_name="Bob"),
        contact("e", first_name="Eve"),
        contact("a", first_name="Ann"),
    )
    settle()
    for person in (bob, eve, ann):
        happened(person)
    step()
    states = dict(Run.objects.values_list("person_id", "state"))
    assert states == {bob: "running", eve: "running", ann: "stopped"}  # Ann was a member at the start
    rename(bob, "Ann")
    assert dict(Run.objects.values_list("person_id", "state")) == {
        bob: "stopped",
        eve: "running",
        ann: "stopped",
    }
    assert Run.objects.get(person_id=bob).reason == "exit:vip"


def test_the_event_that_brings_into_the_segment_stops():
    event_type("Bought")
    segment = make_segment(did("Bought"))
    rule = {"id": "x", "on": "segment", "segment": reference(segment)}
    workflow(row_of(node("timer", wait=HOUR)) | {"stop": {"exit_rules": [rule]}})
    ann = contact()
    happened(ann)
    step()
    happened(ann, "Bought", at=later(minutes=1))
    settle(now=later(minutes=1))
    signal(later(minutes=1))
    assert Run.objects.get().state == "stopped"


def test_the_check_of_start_by_segment_is_made_after_the_wait():
    segment = make_segment(named("Ann"))
    body = row_of(node("timer", wait=HOUR))
    body["nodes"][0] = node("start", early_stop=[{"by": "segment", "segment": reference(segment)}])
    workflow(body)
    bob = contact("b", first_name="Bob")
    happened(bob)
    step()
    rename(bob, "Ann")
    assert Run.objects.get().state == "running"
    step(later(hours=1))
    assert (Run.objects.get().state, Run.objects.get().reason) == (
        "stopped",
        f"early_stop:segment {segment.pk}",
    )


def test_a_deleted_segment_says_no_and_is_told():
    segment = make_segment(named("Ann"))
    workflow(row_of(node("checkpoint", name="x"), node("condition.in_segment", "ask", segment="${segmentId}")) | {
        "edges": [edge("n_start", "n_checkpoint"), edge("n_checkpoint", "ask"), edge("ask", "n_end", "no")],
        "start": {"kind": "event", "event": {"type": EVENT}},
    })  # fmt: skip
    happened(contact(), segmentId=segment.pk + 99)
    step()
    run = Run.objects.get()
    assert ("ask", "failed:evaluation_error", "no") in steps(run)
    assert (run.state, run.has_errors) == ("completed", True)
