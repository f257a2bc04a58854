"""The real server in front of the ASGI root: forms reach Django, events reach the inbox."""

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
from events.models import InboxEvent
from partners.services import create_api_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def address():
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD'] or ''}"
    url = f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    environment = os.environ | {"DATABASE_URL": url, "CDP_DEBUG": "1"}
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
