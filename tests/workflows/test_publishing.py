"""Drafts, versions, publishing with launches inside, activating, pausing, stopping; launches for many and tests."""

import pytest

from contacts.field_uses import uses_of
from contacts.models import ContactField, ContactList, FieldGroup
from contacts.services.fields import FieldInUse, delete_field
from contacts.services.lists import add_to_list
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
    jobs,
    later,
    node,
    row_of,
    step,
    steps,
    the_run,
    workflow,
)  # fmt: skip
from workflows.definition.problems import DefinitionRefused
from workflows.models import NodeTally, Run, RunStep, StartTally, Workflow, WorkflowJob, WorkflowListens
from workflows.services.editing import DraftConflict, create_workflow, publish, restore_version, save_draft
from workflows.services.launching import launch_for_contact, launch_for_many, launch_test
from workflows.services.operating import NotPossible, activate, archive, deactivate

pytestmark = pytest.mark.django_db

TWO = {"n": 2, "unit": "hour"}


def timer(length=HOUR, **rest):
    return row_of(node("timer", wait=length), **rest)


def save(wf: Workflow, body, **rest):
    revision = Workflow.objects.get(pk=wf.pk).draft_revision
    return save_draft(wf.pk, body, revision=rest.pop("revision", revision), actor="ann", now=NOW)


def fill(count: int) -> list[int]:
    people = [contact(f"p{n}") for n in range(count)]
    for person in people:
        happened(person)
    step()
    return people


def test_it_works():
    event_type(EVENT)
    saved = create_workflow(name="New", actor="ann", now=NOW)
    assert [problem.code for problem in saved.problems if problem.is_error] == ["E20"]
    assert saved.version is None
    mended = save(saved.workflow, timer())
    assert (mended.version.number, mended.problems) == (1, [])
    activate(saved.workflow.pk, actor="ann", now=NOW)
    again = save(saved.workflow, timer(TWO))
    assert again.version is None  # an active workflow is published on purpose
    wf = Workflow.objects.get()
    assert (wf.version.number, wf.is_draft_changed, wf.draft_revision) == (1, True, 3)
    assert publish(wf.pk, actor="ann", now=NOW, comment="slower").number == 2


def test_a_save_that_knows_an_older_draft_is_refused():
    wf = workflow(timer())
    save(wf, timer(TWO))
    with pytest.raises(DraftConflict, match="saved meanwhile by ann") as conflict:
        save(wf, timer(), revision=1)
    assert conflict.value.draft["nodes"][1]["data"]["params"] == {"wait": TWO}


def test_a_draft_with_errors_is_saved_and_not_published():
    wf = workflow(timer())
    saved = save(wf, row_of(node("timer")))
    assert [problem.code for problem in saved.problems] == ["E08"]
    with pytest.raises(DefinitionRefused, match="E08"):
        publish(wf.pk, actor="ann", now=NOW)
    assert Workflow.objects.get().version_id == wf.version_id


def test_launches_keep_their_version():
    """Example 12, keep; and a timer's wait is not computed anew."""
    wf = workflow(timer())
    fill(10)
    save(wf, row_of(node("checkpoint", name="x")))
    publish(wf.pk, actor="ann", now=NOW)
    jobs()
    step(later(hours=1))
    assert Run.objects.filter(state="completed", version_id=wf.version_id).count() == 10


@pytest.mark.parametrize(
    ("target", "state", "reason"), [("", "stopped", "block_removed"), ("n_other", "completed", "")]
)
def test_launches_move_to_the_new_version(target, state, reason):
    """Example 12, move: the block they stand on is gone."""
    wf = workflow(timer())
    fill(10)
    save(wf, row_of(node("checkpoint", "n_other", name="x")))
    version = publish(wf.pk, actor="ann", now=NOW, running="move", target=target)
    jobs()
    step()
    assert set(Run.objects.values_list("state", "reason")) == {(state, reason)}
    if target:
        assert set(Run.objects.values_list("version_id", flat=True)) == {version.pk}
        run = Run.objects.first()
        assert steps(run) == [
            ("n_start", "ok", "next"),
            ("n_timer", "moved", ""),
            ("n_other", "ok", "next"),
            ("n_end", "ok", ""),
        ]


def test_launches_on_a_block_that_stays_keep_their_wake_up():
    wf = workflow(timer())
    fill(3)
    body = row_of(
        node("checkpoint", "n_before", name="x"),
        node("timer", wait=TWO),
        node("checkpoint", "n_after", name="x"),
    )
    save(wf, body)
    publish(wf.pk, actor="ann", now=NOW, running="move")
    jobs(later(minutes=1))
    assert set(Run.objects.values_list("node", "wake_at")) == {("n_timer", later(hours=1))}
    step(later(hours=1))
    assert [name for name, _, _ in steps(Run.objects.first())] == [
        "n_start",
        "n_timer",
        "n_timer",
        "n_after",
        "n_end",
    ]
    assert not RunStep.objects.filter(node="n_before").exists()


def test_a_block_that_became_another_kind_begins_anew():
    wf = workflow(timer())
    fill(2)
    body = row_of(node("condition.now", "n_timer", start="00:00", end="23:59"))
    body["edges"][1] = edge("n_timer", "n_end", "yes")
    save(wf, body)
    publish(wf.pk, actor="ann", now=NOW, running="move")
    jobs()
    step()
    assert set(Run.objects.values_list("state", "has_errors")) == {("completed", False)}


def test_paused_launches_stand_still_and_go_on():
    wf = workflow(timer())
    fill(2)
    deactivate(wf.pk, running="pause", actor="ann", now=NOW)
    step(later(hours=2))
    assert set(Run.objects.values_list("node", "state")) == {("n_timer", "paused")}
    happened(contact("late"), at=later(hours=2))
    assert dict(StartTally.objects.values_list("reason", "count")) == {"": 2, "not_active": 1}
    activate(wf.pk, actor="ann", now=later(hours=3))
    jobs(later(hours=3))
    step(later(hours=3))
    assert set(Run.objects.values_list("state", flat=True)) == {"completed"}


def test_what_is_too_late_after_a_pause_ends():
    policy = {"overdue_policy": {"mode": "skip", "max_lateness": "PT1H"}}
    wf = workflow(timer(settings=policy))
    fill(1)
    deactivate(wf.pk, running="pause", actor="ann", now=NOW)
    step(later(hours=1))
    activate(wf.pk, actor="ann", now=later(hours=9))
    jobs(later(hours=9))
    assert (the_run().state, the_run().reason) == ("stopped", "overdue")


def test_a_workflow_is_stopped_with_its_launches():
    wf = workflow(timer())
    fill(5)
    deactivate(wf.pk, running="stop", actor="ann", now=NOW)
    assert Workflow.objects.get().status == "stopping"
    with pytest.raises(NotPossible):
        activate(wf.pk, actor="ann", now=NOW)
    jobs()
    assert set(Run.objects.values_list("state", "reason")) == {("stopped", "workflow_stopped")}
    assert Workflow.objects.get().status == "not_active"
    tallies = dict(NodeTally.objects.filter(node="n_timer").values_list("what", "count"))
    assert (tallies["entered"], tallies["end:stopped"]) == (5, 5)


def test_archiving_waits_for_launches():
    wf = workflow(timer())
    fill(1)
    with pytest.raises(NotPossible, match="in progress"):
        archive(wf.pk, actor="ann", now=NOW)
    step(later(hours=1))
    archive(wf.pk, actor="ann", now=NOW)
    assert not WorkflowListens.objects.exists()


def test_activating_needs_something_that_starts():
    event_type(EVENT)
    saved = create_workflow(name="x", document=timer(start={"kind": "none"}), actor="ann", now=NOW)
    with pytest.raises(DefinitionRefused, match="nothing says what starts"):
        activate(saved.workflow.pk, actor="ann", now=NOW)
    assert Workflow.objects.get().status == "not_active"


def test_for_a_contact_by_hand_also_while_not_active():
    wf = workflow(timer(), is_active=False)
    ann = contact()
    started = launch_for_contact(wf.pk, ann, params={"city": "Lviv"}, now=NOW)
    assert started.run_ids == [the_run().pk]
    assert (the_run().start_kind, the_run().context["params"]) == ("hand", {"city": "Lviv"})


def test_for_everybody_on_a_list():
    wf = workflow(timer(start={"kind": "event", "event": {"type": EVENT}, "skip_if_in_progress": True}))
    vip = ContactList.objects.create(name="VIP", created_at=NOW, updated_at=NOW)
    people = fill(3)
    add_to_list(vip.pk, [*people, contact("x"), contact("y")], now=NOW)
    launch_for_many(wf.pk, source="list", source_id=vip.pk, actor="ann", now=NOW)
    jobs()
    job = WorkflowJob.objects.get()
    assert (job.state, job.done, job.refused) == ("done", 2, 3)
    assert Run.objects.filter(start_kind="list").count() == 2
    with pytest.raises(NotPossible, match="there is no list"):
        launch_for_many(wf.pk, source="list", source_id=vip.pk + 9, actor="ann", now=NOW)


def test_for_everybody_in_a_segment():
    from pyroaring import BitMap64

    from segments.models import Segment
    from segments.services.chunks import replace_members

    segment = Segment.objects.create(name="S", definition={}, fingerprint="x", created_at=NOW, updated_at=NOW)
    people = [contact(f"p{n}") for n in range(3)]
    replace_members(segment.pk, before=BitMap64(), after=BitMap64(people[:2]))
    wf = workflow(timer())
    launch_for_many(wf.pk, source="segment", source_id=segment.pk, actor="ann", now=NOW)
    jobs()
    assert set(Run.objects.values_list("person_id", flat=True)) == set(people[:2])


def test_a_test_launch_skips_waits_and_is_marked_and_runs_the_draft():
    wf = workflow(timer(TWO))
    save(wf, row_of(node("timer", wait=TWO), node("checkpoint", "n_new", name="x")))
    ann = contact()
    launch_test(wf.pk, ann, actor="ann", now=NOW)
    step()
    run = the_run()
    assert (run.state, run.is_test, run.start_kind) == ("completed", True, "test")
    assert ("n_timer", "skipped:test", "next") in steps(run)
    assert ("n_new", "ok", "next") in steps(run)
    wf.refresh_from_db()
    assert (wf.version.number, wf.launched) == (1, 0)
    assert not StartTally.objects.exists()


def test_an_old_version_becomes_the_draft_again():
    wf = workflow(timer())
    save(wf, timer(TWO))
    publish(wf.pk, actor="ann", now=NOW)
    restore_version(wf.version_id, revision=2, actor="ann", now=NOW)
    assert Workflow.objects.get().draft["nodes"][1]["data"]["params"] == {"wait": HOUR}


def test_a_field_that_a_workflow_names_is_not_deleted():
    group = FieldGroup.objects.first()
    changed, asked, free = (
        ContactField.objects.create(group=group, name=name, key=name.upper(), type="integer")
        for name in ("Changed", "Asked", "Free")
    )
    change = {"field": {"ref": "field", "id": changed.pk}, "operator": "add", "value": 1}
    tree = {"all": [{"left": f"field.{asked.pk}", "op": "gt", "right": 1}]}
    blocks = [
        node("start"),
        node("condition", "ask", tree=tree),
        node("contact.update", "set", changes=[change]),
    ]
    workflow(
        document(
            [*blocks, node("end")], [*chain(*blocks[:2]), edge("ask", "set", "yes"), edge("set", "n_end")]
        )
    )
    for field in (changed, asked):
        with pytest.raises(FieldInUse, match="Workflow Flow"):
            delete_field(field.pk, actor="test", now=NOW)
    delete_field(free.pk, actor="test", now=NOW)
    assert set(uses_of([changed.pk, asked.pk])) == {changed.pk, asked.pk}
