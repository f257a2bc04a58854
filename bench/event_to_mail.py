"""From an event to what it causes, idle, one in flight: the real server and worker, and a mail server that listens.

Figures, in milliseconds from the reply to the event, of people never seen before:

- `event_to_member_p50`, `event_to_member_p95`: until a live segment of those with such an event counts one more. The limit
  is the target of 200 ms, so a ratio below 1 is good.
- `event_to_mail_p50`, `event_to_mail_p95`: the event starts a workflow, its condition asks for a live segment, its block
  sends a message; until the mail server has the whole letter. The limit is the target of 1 s.
- `event_to_mail_commits`: p95 of the mail against the p95 of a bare commit's round trip in the same run.
"""

import asyncio
import http.client
import json
import queue
import random
import statistics
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from bench.accept import served
from bench.mailsink import Session
from bench.rounds import Result
from bench.sustained import in_milliseconds, working
from events.models import EventType
from messaging.models import Connection, Message, Sender, SenderState
from messaging.services.connections import make_default, make_default_sender
from messaging.services.content import save_message
from partners.services import create_api_key
from segments.services.builds import work_build
from segments.services.definitions import create_segment
from workflows.services.editing import create_workflow
from workflows.services.operating import activate

SAMPLES = 200
WARM_UP = 20
MAILED, COUNTED = "BenchCart", "BenchVisit"
MEMBER_TARGET = 200.0
SOURCE = "<p>{{ contact.email }}: {{ event.total }} in your cart. <a href='https://shop.example/cart'>To the cart</a></p>"
ARRIVAL_SECONDS = 30.0

Wait = Callable[[str], Callable[[], float]]  # the person's address → waits, and answers when it was


class Listening(Session):
    """Notes each letter and when it came."""

    letters: "queue.SimpleQueue[tuple[float, bytes]]" = queue.SimpleQueue()

    def take(self, letter: bytes) -> None:
        super().take(letter)
        self.letters.put((time.monotonic(), letter))


def run(*, rounds: int, size: str) -> list[Result]:
    _, key = create_api_key(name="bench-mail", rights=["full"], now=datetime.now(UTC))
    counted = prepare(listen())
    members, mails, commits = [], [], []
    with served("cdp.asgi:application") as product, working():
        client = Client(product, key)
        client.measure(MAILED, WARM_UP, arrival)
        client.measure(COUNTED, WARM_UP, membership(counted))
        for _ in range(rounds):
            members.append(client.measure(COUNTED, SAMPLES, membership(counted)))
            mails.append(client.measure(MAILED, SAMPLES, arrival))
            commits.append(commit_round_trips())
    late, bare = [p95(found) for found in mails], [p95(found) for found in commits]
    ratios = [mail / commit for mail, commit in zip(late, bare, strict=True)]
    return [
        in_milliseconds(
            "event_to_member_p50", [statistics.median(found) for found in members], size, MEMBER_TARGET
        ),
        in_milliseconds("event_to_member_p95", [p95(found) for found in members], size, MEMBER_TARGET),
        in_milliseconds("event_to_mail_p50", [statistics.median(found) for found in mails], size),
        in_milliseconds("event_to_mail_p95", late, size),
        Result(
            name="event_to_mail_commits", product=statistics.median(late), limit=statistics.median(bare),
            ratio=statistics.median(ratios), ratio_min=min(ratios), ratio_max=max(ratios), unit="ms", rounds=rounds, size=size,
        ),
    ]  # fmt: skip


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18]


def listen() -> int:
    """Serve SMTP in a thread; the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Listening, "127.0.0.1", 0))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return int(server.sockets[0].getsockname()[1])


def prepare(port: int) -> int:
    """Everything the events meet; the segment whose members are counted."""
    now = datetime.now(UTC)
    options = {"host": "127.0.0.1", "port": port, "tls": "none"}
    make_default(Connection.objects.create(name="bench", kind="smtp", options=options))
    sender = Sender.objects.create(name="Shop", address="news@shop.example", state=SenderState.CONFIRMED)
    make_default_sender(sender)
    for kind in (MAILED, COUNTED):
        EventType.objects.create(key=kind, name=kind, use_for_segmentation=True, created_at=now)
    text = {"subject": "Your cart", "preheader": "", "format": "html", "source": SOURCE, "text": ""}
    saved = save_message(message=Message(name="Bench"), content={"en": text}, now=now)
    if saved.faults:
        raise RuntimeError(f"the message has faults: {saved.faults}")
    asked, counted = (
        create_segment(name=kind, definition=recent(kind), actor="bench", now=now)
        for kind in (MAILED, COUNTED)
    )
    while work_build(now=now):
        pass
    made = create_workflow(
        name="Bench", document=document(asked.pk, saved.message.pk), actor="bench", now=now
    )
    activate(made.workflow.pk, actor="bench", now=now)
    return counted.pk


def recent(kind: str) -> dict[str, Any]:
    window = {"type": "last", "amount": 30, "unit": "day"}
    leaf = {"kind": "event", "event": kind, "window": window}
    return {"version": 1, "include": {"op": "and", "items": [leaf]}}


def document(segment: int, message: int) -> dict[str, Any]:
    nodes = [
        {"id": "start", "type": "start"},
        {"id": "in", "type": "condition.in_segment", "data": {"params": {"segment": {"ref": "segment", "id": segment}}}},
        {"id": "mail", "type": "message.email", "data": {"params": {"message": {"ref": "message", "id": message}}}},
        {"id": "end", "type": "end"},
    ]  # fmt: skip
    ways = [("start", "next", "in"), ("in", "yes", "mail"), ("in", "no", "end"), ("mail", "next", "end")]
    edges = [{"id": f"e{n}", "source": a, "sourceHandle": h, "target": b} for n, (a, h, b) in enumerate(ways)]
    start = {"kind": "event", "event": {"type": MAILED}}
    return {"name": "Bench", "start": start, "nodes": nodes, "edges": edges}


class Client:
    """Sends events to the server, one at a time."""

    def __init__(self, port: int, key: str) -> None:
        login = b64encode(f"bench:{key}".encode()).decode()
        self.headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def measure(self, kind: str, count: int, wait: Wait) -> list[float]:
        """Milliseconds from the reply to each event until what `wait` waits for; it is called before the event leaves."""
        chance = random.Random(1)
        found = []
        for _ in range(count):
            time.sleep(0.05 + chance.random() * 0.2)  # the worker has gone back to waiting
            address = f"{uuid.uuid4()}@example.com"
            came = wait(address)
            params = [{"name": "email", "value": address}, {"name": "total", "value": 120}]
            body = json.dumps({"eventTypeKey": kind, "params": params})
            self.connection.request("POST", "/api/v2/event", body, self.headers)
            reply = self.connection.getresponse()
            reply.read()
            if reply.status != 200:
                raise RuntimeError(f"an event was answered {reply.status}")
            answered = time.monotonic()
            found.append(max(came() - answered, 0) * 1000)
        return found


def arrival(address: str) -> Callable[[], float]:
    def came() -> float:
        at, letter = Listening.letters.get(timeout=ARRIVAL_SECONDS)
        if address.encode() not in letter:
            raise RuntimeError("another letter came than the one this event asks for")
        return at

    return came


def membership(segment: int) -> Wait:
    def wait(_address: str) -> Callable[[], float]:
        wanted = members_of(segment) + 1

        def came() -> float:
            deadline = time.monotonic() + ARRIVAL_SECONDS
            while members_of(segment) < wanted:
                if time.monotonic() > deadline:
                    raise RuntimeError("nobody becomes a member")
                time.sleep(0.002)
            return time.monotonic()

        return came

    return wait


def members_of(segment: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(count), 0) FROM segments_segmentchunk WHERE segment_id = %s", [segment]
        )
        return int(cursor.fetchone()[0])


def commit_round_trips() -> list[float]:
    """Milliseconds of bare commits."""
    found = []
    with connection.cursor() as cursor:
        for _ in range(SAMPLES):
            started = time.monotonic()
            with transaction.atomic():
                cursor.execute("UPDATE cdp_account SET currency = currency")
            found.append((time.monotonic() - started) * 1000)
    return found
