"""Events the whole way: batches over HTTP to the real server, the real worker running, until they are in the store.

Figures, in this order:

- `batch`: events/s accepted through the batch route, 100 events a request with an `eventId` each, no worker running,
  against requests/s of the no-op server, one event a request.
- `sustained`: events stored a second, from the first request until the inbox is empty, against COPY in batches of 1 000
  into the same indexed, partitioned table. Target: a ratio of at least 0.1.
- `visible_p50`, `visible_p95`: milliseconds from the reply of a single event, on the idle system, until SQL sees it in the
  store with a contact made for it. The limit is the target of 1 s, so a ratio below 1 is good.
"""

import http.client
import json
import random
import statistics
import subprocess
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import connection

from bench.accept import ROOT, environment, load, served
from bench.rounds import Result, measure
from bench.store import StoreBench
from partners.services import create_api_key

SIZES = {"small": 30_000, "full": 300_000}
BATCH = 100
CONNECTIONS = 16
VISIBLE_EVENTS = 200
VISIBLE_TARGET = 1_000.0
DRAIN_SECONDS = 600.0
SEEN = """
SELECT EXISTS (
    SELECT 1 FROM events_event e JOIN contacts_contact c ON c.id = e.person_id WHERE e.id = %s AND c.external_id = %s
)
"""


def run(*, rounds: int, size: str) -> list[Result]:
    _, key = create_api_key(name="bench-sustained", rights=["full"], now=datetime.now(UTC))
    bench = StoreBench(SIZES[size])
    with served("bench.noop:application") as noop, served("cdp.asgi:application") as product:
        send(product, key, 5_000)  # the type is known, statements are prepared
        accepted = measure(
            "batch",
            limit=lambda: load(noop, key, SIZES[size] // 3),
            product=lambda: accept(bench, product, key),
            rounds=rounds,
            unit="events/s (limit: requests/s)",
            size=size,
        )
    with served("cdp.asgi:application") as product, working():
        sustain(bench, product, key)  # the worker has its connections and plans
        stored = measure(
            "sustained",
            limit=bench.limit,
            product=lambda: sustain(bench, product, key),
            rounds=rounds,
            unit="events/s",
            size=size,
        )
        bench.reset()
        seen = [visibility(product, key) for _ in range(rounds)]
    return [
        accepted,
        stored,
        in_milliseconds("visible_p50", [statistics.median(delays) for delays in seen], size),
        in_milliseconds("visible_p95", [statistics.quantiles(delays, n=20)[18] for delays in seen], size),
    ]


@contextmanager
def working() -> Iterator[None]:
    """Run the worker of the live path, as `manage.py up` does."""
    command = [sys.executable, str(ROOT / "manage.py"), "work", "fast"]
    worker = subprocess.Popen(command, env=environment(), cwd=ROOT)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


def send(port: int, key: str, count: int) -> tuple[float, float]:
    """Send `count` events in batches; when the first request left and how many seconds all took."""
    words = [str(port), "/api/v2/events/batch", key, str(CONNECTIONS), str(count // BATCH), str(BATCH)]
    command = [sys.executable, "-m", "bench.load", *words]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    if found["statuses"] != {"200": count // BATCH}:
        raise RuntimeError(f"not every batch was accepted: {found['statuses']}")
    return float(found["started"]), float(found["seconds"])


def reset(bench: StoreBench) -> None:
    bench.reset()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE events_dedupkey")


def accept(bench: StoreBench, port: int, key: str) -> float:
    """Events accepted a second; they stay in the inbox."""
    reset(bench)
    _, seconds = send(port, key, bench.count)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT event_id) FROM events_inboxevent")
        if cursor.fetchone() != (bench.count, bench.count):
            raise RuntimeError("an accepted event is missing, or is there twice")
    bench.reset()
    return bench.count / seconds


def sustain(bench: StoreBench, port: int, key: str) -> float:
    """Events stored a second, sending included."""
    reset(bench)
    started, _ = send(port, key, bench.count)
    until("SELECT NOT EXISTS (SELECT 1 FROM events_inboxevent)", (), time.monotonic() + DRAIN_SECONDS, 0.02)
    rate = bench.count / (time.monotonic() - started)
    bench.verify()
    return rate


def until(statement: str, values: tuple[str, ...], deadline: float, pause: float) -> None:
    """Ask until the database says yes."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement, values)
            if cursor.fetchone()[0]:
                return
            if time.monotonic() > deadline:
                raise RuntimeError("events do not reach the store")
            time.sleep(pause)


def visibility(port: int, key: str) -> list[float]:
    """Milliseconds until each of some single events, of people never seen before, is visible."""
    headers = {
        "Authorization": "Basic " + b64encode(f"bench:{key}".encode()).decode(),
        "Content-Type": "application/json",
    }
    client = http.client.HTTPConnection("127.0.0.1", port)
    chance = random.Random(1)
    found = []
    for _ in range(VISIBLE_EVENTS):
        time.sleep(chance.random() * 0.2)  # the worker has gone back to waiting
        person = f"seen-{uuid.uuid4()}"
        body = {"eventTypeKey": "Bench", "params": [{"name": "externalCustomerId", "value": person}]}
        client.request("POST", "/api/v2/event", json.dumps(body), headers)
        reply = client.getresponse()
        reply.read()
        if reply.status != 200:
            raise RuntimeError(f"an event was answered {reply.status}")
        answered = time.monotonic()
        until(SEEN, (str(reply.headers["x-event-id"]), person), answered + 30, 0.002)
        found.append((time.monotonic() - answered) * 1000)
    client.close()
    return found


def in_milliseconds(name: str, values: list[float], size: str, target: float = VISIBLE_TARGET) -> Result:
    ratios = [value / target for value in values]
    return Result(
        name=name, product=statistics.median(values), limit=target, ratio=statistics.median(ratios),
        ratio_min=min(ratios), ratio_max=max(ratios), unit="ms", rounds=len(values), size=size,
    )  # fmt: skip
