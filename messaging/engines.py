"""Engines of this app: what is transactional or triggered is sent by the fast worker, campaigns by the bulk one."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import connection as database
from django.db.models import Min, Sum

from cdp.engine import Engine, register
from messaging.models import Campaign, CampaignState, Connection, Priority
from messaging.services import launching
from messaging.services.claims import reap
from messaging.services.sending import BATCH, SLICE_SECONDS, send_due

WAITING = """
SELECT count(*), min(not_before) FROM (
    SELECT not_before FROM messaging_delivery
    WHERE state = 'planned' AND priority = ANY(%s) AND connection_id = ANY(%s) AND not_before <= %s LIMIT 100000
) waiting
"""


class Sending(Engine):
    """Works every connection in turn; each slice first takes back what dead workers held."""

    def __init__(self, name: str, group: str, priorities: Sequence[int], batch: int) -> None:
        self.name = name
        self.group = group
        self.priorities = [int(priority) for priority in priorities]
        self.batch = batch

    def work(self, now: datetime) -> int:
        handled = reap(now=now)
        for connection in Connection.objects.filter(is_enabled=True).order_by("pk"):
            handled += send_due(connection, priorities=self.priorities, limit=self.batch, now=now)
        return handled

    def backlog(self) -> tuple[int, datetime | None]:
        ids = list(Connection.objects.values_list("pk", flat=True))
        with database.cursor() as cursor:
            cursor.execute(WAITING, [self.priorities, ids, datetime.now(UTC)])
            count, oldest = cursor.fetchone()
        return count, oldest


class Campaigns(Engine):
    """Starts, plans, watches, finishes and cancels campaigns."""

    name = "campaigns"
    group = "bulk"

    def work(self, now: datetime) -> int:
        started = time.monotonic()
        handled = launching.start_due(now=now) + launching.cancel_chunk(now=now)
        while time.monotonic() - started < SLICE_SECONDS:
            planned = launching.plan_chunk(now=now)
            handled += planned
            if not planned:
                break
        return handled + launching.watch_sending(now=now)

    def backlog(self) -> tuple[int, datetime | None]:
        waiting = Campaign.objects.filter(state=CampaignState.PREPARING)
        found = waiting.aggregate(
            all=Sum("audience_count"), done=Sum("planned_count"), oldest=Min("started_at")
        )
        return (found["all"] or 0) - (found["done"] or 0), found["oldest"]


def register_all() -> None:
    register(Sending("sending_fast", "fast", (Priority.TRANSACTIONAL, Priority.TRIGGERED), 100))
    register(Sending("sending", "bulk", (Priority.BULK,), BATCH))
    register(Campaigns())
