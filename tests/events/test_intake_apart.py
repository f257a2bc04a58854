"""What others do never delays an event: logins, refusals, waiting and bad events stand aside from the writer.

Each test holds the other's work until the good event has its answer; if they shared a thread it would never come.
"""

import asyncio
import base64
import json
import threading
from datetime import UTC, datetime

import pytest
from django.db.models import Sum

from events.intake import accept, app, diary, processed
from events.intake.app import IntakeApp
from events.models import InboxEvent, RejectedEvent, TypeHour
from events.services.processing import process_lane
from events.services.registry import forget_cache
from partners import credentials
from partners.services import cache, create_api_key
from tests.events.inbox import event_type

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
GOOD = {"eventTypeKey": "PageRead", "params": [{"name": "Email", "value": "a@x.io"}]}
BAD = {"eventTypeKey": "PageRead", "params": []}
LONGEST = 60


@pytest.fixture(autouse=True)
def _fresh(settings):
    settings.API_RATE_LIMITS = False
    cache.clear()
    forget_cache()
    accept._rules.read_at = float("-inf")


@pytest.fixture
def key():
    return create_api_key(name="shop", rights=["full"], now=NOW)[1]


async def ask(intake: IntakeApp, body, password: str, **headers: str) -> tuple[int, dict[str, str]]:
    """One event request: status and headers of the answer."""
    data = json.dumps(body).encode()
    login = base64.b64encode(f"any:{password}".encode()).decode()
    sent = {"authorization": f"Basic {login}", "content-type": "application/json"} | headers

    async def receive():
        return {"type": "http.request", "body": data, "more_body": False}

    messages = []

    async def answer(message):
        messages.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/v2/event",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    async with asyncio.timeout(LONGEST):
        await intake(scope, receive, answer)
    return messages[0]["status"], {name.decode(): value.decode() for name, value in messages[0]["headers"]}


def play(scene):
    """Run a scene with a fresh application."""

    async def run():
        intake = IntakeApp()
        try:
            return await scene(intake)
        finally:
            await intake.close()

    return asyncio.run(run())


class Held:
    """A function that waits until it is let go; `entered` tells that it is inside."""

    def __init__(self, function):
        self.function = function
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, *arguments, **values):
        self.entered.set()
        assert self.go.wait(LONGEST)
        return self.function(*arguments, **values)

    async def inside(self):
        while not self.entered.is_set():
            await asyncio.sleep(0)


def test_a_login_that_is_checked_delays_no_event(key, monkeypatch):
    held = Held(lambda **_: None)
    monkeypatch.setattr(credentials, "authenticate_user", held)
    monkeypatch.setattr(credentials.gate, "sleep", lambda _: None)

    async def scene(intake):
        crowd = [asyncio.create_task(ask(intake, GOOD, f"guess {number}")) for number in range(10)]
        await held.inside()
        good = [(await ask(intake, GOOD, key))[0] for _ in range(5)]
        cache._began = float("-inf")  # a key's second is over: it is read again
        good.append((await ask(intake, GOOD, key))[0])
        held.go.set()
        return good, sorted([(await task)[0] for task in crowd])

    good, crowd = play(scene)
    assert good == [200] * 6
    assert crowd == [401] * 2 + [429] * 8


def test_refusals_that_are_written_delay_no_event(key, monkeypatch):
    held = Held(diary.keep_refusals)
    monkeypatch.setattr(diary, "keep_refusals", held)
    monkeypatch.setattr(diary, "WRITE_EVERY", 0.0)

    async def scene(intake):
        assert (await ask(intake, BAD, key))[0] == 400
        await held.inside()
        status, _ = await ask(intake, GOOD, key)
        held.go.set()
        return status

    assert play(scene) == 200
    assert RejectedEvent.objects.get().code == "identity_missing"


def test_of_a_flood_of_refusals_samples_are_kept_and_all_are_counted(key, monkeypatch):
    kinds = [event_type("PageRead"), event_type("Paid")]
    monkeypatch.setattr(diary, "MOST_OF_TYPE", 3)
    monkeypatch.setattr(diary, "MOST_KEPT", 5)
    monkeypatch.setattr(diary.Diary, "clock", staticmethod(lambda: 60.0))

    async def scene(intake):
        for number in range(20):
            assert (await ask(intake, BAD | {"eventTypeKey": kinds[number // 10].key}, key))[0] == 400
        first = list(intake.diary._waiting)
        monkeypatch.setattr(diary.Diary, "clock", staticmethod(lambda: 120.0))
        assert (await ask(intake, BAD, key))[0] == 400
        return len(first)

    assert play(scene) <= 5
    assert (
        sorted(RejectedEvent.objects.values_list("event_type_key", flat=True))
        == ["PageRead"] * 4 + ["Paid"] * 2
    )
    counted = dict(TypeHour.objects.values_list("event_type_id").annotate(Sum("rejected")))
    assert counted == {kinds[0].pk: 11, kinds[1].pk: 10}


def test_who_waits_for_processing_delays_no_event(key, monkeypatch):
    held = Held(processed._left)
    monkeypatch.setattr(processed, "_left", held)

    async def scene(intake):
        waiting = [asyncio.create_task(ask(intake, GOOD, key, prefer="wait=10")) for _ in range(5)]
        await held.inside()
        good, _ = await ask(intake, GOOD, key)
        await asyncio.to_thread(process_lane, 0, limit=100, now=datetime.now(UTC))
        held.go.set()
        return good, [(await task)[0] for task in waiting]

    assert play(scene) == (200, [200] * 5)
    assert not InboxEvent.objects.exists()


def test_waiting_ends_when_its_time_is_up(key):
    async def scene(intake):
        return (await ask(intake, GOOD, key, prefer="wait=1"))[0], intake.processed._waiting

    assert play(scene) == (200, {})
    assert InboxEvent.objects.count() == 1


def test_a_body_that_breaks_off_is_no_event(key):
    async def scene(intake):
        parts = iter(
            [
                {"type": "http.request", "body": json.dumps(GOOD).encode(), "more_body": True},
                {"type": "http.disconnect"},
            ]
        )

        async def receive():
            return next(parts)

        login = "Basic " + base64.b64encode(f":{key}".encode()).decode()
        scope = {
            "type": "http", "method": "POST", "path": "/api/v2/event", "headers": [(b"authorization", login.encode())],
        }  # fmt: skip
        return (await intake.answer(scope, receive))[0]

    assert play(scene) == 400
    assert not InboxEvent.objects.exists()


def test_a_fault_of_ours_is_told_as_one(key, monkeypatch):
    monkeypatch.setattr(app, "read_single", lambda *_, **__: 1 / 0)

    async def scene(intake):
        return await ask(intake, GOOD, key)

    status, headers = play(scene)
    assert (status, headers["content-type"]) == (500, "application/json;charset=UTF-8")
