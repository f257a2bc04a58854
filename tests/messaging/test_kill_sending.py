"""Killing workers and servers in the middle of a send: no e-mail twice, every delivery final, few unknown.

`CDP_KILL_TEST_ROWS` sets the size of the sends (5 000 before a release).
"""

import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from messaging.models import FINAL_STATES, Activity, Connection, Delivery
from messaging.services.planning import DeliveryRequest, plan_deliveries
from messaging.services.sending import WINDOW
from tests.messaging.mail import connection, message, people, states
from tests.messaging.sink import running_sink
from tests.processes import Worker, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ROWS = int(os.environ.get("CDP_KILL_TEST_ROWS", "600"))
AWAY = float(os.environ.get("CDP_SMTP_AWAY", "0"))  # seconds that the server stays away once it is noticed
WORKER = """
import threading, django
django.setup()
from cdp.engine import run_engines
run_engines(["sending", "sending_fast"], until_idle=%s, stop=threading.Event())
"""
POINTS = [
    "send_after_claim", "send_after_render", "send_after_window", "smtp_before_data", "smtp_after_data",
    "send_after_handover", "send_after_record",
]  # fmt: skip


def start_worker(crash_at: str = "", *, until_idle: bool = True) -> Worker:
    return start(WORKER % until_idle, crash_at=crash_at)


def let_leases_run_out() -> None:
    Delivery.objects.filter(state__in=["claimed", "sending"]).update(
        lease_until=datetime(2026, 1, 1, tzinfo=UTC)
    )


def finish() -> None:
    """Leases run out, then a worker does what is left."""
    let_leases_run_out()
    assert start_worker().wait(timeout=300) == 0


def plan_many(count: int, *, cause_id: int = 1, **rest) -> None:
    now = datetime.now(UTC)
    month = now.date().replace(day=1)
    chosen = message(now=now, **rest)
    ids = people(count, f"s{cause_id}.example.com", now=now)
    kind = "workflow" if rest.get("is_transactional") else "campaign"
    outcomes = plan_deliveries(
        [
            DeliveryRequest(
                cause_kind=kind, cause_id=cause_id, cause_month=month, contact_id=pk, message_id=chosen.pk
            )
            for pk in ids
        ],
        now=now - timedelta(seconds=1),
    )
    assert {outcome.state for outcome in outcomes} == {"planned"}


def assert_nobody_twice(sink, count: int, *, most_unknown: int) -> None:
    found = states()
    assert set(found) <= {"sent", "unknown"}, found
    assert sum(found.values()) == count
    assert found.get("unknown", 0) <= most_unknown
    received = sink.counts()
    assert max(received.values()) == 1
    assert len(received) >= found["sent"]
    sent = set(Delivery.objects.filter(state="sent").values_list("endpoint", flat=True))
    assert sent <= set(received), "what is called sent has arrived"
    assert Activity.objects.filter(kind="sent").count() == found["sent"]


def test_killed_at_every_named_point(tmp_path):
    with running_sink(tmp_path, "--pipelining") as sink:
        connection(sink.port)
        for number, point in enumerate(POINTS, 1):
            plan_many(90, cause_id=number)
            assert start_worker(point).wait(timeout=60) == -signal.SIGKILL, point
            finish()
            assert_nobody_twice(sink, 90 * number, most_unknown=WINDOW * number)


def test_killed_at_random(tmp_path):
    chance = random.Random(11)
    kills = 4
    with running_sink(tmp_path, "--pipelining") as sink:
        connection(sink.port)
        plan_many(ROWS)
        for number in range(kills):
            let_leases_run_out()
            worker = start_worker()
            already = len(sink.received())
            deadline = time.monotonic() + 60
            aim = already + chance.randint(1, max(ROWS // (kills + 2), 2))
            while len(sink.received()) < aim and worker.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            worker.kill()
            worker.wait()
            assert len(sink.received()) > already, f"kill {number} came before anything was sent"
        finish()
        assert_nobody_twice(sink, ROWS, most_unknown=WINDOW * kills)


def test_transactional_mail_is_sent_again(tmp_path):
    """At least once: what may have left is sent again rather than never."""
    with running_sink(tmp_path) as sink:
        connection(sink.port)
        plan_many(30, is_transactional=True)
        assert start_worker("smtp_after_data").wait(timeout=60) == -signal.SIGKILL
        finish()
        assert states() == {"sent": 30}
        assert len(sink.counts()) == 30
        assert sum(sink.counts().values()) == 31


def test_two_workers_share_a_send(tmp_path):
    with running_sink(tmp_path, "--pipelining") as sink:
        connection(sink.port)
        plan_many(ROWS)
        workers = [start_worker() for _ in range(2)]
        assert [worker.wait(timeout=300) for worker in workers] == [0, 0]
        finish()
        assert states() == {"sent": ROWS}
        assert sum(sink.counts().values()) == len(sink.counts()) == ROWS
        assert Delivery.objects.values("worker").distinct().count() == 2


def test_parallel_lines(tmp_path):
    with running_sink(tmp_path, "--pipelining") as sink:
        connection(sink.port, pool_size=3)
        plan_many(200)
        assert start_worker("send_after_handover").wait(timeout=60) == -signal.SIGKILL
        finish()
        assert_nobody_twice(sink, 200, most_unknown=WINDOW * 3)


def test_the_server_goes_away_in_mid_send(tmp_path):
    with running_sink(tmp_path, "--pipelining") as sink:
        connection(sink.port)
        plan_many(ROWS)
        worker = start_worker(until_idle=False)
        try:
            wait_for(lambda: len(sink.received()) > ROWS // 4, worker)
            sink.stop()
            wait_for(lambda: Connection.objects.filter(failures__gte=2).exists(), worker)
            time.sleep(AWAY)
            assert worker.poll() is None
            assert not Delivery.objects.filter(state="failed").exists()
            sink.start()
            wait_for(lambda: not Delivery.objects.exclude(state__in=FINAL_STATES).exists(), worker)
        finally:
            worker.kill()
            worker.wait()
        found = states()
        assert found.get("failed", 0) == 0
        assert found.get("unknown", 0) <= 1, "only the message whose answer was lost"
        assert found["sent"] >= ROWS - 1
        assert max(sink.counts().values()) == 1


def wait_for(is_true, worker: Worker) -> None:
    deadline = time.monotonic() + 120 + AWAY
    while not is_true():
        assert worker.poll() is None, "the worker died"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)
