"""Killing the worker while it turns hits and notices into activity: counts are right after the restart, nothing twice."""

import random
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from contacts.models import Address
from messaging.models import Activity, Delivery, Hit, InboundNotice
from messaging.services.notices import keep_mails
from messaging.tracking.hits import NewHit, store_hits
from tests.messaging import test_kill_sending
from tests.messaging.mail import message, people
from tests.messaging.sent import CHROME
from tests.messaging.test_notices import mail

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ENGINES = '["message_hits", "message_notices"]'
COUNT = 60
NOW = datetime.now(UTC).replace(microsecond=0)


def start_worker(monkeypatch, crash_at: str = "", *, until_idle: bool = True):
    worker = test_kill_sending.WORKER.replace('["sending", "sending_fast"]', ENGINES)
    monkeypatch.setattr(test_kill_sending, "WORKER", worker)
    return test_kill_sending.start_worker(crash_at, until_idle=until_idle)


def accept() -> list[Delivery]:
    """For each delivery: an open, two clicks by a human, an open by a proxy; every tenth bounces as well."""
    made = message(now=NOW)
    month = NOW.date().replace(day=1)
    Delivery.objects.bulk_create(
        [
            Delivery(
                cause_month=month, cause_kind="campaign", cause_id=1, endpoint=f"p{n}@example.com", contact_id=contact_id,
                message_id=made.pk, revision_id=made.revision_id, language="en", state="sent", not_before=NOW,
                planned_at=NOW, handed_at=NOW - timedelta(minutes=9), sent_at=NOW,
            )
            for n, contact_id in enumerate(people(COUNT, now=NOW))
        ]
    )  # fmt: skip
    rows = list(Delivery.objects.order_by("id"))
    hits = []
    for row in rows:
        for seconds, kind, agent in (
            (-400, "o", CHROME),
            (-300, "c", CHROME),
            (-100, "c", CHROME),
            (-500, "o", "Mozilla/5.0"),
        ):
            at = NOW + timedelta(seconds=seconds)
            hits.append(
                NewHit(
                    at,
                    kind,
                    row.pk,
                    row.cause_month,
                    7 if kind == "c" else None,
                    "https://x.example",
                    agent,
                    None,
                    0,
                )
            )
    store_hits(hits)
    keep_mails(1, [mail("mailbox_full", row) for row in rows[::10]], now=NOW)
    return rows


def check(rows: list[Delivery]) -> None:
    assert not Hit.objects.filter(processed_at=None).exists()
    assert not InboundNotice.objects.filter(state="waiting").exists()
    counts = {
        (kind, machine): Activity.objects.filter(kind=kind, machine=machine).count()
        for kind, machine in (("opened", ""), ("opened", "privacy_proxy"), ("clicked", ""), ("error", ""))
    }
    assert counts == {
        ("opened", ""): COUNT, ("opened", "privacy_proxy"): COUNT, ("clicked", ""): 2 * COUNT, ("error", ""): COUNT / 10,
    }  # fmt: skip
    assert Delivery.objects.filter(opened_at=NOW - timedelta(seconds=400)).count() == COUNT
    assert Delivery.objects.filter(clicked_at=NOW - timedelta(seconds=300)).count() == COUNT
    assert Address.objects.filter(soft_errors=1, status="blocked").count() == COUNT / 10


@pytest.mark.parametrize(
    "point", ["hits_after_record", "hits_before_commit", "hits_after_commit", "notices_after_record"]
)
def test_killed_at_a_named_point(monkeypatch, point: str) -> None:
    rows = accept()
    assert start_worker(monkeypatch, point).wait(timeout=120) == -signal.SIGKILL
    assert start_worker(monkeypatch).wait(timeout=120) == 0
    check(rows)


def test_killed_at_random_again_and_again(monkeypatch) -> None:
    rows = accept()
    for _again in range(3):
        worker = start_worker(monkeypatch, until_idle=False)
        time.sleep(random.uniform(0.1, 1.5))
        worker.kill()
        worker.wait(timeout=10)
    assert start_worker(monkeypatch).wait(timeout=120) == 0
    check(rows)
