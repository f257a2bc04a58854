"""Killing the worker in the middle of a batch loses no accepted event and stores none twice."""

import random
import signal
import time
import uuid

import pytest

from contacts.models import Contact
from events.models import Event, InboxEvent
from tests.events.inbox import NOW, event_type
from tests.processes import Worker, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

WORKER = """
import threading, django
django.setup()
from cdp.engine import run_engines
run_engines(["events"], until_idle=True, stop=threading.Event())
"""
POINTS = ["upsert_before_commit", "process_before_store", "process_before_commit", "process_after_commit"]


def start_worker(crash_at: str = "") -> Worker:
    return start(WORKER, crash_at=crash_at)


def fill(count: int) -> set[uuid.UUID]:
    """Accepted events of `count // 4` unknown people."""
    kind = event_type()
    rows = [
        InboxEvent(
            event_id=uuid.uuid4(), event_type_id=kind.pk, key_value="k", external_id=f"K{number % (count // 4)}",
            event_at=NOW, received_at=NOW, source="api",
        )
        for number in range(count)
    ]  # fmt: skip
    InboxEvent.objects.bulk_create(rows, batch_size=2000)
    return {row.event_id for row in rows}


def assert_nothing_lost(sent: set[uuid.UUID]) -> None:
    stored = list(Event.objects.values_list("pk", flat=True))
    waiting = list(InboxEvent.objects.values_list("event_id", flat=True))
    assert len(stored) + len(waiting) == len(sent)
    assert set(stored) | set(waiting) == sent


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point(point):
    sent = fill(400)
    assert start_worker(point).wait(timeout=60) == -signal.SIGKILL
    assert_nothing_lost(sent)
    assert start_worker().wait(timeout=60) == 0
    assert_nothing_lost(sent)
    assert not InboxEvent.objects.exists()
    assert Contact.objects.count() == 100
    assert not Event.objects.filter(person_id=0).exists()


def test_killed_at_random():
    sent = fill(40_000)
    chance = random.Random(7)
    for _ in range(4):
        worker = start_worker()
        time.sleep(0.2 + chance.random())
        worker.kill()
        worker.wait()
        assert_nothing_lost(sent)
    assert start_worker().wait(timeout=120) == 0
    assert_nothing_lost(sent)
    assert Contact.objects.count() == 10_000
