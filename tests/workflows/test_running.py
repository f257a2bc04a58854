"""Launches walk their blocks: started by an event, through conditions and waits, to an end."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from contacts.models import Contact, ContactField, ContactList, FieldGroup, ListMember
from contacts.services.lifecycle import delete_contacts, erase_contacts
from contacts.services.lists import add_to_list
from events.models import InboxEvent
from tests.workflows.flows import (
    EVENT,
    HOUR,
    NOW,
    chain,
    contact,
    document,
    edge,
    event_type,
    happened,
    later,
    node,
    row_of,
    step,
    steps,
    the_run,
    workflow,
)  # fmt: skip
from workflows.blocks.base import NEXT, Block, Part, register, registry
from workflows.models import NodeTally, Run, RunStep, WorkflowVersion

pytestmark = pytest.mark.django_db


def test_it_works():
    workflow(
        row_of(
            node("timer", wait=HOUR), node("contact.update", changes=[{"field": "town", "value": "${city}"}])
        )
    )
    ann = contact()
    happened(ann, city="Lviv")
    step()
    run = the_run()
    assert (run.person_id, run.state, run.node, run.wake_at) == (ann, "running", "n_timer", later(hours=1))
    step(later(minutes=59))
    assert the_run().node == "n_timer"
    step(later(hours=1))
    run = the_run()
    assert (run.state, run.reason, run.ended_at) == ("completed", "", later(hours=1))
    assert [name for name, _, _ in steps(run)] == ["n_start", "n_timer", "n_contact_update", "n_end"]
    assert Contact.objects.get(pk=ann).town == "Lviv"


def test_a_condition_takes_the_way_of_its_verdict():
    tree = {
        "all": [
            {"left": "event.total", "op": "gt", "right": 10},
            {"left": "contact.town", "op": "eq", "right": "lviv"},
        ]
    }
    check = node("condition", "c", tree=tree)
    nodes = [node("start"), check, node("end", "yes_end", outcome="yes"), node("end", "no_end", outcome="no")]
    workflow(document(nodes, [edge("n_start", "c"), edge("c", "yes_end", "yes"), edge("c", "no_end", "no")]))
    rich, poor, elsewhere = contact("a", town="Lviv"), contact("b", town="Lviv"), contact("c", town="Kyiv")
    for person, total in ((rich, "10.5"), (poor, 10), (elsewhere, 99)):
        happened(person, total=total)
    step()
    assert dict(Run.objects.values_list("person_id", "reason")) == {rich: "yes", poor: "no", elsewhere: "no"}
    seen = RunStep.objects.get(person_id=rich, node="c").detail["seen"]
    assert [(one["value"], one["fits"]) for one in seen] == [("10.5", True), ("Lviv", True)]


def test_lists_are_joined_left_and_asked():
    vip, old = (
        ContactList.objects.create(name=name, created_at=NOW, updated_at=NOW) for name in ("VIP", "Old")
    )
    ann, bob = contact("a"), contact("b")
    add_to_list(old.pk, [ann], now=NOW)
    where = node("condition.in_segment", "where", segment={"ref": "list", "id": old.pk})
    join = node("contact.segment_add", segment={"ref": "list", "id": vip.pk})
    leave = node("contact.segment_remove", segment={"ref": "list", "id": old.pk})
    nodes = [node("start"), where, join, leave, node("end")]
    edges = [edge("n_start", "where"), edge("where", join["id"], "yes"), *chain(join, leave, nodes[-1])]
    workflow(document(nodes, edges))
    happened(ann)
    happened(bob)
    step()
    assert set(ListMember.objects.values_list("list_id", "contact_id")) == {(vip.pk, ann)}
    assert set(Run.objects.values_list("state", flat=True)) == {"completed"}
    assert RunStep.objects.get(node=join["id"]).detail == {"list": vip.pk, "name": "VIP", "was_member": False}


def test_a_list_from_a_variable_that_holds_none_fails_the_step_and_the_launch_goes_on():
    workflow(row_of(node("contact.segment_add", segment="${listId}")))
    happened(contact())
    step()
    run = the_run()
    assert (run.state, run.has_errors) == ("completed", True)
    assert ("n_contact_segment_add", "failed:segment_missing", "next") in steps(run)


@pytest.mark.parametrize(
    ("operator", "value", "before", "after"),
    [
        ("add", 10, 95, 100),  # example 9: cut to the field's range
        ("subtract", "${n}", 95, 92),
        ("subtract", 500, 95, 0),
        ("add", 10, None, 10),
        ("set", "7", 95, 7),
        ("clear", None, 95, None),
        ("set", "many", 95, 95),
    ],
)
def test_numbers_are_changed_within_their_range(operator, value, before, after):
    group = FieldGroup.objects.first()
    field = ContactField.objects.create(
        group=group, name="Score", key="SCORE", type="integer", least=0, most=100
    )
    ann = contact(data={str(field.pk): before})
    change = {"field": {"ref": "field", "id": field.pk}, "operator": operator}
    workflow(
        row_of(node("contact.update", changes=[change | ({"value": value} if value is not None else {})]))
    )
    happened(ann, n=3)
    step()
    assert Contact.objects.get(pk=ann).data.get(str(field.pk)) == after


def test_two_launches_that_add_to_one_number_both_count():
    group = FieldGroup.objects.first()
    field = ContactField.objects.create(group=group, name="Score", key="SCORE", type="integer")
    ann = contact()
    workflow(
        row_of(
            node(
                "contact.update",
                changes=[{"field": {"ref": "field", "id": field.pk}, "operator": "add", "value": 5}],
            )
        )
    )
    happened(ann)
    happened(ann)
    step()
    assert Contact.objects.get(pk=ann).data[str(field.pk)] == 10


def test_an_event_is_generated_and_starts_another_workflow():
    event_type("Second")
    workflow(row_of(node("task.launch_event", event="Second", params=[{"name": "x", "value": "${city}"}])))
    second = workflow(
        row_of(node("checkpoint", name="here")) | {"start": {"kind": "event", "event": {"type": "Second"}}}
    )
    ann = contact()
    happened(ann, city="Lviv")
    step()
    waiting = InboxEvent.objects.get()
    assert (waiting.contact_id, waiting.params["x"], waiting.source) == (ann, "Lviv", "system")
    from events.services.processing import process_lane

    process_lane(0, limit=10, now=NOW)
    step()
    run = Run.objects.get(workflow_id=second.pk)
    assert (run.person_id, run.state, run.context["params"]["x"]) == (ann, "completed", "Lviv")


def test_a_chain_of_workflows_ends_after_ten():
    event_type("Again")
    workflow(
        row_of(node("timer", wait={"n": 1, "unit": "minute"}), node("task.launch_event", event="Again"))
        | {"start": {"kind": "event", "event": {"type": "Again"}}}
    )
    happened(contact(), "Again", workflowChain=10)
    step()
    step(later(minutes=2))
    assert ("n_task_launch_event", "failed:chain_too_long", "next") in steps(the_run())


def test_split_is_sticky_and_moves_as_few_as_it_can():
    from workflows.blocks.conditions import draw, side

    people = range(1, 4001)
    fifty = {p: side(draw(1, "n", p), [("a", 50), ("b", 50)]) for p in people}
    sixty = {p: side(draw(1, "n", p), [("a", 60), ("b", 40)]) for p in people}
    assert all(sixty[p] == "a" for p in people if fifty[p] == "a")
    moved = sum(1 for p in people if fifty[p] == "b" and sixty[p] == "a")
    assert 0.15 < moved / sum(1 for p in people if fifty[p] == "b") < 0.25


def test_an_unconnected_exit_ends_the_launch():
    nodes = [node("start"), node("condition", "c", tree={"left": "event.x", "op": "is_set"}), node("end")]
    workflow(document(nodes, [edge("n_start", "c"), edge("c", "n_end", "yes")]))
    happened(contact())
    step()
    run = the_run()
    assert (run.state, steps(run)[-1]) == ("completed", ("c", "ok", "no"))


def test_a_disabled_block_is_passed_through():
    block = node("contact.update", changes=[{"field": "town", "value": "Lviv"}])
    block["data"]["disabled"] = True
    workflow(row_of(block))
    ann = contact()
    happened(ann)
    step()
    assert Contact.objects.get(pk=ann).town is None
    assert ("n_contact_update", "skipped:disabled", "next") in steps(the_run())


def test_what_enters_a_block_leaves_it_ends_there_or_stands_there():
    wf = workflow(
        row_of(node("timer", wait=HOUR), node("condition.split", "s"))
        | {"edges": [edge("n_start", "n_timer"), edge("n_timer", "s"), edge("s", "n_end", "a")]}
    )
    for number in range(20):
        happened(contact(f"p{number}"))
    step(later(minutes=1))
    for number in range(20, 25):
        happened(contact(f"p{number}"), at=later(minutes=30))
    step(later(minutes=61))
    tallies: dict[str, dict[str, int]] = {}
    for name, what, count in NodeTally.objects.filter(version_id=wf.version_id).values_list(
        "node", "what", "count"
    ):
        tallies.setdefault(name, {})[what] = tallies.get(name, {}).get(what, 0) + count
    for name, counts in tallies.items():
        here = Run.objects.filter(node=name, state="running").count()
        gone = sum(count for what, count in counts.items() if what.startswith(("out:", "end:")))
        assert counts["entered"] == gone + here, name
    assert tallies["n_timer"]["entered"] == 25
    assert Run.objects.filter(state="running", node="n_timer").count() == 5


@register
class Fragile(Block[Part]):
    """A block of this test: fails for contacts of a certain town."""

    type, group, label = "test.fragile", "test", "Fragile"
    params = Part

    def execute(self, params, batch):
        if any(Contact.objects.get(pk=v.person_id).town == "Bad" for v in batch.visits):
            Contact.objects.filter(pk__in=[v.person_id for v in batch.visits]).update(region="half done")
            raise ZeroDivisionError("no such town")
        Contact.objects.filter(pk__in=[v.person_id for v in batch.visits]).update(region="done")
        return [NEXT] * len(batch.visits)


@pytest.fixture(autouse=True, scope="module")
def _forget_fragile():
    yield
    registry.pop("test.fragile")


def test_a_block_that_fails_fails_only_the_launches_that_make_it():
    workflow(row_of(node("test.fragile")))
    people = [contact(f"p{n}", town="Bad" if n in (3, 7) else "Good") for n in range(10)]
    for person in people:
        happened(person)
    step()
    failed = set(Run.objects.filter(state="failed", reason="internal").values_list("person_id", flat=True))
    assert failed == {people[3], people[7]}
    assert Run.objects.filter(state="completed").count() == 8
    assert Contact.objects.filter(region="done").count() == 8
    assert not Contact.objects.filter(region="half done").exists()
    assert (
        "no such town" in RunStep.objects.get(person_id=people[3], result="failed:internal").detail["error"]
    )


def test_a_deleted_contact_is_stopped_at_once():
    workflow(row_of(node("timer", wait=HOUR)))
    ann = contact()
    happened(ann)
    step()
    delete_contacts([ann], now=NOW, actor="test")
    step()
    assert (the_run().state, the_run().reason) == ("stopped", "contact_deleted")


def test_an_erased_contact_leaves_no_launch_and_no_step():
    workflow(
        row_of(
            node("timer", wait=HOUR),
            start={"kind": "event", "event": {"type": EVENT}, "unique": {"mode": "once", "by": "contact"}},
        )
    )
    ann = contact()
    happened(ann, secret="x")
    step()
    erase_contacts([ann], now=NOW, actor="test")
    step(later(hours=2))
    assert not Run.objects.exists()
    assert not RunStep.objects.exists()


def test_a_published_version_never_changes():
    wf = workflow(row_of(node("checkpoint", name="x")))
    with pytest.raises((IntegrityError, InternalError), match="never changes"), transaction.atomic():
        WorkflowVersion.objects.filter(pk=wf.version_id).update(definition={})


def test_long_ways_are_walked_in_pieces():
    blocks = [node("checkpoint", f"c{n}", name="x") for n in range(120)]
    workflow(row_of(*blocks))
    happened(contact())
    assert step() >= 3
    assert the_run().state == "completed"
    assert RunStep.objects.count() == 122


def test_a_claim_reads_the_index_of_due_launches():
    from cdp.sql import load

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan TO off")
        cursor.execute("SET LOCAL enable_bitmapscan TO off")  # an almost empty table may be sorted as well
        cursor.execute("EXPLAIN " + load("workflows", "claim_runs"), {"now": NOW, "limit": 10})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "workflows_run_due" in plan
    assert "Sort" not in plan.split("workflows_run_due")[0].split("LockRows")[-1]


def test_a_timer_never_wakes_early_and_counts_from_its_arrival():
    workflow(row_of(node("timer", "t1", wait={"n": 2, "unit": "day"}), node("timer", "t2", wait=HOUR)))
    happened(contact())
    step(later(seconds=30))
    assert the_run().wake_at == later(days=2, seconds=30)
    step(later(days=2, seconds=29))
    assert the_run().node == "t1"
    step(later(days=3))
    assert (the_run().node, the_run().wake_at) == ("t2", later(days=3) + timedelta(hours=1))
