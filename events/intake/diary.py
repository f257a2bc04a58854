"""The diary of refused events: written together once a second, so that a sender of bad events delays nobody."""

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from cdp.api.errors import Refused
from events.intake.reading import CheckedEvent, encode_event
from events.intake.writer import Side
from events.services.refusals import Refusal, keep_refusals

log = structlog.get_logger(__name__)

MOST_OF_TYPE, MOST_KEPT = 20, 500  # bodies a minute, of one event type and at all; every refusal is counted
WRITE_EVERY = 1.0


@dataclass(slots=True)
class Sent:
    """What is known of a request when it is refused."""

    body: bytes = b""
    actor: str = ""
    type_key: str = ""

    def item(self, event: CheckedEvent | Refused) -> "Sent":
        """One event of a batch; of one that could not be read only the batch is known."""
        if isinstance(event, Refused):
            return self
        return Sent(encode_event(event), self.actor, event.type_key)

    def refusal(self, refused: Refused, *, now: datetime) -> Refusal:
        return Refusal(now, self.type_key, refused.code, refused.path, refused.message, self.body, self.actor)


class Diary:
    """Keeps refusals of at most a second in memory; of a flood it keeps samples and counts the rest."""

    clock = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.side = Side("intake-diary")
        self._waiting: list[Refusal] = []
        self._more: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()  # of this minute, by event type key
        self._minute = 0.0
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def finish(self) -> None:
        """Write what waits, now."""
        self._hurry.set()
        while self._task is not None and not self._task.done():
            await self._task

    def add(self, refused: Refused, sent: Sent) -> None:
        if self._has_room(sent.type_key):
            self._kept[sent.type_key] += 1
            self._waiting.append(sent.refusal(refused, now=datetime.now(UTC)))
        else:
            self._more[sent.type_key] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep())

    def _has_room(self, type_key: str) -> bool:
        minute = self.clock() // 60
        if minute != self._minute:
            self._minute, self._kept = minute, Counter()
        return self._kept[type_key] < MOST_OF_TYPE and self._kept.total() < MOST_KEPT

    async def _keep(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), WRITE_EVERY)
        batch, self._waiting = self._waiting, []
        more, self._more = self._more, Counter()
        try:
            await self.side.run(_write, batch, more)
        except (DatabaseError, InterfaceError) as error:  # a diary for senders: losing a page is no harm
            log.warning("refusals_lost", count=len(batch), error=type(error).__name__)
        if self._waiting:
            self._task = asyncio.create_task(self._keep())


def _write(batch: list[Refusal], more: Counter[str]) -> None:
    close_old_connections()
    try:
        keep_refusals(batch, more=more)
    except (DatabaseError, InterfaceError):
        connection.close()
        raise
