"""The engine that moves accepted events into the store."""

import time
from datetime import datetime

from django.conf import settings
from django.db import connection

from cdp.engine import Engine, register
from events.models import NobodyWipe
from events.services.nobody import ENGINE, forget_nobody
from events.services.processing import process_lane

BATCH = 2_000
LARGEST_BATCH = 10_000
SLICE_SECONDS = 1.5


class EventProcessing(Engine):
    """Works the inbox lanes in turn; a full batch makes the next one bigger, which cuts a backlog."""

    name = "events"
    group = "fast"

    def work(self, now: datetime) -> int:
        started = time.monotonic()
        total = 0
        limit = BATCH
        while time.monotonic() - started < SLICE_SECONDS:
            counts = [process_lane(lane, limit=limit, now=now) for lane in range(settings.EVENT_LANES)]
            total += sum(counts)
            if not any(counts):
                break
            limit = LARGEST_BATCH if max(counts) >= limit else BATCH
        return total

    def backlog(self) -> tuple[int, datetime | None]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM (SELECT 1 FROM events_inboxevent LIMIT 100000) waiting")
            [count] = cursor.fetchone()
            cursor.execute("SELECT received_at FROM events_inboxevent ORDER BY id LIMIT 1")
            oldest = cursor.fetchone()
        return count, oldest[0] if oldest else None


class EventErasures(Engine):
    """Looks through the events of nobody for what erased people left there."""

    name = ENGINE
    group = "bulk"

    def work(self, now: datetime) -> int:
        return forget_nobody(now=now)

    def backlog(self) -> tuple[int, datetime | None]:
        waiting = NobodyWipe.objects.order_by("created_at").values_list("created_at", flat=True)[:1_000]
        return len(waiting), waiting[0] if waiting else None


def register_all() -> None:
    register(EventErasures())
    register(EventProcessing())
