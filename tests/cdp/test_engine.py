"""The loop outlives what its engines and its broker do."""

import threading
import time

import pytest

from cdp import engine as kernel
from cdp.bell import ring
from cdp.engine import Engine, Runner, run_engines
from cdp.models import EngineState


class Counting(Engine):
    """Has `waiting` rows; does one a slice."""

    name = "counting"

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.done = threading.Event()
        self.failing = False

    def work(self, now):
        if self.failing:
            raise RuntimeError("broken on purpose")
        if not self.waiting:
            return 0
        self.waiting -= 1
        self.done.set()
        return 1

    def backlog(self):
        return self.waiting, None


@pytest.fixture
def counting(monkeypatch):
    found = Counting()
    monkeypatch.setattr(kernel, "registry", {found.name: found})
    return found


def test_until_idle_does_all(counting):
    counting.waiting = 7
    run_engines(["all"], until_idle=True, stop=threading.Event())
    assert counting.waiting == 0


def test_an_unknown_name_lists_the_known(counting):
    with pytest.raises(ValueError, match="use all, fast, bulk, counting"):
        run_engines(["nothing"], until_idle=True, stop=threading.Event())


@pytest.mark.django_db
def test_a_failing_engine_backs_off_and_says_why(counting):
    counting.failing = True
    runner = Runner(counting, threading.Event())
    assert [runner.slice(), runner.slice(), runner.pause] == [0, 0, 4.0]
    runner.heartbeat()
    assert EngineState.objects.get().last_error == "RuntimeError: broken on purpose"
    counting.failing = False
    runner.slice()
    assert runner.pause == kernel.POLL_SECONDS


def run_in_background(stop):
    thread = threading.Thread(target=run_engines, args=(["all"],), kwargs={"until_idle": False, "stop": stop})
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "poll", [pytest.param(60.0, marks=pytest.mark.services, id="ring"), pytest.param(0.1, id="lost ring")]
)
def test_waiting_work_is_found(counting, monkeypatch, poll):
    monkeypatch.setattr(kernel, "POLL_SECONDS", poll)
    stop = threading.Event()
    thread = run_in_background(stop)
    try:
        time.sleep(1)
        counting.waiting = 1
        deadline = time.monotonic() + 10
        while not counting.done.wait(0.2) and time.monotonic() < deadline:
            if poll > 1:
                ring("counting")
        assert counting.done.is_set()
    finally:
        stop.set()
        thread.join(10)
