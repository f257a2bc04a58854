"""Waiting until accepted events are processed (`Prefer: wait=N`, RFC 7240): one question for all who wait, on a side thread."""

import asyncio
import re
import time
from collections.abc import Iterable

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from events.intake.writer import Side

log = structlog.get_logger(__name__)

LONGEST_WAIT = 10.0
ASK_EVERY = 0.02
WAITING = "SELECT id FROM events_inboxevent WHERE id = ANY(%s)"


def wait_seconds(header: str) -> float:
    """Seconds of a `Prefer` header, at most `LONGEST_WAIT`; 0 without."""
    found = re.search(r"\bwait=(\d{1,4})\b", header)
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


class Processed:
    """Knows when events have left the inbox."""

    def __init__(self) -> None:
        self.side = Side("intake-wait")
        self._waiting: dict[int, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, inbox_ids: Iterable[int], seconds: float) -> None:
        """Return when all have left the inbox, or after `seconds`."""
        gone = {number: self._waiting.setdefault(number, asyncio.Event()) for number in inbox_ids}
        if not gone:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(seconds):
                for event in gone.values():
                    await event.wait()
        except TimeoutError:
            pass
        finally:
            for number in gone:
                self._waiting.pop(number, None)

    async def _watch(self) -> None:
        while self._waiting:
            started = time.monotonic()
            asked = list(self._waiting)
            try:
                left = await self.side.run(_left, asked)
            except (DatabaseError, InterfaceError) as error:  # who waits is answered when the time is up
                log.warning("wait_failed", error=type(error).__name__)
                left = set(asked)
            for number in set(asked) - left:
                event = self._waiting.pop(number, None)
                if event is not None:
                    event.set()
            await asyncio.sleep(max(ASK_EVERY, time.monotonic() - started))


def _left(inbox_ids: list[int]) -> set[int]:
    """Those that still wait."""
    close_old_connections()
    try:
        with connection.cursor() as cursor:
            cursor.execute(WAITING, [inbox_ids])
            return {number for (number,) in cursor.fetchall()}
    except (DatabaseError, InterfaceError):
        connection.close()
        raise
