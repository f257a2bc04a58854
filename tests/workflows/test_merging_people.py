"""Two contacts with many launches become one by the merge itself: nobody is written to twice, nothing is lost."""

from collections import Counter

import pytest

from contacts import persons
from contacts.models import Contact, MergeRecord
from contacts.services import moves
from contacts.services.merging import merge_contacts
from contacts.services.unmerging import undo_merge
from messaging.models import Delivery
from tests.messaging.mail import connection, message
from tests.workflows.flows import (
    HOUR,
    contact,
    event_type,
    happened,
    later,
    node,
    row_of,
    signal,
    step,
    workflow,
)
from workflows.models import Run, RunStep, StartGuard

pytestmark = pytest.mark.django_db

BOTH, ONLY = 8, 12  # workflows that both are in, and those that the merged contact alone is in
WORKFLOWS = BOTH + ONLY


def start_on(kind: str) -> dict:
    event_type(kind)
    return {
        "kind": "event", "event": {"type": kind}, "skip_if_in_progress": True,
        "unique": {"mode": "once_in", "n": 24, "by": "contact"},
    }  # fmt: skip


def twenty(chosen) -> None:
    """Each waits an hour, then sends."""
    for place in range(WORKFLOWS):
        kind = "Visited" if place < BOTH else "Ordered"
        mail = node("message.email", message={"ref": "message", "id": chosen.pk})
        workflow(row_of(node("timer", wait=HOUR), mail, start=start_on(kind)))


def two_people() -> tuple[int, int]:
    """(merged, kept): the first is in all twenty, the second, a minute later, in those they share."""
    gone, kept = contact("gone", first_name="Ann"), contact("kept")
    for kind in ("Visited", "Ordered"):
        happened(gone, kind)
    step()
    happened(kept, "Visited", at=later(minutes=1))
    step(later(minutes=1))
    assert Counter(Run.objects.values_list("person_id", "state")) == {
        (gone, "running"): WORKFLOWS, (kept, "running"): BOTH,
    }  # fmt: skip
    return gone, kept


def merge(gone: int, kept: int) -> MergeRecord:
    [outcome] = merge_contacts(kept, [gone], reason="same person", actor="ann", now=later(minutes=30))
    assert outcome.result == "merged"
    return MergeRecord.objects.get()


def work_all_moves() -> None:
    for _ in range(20):
        moves.work_moves(now=later(minutes=31))


def planned() -> Counter:
    return Counter(Delivery.objects.values_list("contact_id", "endpoint"))


@pytest.mark.parametrize("left_to_engine", [False, True], ids=["at once", "in the background"])
@pytest.mark.parametrize("first", ["signals", "launches"])
def test_each_workflow_writes_once_whichever_engine_comes_first(monkeypatch, first, left_to_engine):
    connection(2525)
    twenty(message())
    if left_to_engine:
        monkeypatch.setattr(persons, "MOST_MOVED_AT_ONCE", 0)
    gone, kept = two_people()
    merge(gone, kept)
    if first == "signals":
        signal(later(minutes=31))
    else:  # the launches are due before anybody heard of the merge
        step(later(hours=2))
    step(later(hours=2))
    work_all_moves()
    step(later(hours=2))
    assert Counter(Run.objects.values_list("person_id", "state", "reason")) == {
        (kept, "completed", ""): WORKFLOWS, (kept, "stopped", "duplicate_after_merge"): BOTH,
    }  # fmt: skip
    assert set(Run.objects.filter(state="stopped").values_list("started_at", flat=True)) == {later(minutes=1)}
    assert planned() == {(kept, "kept@example.com"): WORKFLOWS}
    assert set(RunStep.objects.values_list("person_id", flat=True)) == {kept}
    assert Run.objects.filter(state="running").count() == 0
    # Once in a while means both histories: nobody starts again.
    assert StartGuard.objects.filter(person_id=kept).count() == WORKFLOWS
    happened(kept, "Ordered", at=later(hours=3))
    step(later(hours=3))
    assert Run.objects.count() == WORKFLOWS + BOTH


def test_an_undo_brings_the_contact_back_and_launches_stay():
    connection(2525)
    twenty(message())
    gone, kept = two_people()
    before = Contact.objects.filter(pk__in=(gone, kept)).order_by("pk").values()
    as_they_were = list(before)
    record = merge(gone, kept)
    signal(later(minutes=31))
    outcome = undo_merge(record.pk, actor="ann", now=later(minutes=40))
    assert (outcome.result, outcome.kept) == ("unmerged", [])
    assert list(before.all()) == as_they_were
    work_all_moves()
    step(later(hours=2))
    assert Counter(Run.objects.values_list("person_id", "state", "reason")) == {
        (kept, "completed", ""): WORKFLOWS, (kept, "stopped", "duplicate_after_merge"): BOTH,
    }  # fmt: skip
    assert planned() == {(kept, "kept@example.com"): WORKFLOWS}
