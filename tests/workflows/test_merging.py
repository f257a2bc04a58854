"""Launches follow a merged contact (example 16)."""

import pytest
from django.db import connection

from contacts.persons import attach_visitors
from tests.workflows.flows import (
    EVENT,
    HOUR,
    NOW,
    contact,
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

SOLO = {
    "kind": "event",
    "event": {"type": EVENT},
    "skip_if_in_progress": True,
    "unique": {"mode": "once_in", "n": 1, "by": "contact"},
}


def merge(source: int, target: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE contacts_contact SET state = 'merged', merged_into = %s WHERE id = %s", [target, source]
        )
        attach_visitors(cursor, [(source, target)], now=NOW)
    signal()


def test_it_works():
    workflow(row_of(node("timer", wait=HOUR), start=SOLO))
    gone, kept = contact("a"), contact("b")
    happened(gone)
    step()
    merge(gone, kept)
    run = Run.objects.get()
    assert (run.person_id, run.solo_id, run.state) == (kept, kept, "running")
    step(later(hours=1))
    assert Run.objects.get().state == "completed"
    assert set(RunStep.objects.values_list("person_id", flat=True)) == {kept}
    assert set(StartGuard.objects.values_list("person_id", flat=True)) == {kept}


def test_of_two_launches_the_older_goes_on():
    workflow(row_of(node("timer", wait=HOUR), start=SOLO))
    first, second = contact("a"), contact("b")
    happened(first)
    happened(second, at=later(minutes=1))
    step(later(minutes=1))
    merge(first, second)
    assert list(Run.objects.order_by("started_at").values_list("state", "reason")) == [
        ("running", ""), ("stopped", "duplicate_after_merge"),
    ]  # fmt: skip
    assert set(Run.objects.values_list("person_id", flat=True)) == {second}


def test_where_launches_may_be_parallel_both_go_on():
    workflow(row_of(node("timer", wait=HOUR)))
    first, second = contact("a"), contact("b")
    happened(first)
    happened(second)
    step()
    merge(first, second)
    step(later(hours=1))
    assert list(Run.objects.values_list("person_id", "state")) == [(second, "completed")] * 2
