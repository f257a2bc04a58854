"""The real server in front of the ASGI root: forms reach Django, events reach the inbox."""

import asyncio
import base64
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from cdp.local.processes import free_port
from events.models import EventType, InboxEvent
from partners.services import create_api_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def address():
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD'] or ''}"
    url = f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    environment = os.environ | {"DATABASE_URL": url, "CDP_DEBUG": "1", "API_RATE_LIMITS": "0"}
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, ROOT / "manage.py", "serve", "--port", str(port)], env=environment, cwd=ROOT
    )
    for _ in range(200):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(30)


def test_a_person_signs_in_and_an_event_is_accepted(address):
    get_user_model().objects.create_superuser("ann", "ann@example.com", "a long secret")
    _, key = create_api_key(name="shop", rights=["events"], now=datetime.now(UTC))
    with httpx.Client(base_url=address, follow_redirects=True) as client:
        client.get("/admin/login/")
        token = client.cookies["csrftoken"]
        form = {
            "csrfmiddlewaretoken": token,
            "username": "ann",
            "password": "a long secret",
            "next": "/admin/",
        }
        home = client.post("/admin/login/", data=form, headers={"Referer": f"{address}/admin/login/"})
        assert (home.status_code, home.url.path) == (200, "/admin/")
        event = {"eventTypeKey": "Seen", "keyValue": "k", "params": []}
        reply = client.post("/api/v2/event/", json=event, auth=("any", key))
        assert (reply.status_code, reply.content, reply.headers["x-event-status"]) == (200, b"", "accepted")
    assert str(InboxEvent.objects.get().event_id) == reply.headers["x-event-id"]


def bad_requests(key, number):
    """(login, path, headers, body) of requests that each break a rule, and the status each must get."""
    nothing, batch = "/api/v2/event", "/api/v2/events/batch"
    event = b'{"eventTypeKey":"Seen","keyValue":"bad","params":[{"name":"x","value":%s}]}'
    right = ("any", key)
    return [
        (right, nothing, {}, b"{", 400),
        (right, nothing, {}, event % b'"a\\u0000b"', 400),
        (right, nothing, {}, event % b'"\\ud800"', 400),
        (right, nothing, {}, event % b"1e1300", 400),
        (right, nothing, {}, event % (b"[" * 4_000), 400),
        (right, nothing, {}, b'{"eventTypeKey":"a<b","keyValue":"bad"}', 400),
        (right, nothing, {}, b'{"eventTypeKey":"New%d","params":[]}' % number, 400),
        (right, nothing, {}, event % (b'"' + b"y" * 21_000 + b'"'), 413),
        (right, nothing, {"Content-Type": "text/plain"}, b"x", 415),
        (right, nothing, {"Content-Encoding": "gzip"}, b"x", 400),
        (right, batch, {}, b'{"events":5}', 400),
        (("", f"WRONG{number}"), nothing, {}, event % b"1", 401),
    ]


def test_bad_senders_break_no_good_ones(address):
    """Good and bad requests at the same time on the real server: every good event is there once, and no bad one."""
    _, key = create_api_key(name="shop", rights=["full"], now=datetime.now(UTC))
    failed: list[str] = []

    async def good(client, sender):
        for number in range(40):
            word = f"{sender}-{number}"
            body = {"eventTypeKey": "Seen", "keyValue": word, "params": [], "eventId": word}
            reply = await client.post("/api/v2/event", json=body, auth=("any", key))
            if (reply.status_code, reply.headers.get("x-event-status")) != (200, "accepted"):
                failed.append(f"good {word}: {reply.status_code} {reply.text}")

    async def bad(client, sender):
        for number in range(6):
            for login, path, headers, body, status in bad_requests(key, number):
                sent = {"Content-Type": "application/json"} | headers
                reply = await client.post(path, content=body, auth=login, headers=sent)
                if reply.status_code != status:
                    failed.append(f"bad {body[:60]!r}: {reply.status_code}, not {status}")

    async def everybody():
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            senders = [job(client, sender) for sender in range(8) for job in (good, bad)]
            await asyncio.gather(*senders)

    asyncio.run(everybody())
    assert failed == []
    sent = {f"{sender}-{number}" for sender in range(8) for number in range(40)}
    assert sorted(InboxEvent.objects.values_list("key_value", flat=True)) == sorted(sent)
    assert set(EventType.objects.filter(origin="auto").values_list("key", flat=True)) == {"Seen"}


def test_replies_go_out_as_recorded(address):
    _, key = create_api_key(name="shop", rights=["full"], now=datetime.now(UTC))
    login = base64.b64encode(f":{key}".encode()).decode()
    port = int(address.rpartition(":")[2])

    def raw(method: str, path: str, body: bytes = b"") -> bytes:
        lines = [f"{method} /api/{path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Basic {login}"]
        lines += [
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.sendall("\r\n".join(lines).encode() + body)
            return b"".join(iter(lambda: wire.recv(65536), b""))

    assert b"\r\nTotalCount: 0\r\n" in raw("GET", "v1/contacts", b"[]")
    event = raw("POST", "v1/event", b'{"eventTypeKey":"seen","keyValue":"k","params":[]}')
    assert event.startswith(b"HTTP/1.1 200 ")
    assert event.endswith(b"\r\n\r\n")
    assert b"content-length: 0\r\n" in event.lower()
    assert b"\r\ncontent-type:" not in event.lower()
    made = raw("POST", "v1/contact/", b'{"externalCustomerId":"7"}')
    assert b"content-type: application/json;charset=utf-8" in made.lower()
    gone = raw("DELETE", "v1/contact", b'{"externalCustomerId":"7"}')
    assert gone.startswith(b"HTTP/1.1 200 ")
    assert b"\r\ncontent-type:" not in gone.lower()
