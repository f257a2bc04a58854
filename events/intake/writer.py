"""Commits events of many requests at once: a single writer thread takes everything queued, accepts it, answers all."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection, connections

from cdp.api.errors import Refused
from events.intake.accept import accept_many
from events.intake.inbox import Verdict
from events.intake.reading import CheckedEvent

log = structlog.get_logger(__name__)

LARGEST_FLUSH = 1_000
LONGEST_QUEUE = 20_000
IDLE_SECONDS = 1.0  # after which the connection is looked at before it is used


class Side:
    """One thread with a database connection of its own, for work that must not wait for other work."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    async def close(self) -> None:
        await self.run(connections.close_all)
        self._executor.shutdown()


@dataclass(slots=True)
class _Waiting:
    """One request's events, and the future of its verdicts."""

    events: Sequence[CheckedEvent | Refused]
    actor: str
    source: str
    done: "asyncio.Future[list[Verdict]]"


class Writer:
    """The single thread that commits; made once a process, on its event loop."""

    def __init__(self) -> None:
        self.side = Side("intake")
        self._queue: list[_Waiting] = []
        self._queued = 0
        self._task: asyncio.Task[None] | None = None
        self._used_at = float("-inf")

    async def accept(
        self, events: Sequence[CheckedEvent | Refused], *, actor: str, source: str
    ) -> list[Verdict]:
        """Queue events and wait for their commit.

        Raises:
            Refused: 503 when the database is away or the queue is full; nothing of the request was accepted.
        """
        if self._queued > LONGEST_QUEUE:
            raise Refused(503, "busy", "Events cannot be stored at the moment, try again")
        waiting = _Waiting(events, actor, source, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued += len(events)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        return await waiting.done

    async def _flush(self) -> None:
        while self._queue:
            batch: list[_Waiting] = []
            size = 0
            while self._queue and (not batch or size + len(self._queue[0].events) <= LARGEST_FLUSH):
                batch.append(self._queue.pop(0))
                size += len(batch[-1].events)
            self._queued -= size
            try:
                if time.monotonic() - self._used_at > IDLE_SECONDS:
                    await self.side.run(close_old_connections)
                outcome = await self.side.run(_accept_batch, batch)
                self._used_at = time.monotonic()
            except Exception as error:
                log.exception("intake_failed", error=type(error).__name__)
                outcome = [Refused(500, "internal", "The event could not be stored")] * len(batch)
            for waiting, verdicts in zip(batch, outcome, strict=True):
                if waiting.done.cancelled():
                    continue
                if isinstance(verdicts, Refused):
                    waiting.done.set_exception(verdicts)
                else:
                    waiting.done.set_result(verdicts)


def _accept_batch(batch: Sequence[_Waiting]) -> list[list[Verdict] | Refused]:
    """Accept the requests of one flush, one transaction for those of the same sender and source."""
    results: list[list[Verdict] | Refused] = [[] for _ in batch]
    groups: dict[tuple[str, str], list[int]] = {}
    for place, waiting in enumerate(batch):
        groups.setdefault((waiting.actor, waiting.source), []).append(place)
    for places in groups.values():
        for place, outcome in zip(places, _accept_group([batch[place] for place in places]), strict=True):
            results[place] = outcome
    return results


def _accept_group(group: Sequence[_Waiting]) -> list[list[Verdict] | Refused]:
    """Accept requests of one sender together; when that fails for one of them, each alone."""
    events = [event for waiting in group for event in waiting.events]
    try:
        verdicts = iter(
            accept_many(events, actor=group[0].actor, now=datetime.now(UTC), source=group[0].source)
        )
    except (DatabaseError, InterfaceError) as error:
        log.error("intake_database_away", error=type(error).__name__)
        connection.close()
        return [Refused(503, "unavailable", "Events cannot be stored at the moment, try again")] * len(group)
    except Exception as error:
        if len(group) > 1:
            return [outcome for waiting in group for outcome in _accept_group([waiting])]
        log.exception("intake_failed", error=type(error).__name__)
        return [Refused(500, "internal", "The event could not be stored")]
    return [[next(verdicts) for _ in waiting.events] for waiting in group]
