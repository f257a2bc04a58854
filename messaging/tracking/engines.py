"""Engines of what comes back: hits on links, notices of providers and bounce mail, bounce mailboxes."""

import time
from datetime import UTC, datetime

from django.db import connection
from django.db.models import Count, Min

from cdp.engine import Engine, register
from messaging.models import BounceMailbox, InboundNotice, NoticeState
from messaging.services.hits import BATCH, forget_hits, process_hits
from messaging.services.mailboxes import poll_mailboxes
from messaging.services.notices import process_notices

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


class MessageNotices(Engine):
    """Works webhooks and bounce mail."""

    name = "message_notices"
    group = "fast"

    def work(self, now: datetime) -> int:
        return process_notices(now=now)

    def backlog(self) -> tuple[int, datetime | None]:
        found = InboundNotice.objects.filter(state=NoticeState.WAITING).aggregate(
            count=Count("pk"), oldest=Min("received_at")
        )
        return found["count"], found["oldest"]


class BounceMailboxes(Engine):
    """Looks into bounce mailboxes that are due."""

    name = "bounce_mailboxes"
    group = "bulk"

    def work(self, now: datetime) -> int:
        return poll_mailboxes(now=now)

    def backlog(self) -> tuple[int, datetime | None]:
        due = BounceMailbox.objects.filter(is_enabled=True, next_poll_at__lte=datetime.now(UTC))
        found = due.aggregate(count=Count("pk"), oldest=Min("next_poll_at"))
        return found["count"], found["oldest"]


def register_all() -> None:
    for engine in (MessageHits(), MessageNotices(), BounceMailboxes()):
        register(engine)
