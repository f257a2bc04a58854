"""Killing a builder or a live worker in the middle leaves whole members; the next worker carries on at once."""

import os
import random
import signal
import time
from datetime import UTC, datetime

import pytest

from contacts.models import Contact
from segments.models import Build, BuildState, Dirty, Segment
from segments.services.builds import work_build
from segments.services.definitions import create_segment, update_segment
from segments.services.evaluation import evaluate
from tests.contacts.people import someone, upsert
from tests.processes import Worker, start
from tests.segments.making import all_of, journal, members, named, settle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

WORKER = """
import threading, django
django.setup()
from cdp.engine import run_engines
run_engines(["segment_builds", "segments"], until_idle=True, stop=threading.Event())
"""
BUILD_POINTS = [
    "build_claimed",
    "build_before_swap",
    "swap_chunks_written",
    "swap_before_commit",
    "swap_after_commit",
]
PEOPLE = int(os.environ.get("SEGMENT_KILL_PEOPLE", "2000"))  # 200 000 and more: a build that takes its time
LIVE_POINTS = ["live_claimed", "live_before_commit"]


def start_worker(crash_at: str = "") -> Worker:
    return start(WORKER, crash_at=crash_at)


def people(count: int, name: str = "Ann") -> None:
    now = datetime.now(UTC)
    for first in range(0, count, 5_000):
        some = range(first, min(count, first + 5_000))
        upsert(*(someone(f"X{number}", fields={"first_name": name}) for number in some), now=now)


def build_first(segment: Segment) -> None:
    """Build it, however long transactions of others hold it up."""
    while not Segment.objects.get(pk=segment.pk).is_current:
        work_build(now=datetime.now(UTC))


def expected() -> set[int]:
    return set(Contact.objects.filter(first_name="Ann", state="active").values_list("pk", flat=True))


def assert_whole(segment: Segment) -> None:
    row = Segment.objects.get(pk=segment.pk)
    assert members(segment) == expected()
    assert row.size == len(expected())
    assert row.is_current


@pytest.mark.parametrize("point", BUILD_POINTS)
def test_a_build_killed_at_a_named_point_is_taken_over(point):
    people(300)
    now = datetime.now(UTC)
    segment = create_segment(name="Anns", definition=all_of(named("Ann")), actor="t", now=now)
    assert start_worker(point).wait(timeout=60) == -signal.SIGKILL
    assert members(segment) in (set(), expected())
    if point != "swap_after_commit":
        assert Build.objects.get().state == BuildState.RUNNING
    people(150, "Bob")  # changed while nobody works
    assert start_worker().wait(timeout=60) == 0
    assert_whole(segment)
    assert Build.objects.get().state == BuildState.IDLE
    assert not Dirty.objects.exists()


@pytest.mark.parametrize("point", LIVE_POINTS)
def test_a_live_pass_killed_at_a_named_point_is_done_again(point):
    now = datetime.now(UTC)
    segment = create_segment(name="Anns", definition=all_of(named("Ann")), actor="t", now=now)
    build_first(segment)
    people(300)
    assert start_worker(point).wait(timeout=60) == -signal.SIGKILL
    assert members(segment) == set()
    assert journal(segment) == []
    assert start_worker().wait(timeout=60) == 0
    assert_whole(segment)
    assert [row[0] for row in journal(segment)] == sorted(expected())


def test_killed_again_and_again_while_it_builds():
    """The build ends whole although three builders die in it, at moments spread over its length."""
    people(PEOPLE)
    now = datetime.now(UTC)
    segment = create_segment(name="Anns", definition=all_of(named("Ann")), actor="t", now=now)
    deaths = 0
    for moment in (0, PEOPLE / 200_000, PEOPLE / 50_000):  # seconds
        token = Build.objects.get().token
        worker = start_worker()
        while worker.poll() is None and Build.objects.get().token in (None, token):
            time.sleep(0.001)
        time.sleep(moment)
        worker.kill()
        deaths += worker.wait(timeout=60) == -signal.SIGKILL
        assert members(segment) in (set(), expected())
    assert deaths
    assert start_worker().wait(timeout=600) == 0
    assert_whole(segment)
    assert Build.objects.get().state == BuildState.IDLE


def test_killed_at_random_while_people_change():
    chance = random.Random(11)
    people(PEOPLE)
    now = datetime.now(UTC)
    segment = create_segment(name="Anns", definition=all_of(named("Ann")), actor="t", now=now)
    for round_ in range(4):
        worker = start_worker()
        time.sleep(0.05 + chance.random() / 2)
        people(chance.randrange(500), "Bob" if round_ % 2 else "Ann")
        update_segment(
            segment.pk, definition=all_of(named("Ann" if round_ % 2 else "ann")), actor="t", now=now
        )
        worker.kill()
        worker.wait()
    assert start_worker().wait(timeout=120) == 0
    settle(now=datetime.now(UTC))
    assert_whole(segment)
    assert set(evaluate(all_of(named("Ann")), now=datetime.now(UTC))) == expected()
