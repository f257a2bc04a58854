"""Killing the worker loses no launch, does no step twice and plans no message twice.

`CDP_KILL_TEST_ROWS` sets the number of launches (5 000 before a release).
"""

import os
import random
import signal as signals
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from django.db import connection

from contacts.models import Contact, ContactField, ContactList, FieldGroup, ListMember
from contacts.services.upsert import ContactInput
from events.models import InboxEvent
from events.services.processing import process_lane
from messaging.models import Delivery
from tests.contacts.people import upsert
from tests.messaging import mail
from tests.processes import Worker, start
from tests.workflows.flows import EVENT, event_type, node, row_of, workflow
from workflows import partitions
from workflows.models import NodeTally, Run, RunStep, Signal, WorkflowJob
from workflows.services.launching import launch_for_many

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

COUNT = int(os.environ.get("CDP_KILL_TEST_ROWS", "400"))
WORKER = """
import sys, threading, django
django.setup()
from workflows import engines
engines.STEPS, engines.LARGEST_STEPS, engines.SIGNALS, engines.LARGEST_SIGNALS = 50, 50, 40, 40
from workflows.services import jobs
jobs.SLICE = 60
from cdp.engine import run_engines
run_engines(sys.argv[1:], until_idle=True, stop=threading.Event())
"""
POINTS = [
    "workflow_signals_before_write", "workflow_signals_before_commit", "workflow_signals_after_commit", "workflow_block_done",
    "workflow_batch_before_write", "workflow_batch_before_commit", "workflow_batch_after_commit",
]  # fmt: skip


def start_worker(crash_at: str = "", engines: str = "workflow_signals workflow_runs") -> Worker:
    return start(WORKER, *engines.split(), crash_at=crash_at)


@pytest.fixture
def flow():
    """Contacts with an event each, processed; a workflow that counts, mails and lists them."""
    now = datetime.now(UTC)
    partitions.ensure_partitions(connection=connection, now=now)
    mail.connection(2525)
    field = ContactField.objects.create(
        group=FieldGroup.objects.first(), name="Score", key="SCORE", type="integer"
    )
    done = ContactList.objects.create(name="Done", created_at=now, updated_at=now)
    chosen = mail.message(now=now)
    workflow(
        row_of(
            node("contact.update", changes=[{"field": {"ref": "field", "id": field.pk}, "operator": "add", "value": 1}]),
            node("message.email", message={"ref": "message", "id": chosen.pk}),
            node("contact.segment_add", segment={"ref": "list", "id": done.pk}),
            start={"kind": "event", "event": {"type": EVENT}, "skip_if_in_progress": True,
                   "unique": {"mode": "once", "by": "contact"}},
        ),
        now=now,
    )  # fmt: skip
    people = [outcome.contact_id for outcome in upsert(
        *(ContactInput(email=f"k{n}@example.com", email_norm=f"k{n}@example.com") for n in range(COUNT)), now=now
    )]  # fmt: skip
    kind = event_type(EVENT)
    InboxEvent.objects.bulk_create(
        InboxEvent(event_id=f"00000000-0000-4000-8000-{n:012d}", event_type_id=kind.pk, key_value=f"k{n}", contact_id=person,
                   event_at=now, received_at=now, source="api", params={})
        for n, person in enumerate([*people, *people[:100]])
    )  # fmt: skip
    while process_lane(0, limit=1000, now=now):
        pass
    return str(field.pk)


def settle() -> None:
    assert start_worker().wait(timeout=120) == 0


def check(field: str) -> None:
    assert not Signal.objects.exists()
    assert Counter(Run.objects.values_list("state", "reason")) == {("completed", ""): COUNT}
    assert Counter(RunStep.objects.values_list("run_id", flat=True)) == dict.fromkeys(
        Run.objects.values_list("pk", flat=True), 5
    )
    assert RunStep.objects.values("run_id", "number").distinct().count() == 5 * COUNT
    assert {data[field] for data in Contact.objects.values_list("data", flat=True)} == {1}
    assert Delivery.objects.count() == Delivery.objects.values("endpoint").distinct().count() == COUNT
    assert ListMember.objects.count() == COUNT
    tallies: Counter[str] = Counter()
    for what, count in NodeTally.objects.values_list("what", "count"):
        tallies[what] += count
    assert (tallies["entered"], tallies["out:next"], tallies["end:completed"]) == (
        5 * COUNT,
        4 * COUNT,
        COUNT,
    )


def test_it_works(flow):
    settle()
    check(flow)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point(flow, point):
    worker = start_worker(point)
    assert worker.wait(timeout=120) == -signals.SIGKILL
    settle()
    check(flow)


def test_killed_at_random_with_two_workers(flow):
    chance = random.Random(7)
    for _ in range(6):
        workers = [start_worker(), start_worker()]
        time.sleep(0.1 + chance.random())
        for worker in workers:
            worker.kill()
            worker.wait()
    settle()
    check(flow)


def test_a_launch_for_many_that_is_killed_launches_everybody_once(flow):
    now = datetime.now(UTC)
    settle()
    event_type("Other")
    second = workflow(
        row_of(
            node("checkpoint", name="x"),
            start={"kind": "event", "event": {"type": "Other"}, "skip_if_in_progress": True},
        ),
        now=now,
    )
    done = ContactList.objects.get(name="Done")
    launch_for_many(second.pk, source="list", source_id=done.pk, actor="test", now=now)
    for _ in range(3):
        worker = start_worker("workflow_job_before_commit", "workflow_jobs")
        assert worker.wait(timeout=120) == -signals.SIGKILL
    assert start_worker(engines="workflow_jobs workflow_runs").wait(timeout=120) == 0
    job = WorkflowJob.objects.get()
    assert (job.state, job.done) == ("done", COUNT)
    runs = Run.objects.filter(workflow_id=second.pk)
    assert (runs.count(), runs.values("person_id").distinct().count()) == (COUNT, COUNT)
    assert set(runs.values_list("state", flat=True)) == {"completed"}
