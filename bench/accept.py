"""Accept single events over HTTP: key check, limits, validation and commit, against a no-op of the same server."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection

from bench.rounds import Result, measure
from cdp.management.commands.serve import server as server_command
from partners.services import create_api_key

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"small": 10_000, "full": 60_000}
CONNECTIONS = 64


def run(*, rounds: int, size: str) -> list[Result]:
    _, key = create_api_key(name="bench", rights=["full"], now=datetime.now(UTC))
    count = SIZES[size]
    with served("bench.noop:application") as noop, served("cdp.asgi:application") as product:

        def limit() -> float:
            return load(noop, key, count)

        def accept() -> float:
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE events_inboxevent")
            rate = load(product, key, count)
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*), count(DISTINCT event_id) FROM events_inboxevent")
                if cursor.fetchone() != (count, count):
                    raise RuntimeError("an acknowledged event is missing, or is there twice")
            return rate

        load(product, key, 500)  # the type exists, statements are prepared
        return [measure("accept", limit=limit, product=accept, rounds=rounds, unit="requests/s", size=size)]


def environment() -> dict[str, str]:
    """What a process of the product needs to work on this program's database."""
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD'] or ''}"
    url = f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    return os.environ | {"DATABASE_URL": url, "API_RATE_LIMITS": "0", "PYTHONPATH": str(ROOT)}


@contextmanager
def served(application: str) -> Iterator[int]:
    """Serve an ASGI application as `manage.py serve` does, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = server_command(application, host="127.0.0.1", port=port)
    server = subprocess.Popen(command, env=environment(), cwd=ROOT)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def load(port: int, key: str, count: int) -> float:
    """Requests a second of `count` requests; every one must be answered 200."""
    command = [
        sys.executable,
        "-m",
        "bench.load",
        str(port),
        "/api/v2/event",
        key,
        str(CONNECTIONS),
        str(count),
    ]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    if found["statuses"] != {"200": count}:
        raise RuntimeError(f"not every request was accepted: {found['statuses']}")
    return count / float(found["seconds"])
