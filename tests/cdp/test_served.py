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
from django.conf import global_settings
from django.contrib.auth import get_user_model
from django.db import connection

from cdp.local.processes import free_port
from events.models import EventType, InboxEvent
from partners.services import create_api_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
ROOT = Path(__file__).resolve().parent.parent.parent


class Server:
    """One `manage.py serve` on the test's database; `log` is what it wrote."""

    def __init__(self, log: Path, *words: str, **variables: str) -> None:
        database = connection.settings_dict
        login = f"{database['USER']}:{database['PASSWORD'] or ''}"
        url = f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
        environment = os.environ | {"DATABASE_URL": url, "CDP_DEBUG": "1", "API_RATE_LIMITS": "0"} | variables
        self.log = log
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "manage.py", "serve", "--port", str(self.port), *words],
                env=environment, cwd=ROOT, stdout=output, stderr=output,
            )  # fmt: skip
        for _ in range(600):
            try:
                if httpx.get(f"{self.address}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail(log.read_text())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(*words: str, **variables: str) -> Server:
        servers.append(Server(tmp_path / f"server-{len(servers)}.log", *words, **variables))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def address(serve):
    return serve().address


def test_a_person_signs_in_and_an_event_is_accepted(address, settings):
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # those of the server
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


PERSONAL = ("olena", "kovalenko", "shop.example", "380501112233", "501112233", "bad-at")


def test_logs_hold_nobody_s_data(serve):
    """Good and bad requests about a person at the lowest level: the log names none of it, nor the key."""
    server = serve(CDP_LOG_LEVEL="DEBUG")
    _, key = create_api_key(name="shop", rights=["full"], now=datetime.now(UTC))
    email, phone = "Olena@shop.example", "380501112233"
    person = {"firstName": "Olena", "lastName": "Kovalenko", "channels": [{"type": "email", "value": email}]}
    bodies = [
        ("v1/contact", person),
        ("v1/contact", person | {"channels": [{"type": "sms", "value": f"{phone}99999"}]}),
        ("v1/contact", person | {"channels": [{"type": "email", "value": "bad-at@"}]}),
        ("v1/contact", person | {"firstName": "Olena" * 20}),
        ("v1/contacts", {"contacts": [person, person | {"timeZone": "Olena"}]}),
        ("v1/contact/subscribe", {"contact": person}),
        ("v2/event", {"eventTypeKey": "Seen", "params": {"email": email, "phone": phone}}),
        ("v2/event", {"eventTypeKey": "Seen", "params": {"email": "bad-at@", "name": "Olena\0"}}),
        ("v2/event", {"eventTypeKey": "Seen", "params": {"city": "Olena"}}),
        (
            "v2/event",
            {"eventTypeKey": "Seen", "keyValue": email, "params": {"contactJson": {"sms": "bad-at"}}},
        ),
        ("v2/events/batch", {"events": [{"eventTypeKey": "Seen", "keyValue": f"{phone};"}]}),
    ]
    with httpx.Client(base_url=f"{server.address}/api/", auth=("any", key)) as client:
        statuses = [client.post(path, json=body).status_code for path, body in bodies]
        assert set(statuses) == {200, 400}
        statuses = [
            client.post("v1/contact", content=f'{{"email": "{email}"'.encode()).status_code,
            client.get("v1/contacts", params={"email": email, "firstname": "Olena"}).status_code,
            client.get("v1/contact/7777777").status_code,
            client.post("v2/event", content=b"{}", auth=(email, "Kovalenko")).status_code,
        ]
        assert statuses == [400, 200, 404, 401]
    server.stop()
    said = server.log.read_text().lower()
    assert '"level": "debug"' in said
    assert [word for word in (*PERSONAL, key.lower()) if word in said] == []


def test_a_process_of_one_role(serve):
    _, key = create_api_key(name="shop", rights=["full"], now=datetime.now(UTC))
    event = {"eventTypeKey": "Seen", "keyValue": "k", "params": []}
    found = {}
    for role in ("intake", "web"):
        with httpx.Client(base_url=serve("--role", role).address, auth=("any", key)) as client:
            found[role] = [
                client.post("/api/v2/event", json=event).status_code,
                client.post("/api/v2/events/batch", json={"events": [event]}).status_code,
                client.get("/api/v1/version").status_code,
                client.get("/admin/login/").status_code,
                client.get("/readyz").status_code,
                client.get("/metrics").status_code,
            ]
    assert found == {"intake": [200, 200, 404, 404, 200, 200], "web": [200] * 6}
    assert InboxEvent.objects.count() == 4
