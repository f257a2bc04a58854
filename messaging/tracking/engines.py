"""The engine that turns hits into activity."""

import time
from datetime import datetime

from django.db import connection

from cdp.engine import Engine, register
from messaging.services.hits import BATCH, forget_hits, process_hits

SLICE_SECONDS = 1.5
FORGET_EVERY = 60.0


class MessageHits(Engine):
    """Works waiting hits, oldest first; once a minute forgets those whose verdict is final."""

    name = "message_hits"
    group = "fast"

    def __init__(self) -> None:
        self.forgot_at = float("-inf")

    def work(self, now: datetime) -> int:
        started = time.monotonic()
        total = 0
        while time.monotonic() - started < SLICE_SECONDS:
            handled = process_hits(now=now, limit=BATCH)
            total += handled
            if not handled:
                break
        if time.monotonic() - self.forgot_at > FORGET_EVERY:
            forget_hits(now=now)
            self.forgot_at = time.monotonic()
        return total

    def backlog(self) -> tuple[int, datetime | None]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), min(at) FROM (SELECT at FROM messaging_hit WHERE processed_at IS NULL "
                "ORDER BY id LIMIT 100000) waiting"
            )
            count, oldest = cursor.fetchone()
        return count, oldest


def register_all() -> None:
    register(MessageHits())
