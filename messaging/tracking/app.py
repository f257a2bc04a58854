"""Pixels and clicks as a bare ASGI application: answered before anything is written, written together soon after.

Opens wait at most `LONGEST_BUFFERED` seconds in memory and are appended in one statement. A click is appended before its
redirect is sent, together with those that wait at the same moment, unless the database is slower than `CLICK_PATIENCE`:
the reader is sent on, and the hit stays in the buffer. What a full database pause keeps in memory is bounded by
`MOST_BUFFERED`; more is dropped and logged.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from messaging.tracking.destinations import find_destination, known_destination
from messaging.tracking.hits import NewHit, read_hit, store_hits, wants_no_tracking
from messaging.tracking.replies import GIF, NO_STORE, not_found_page, unavailable_page
from messaging.tracking.tokens import Token, TokenKind, read_token

log = structlog.get_logger(__name__)

ROUTE = re.compile(r"/o/([\w-]{1,64})\.gif|/c/([\w-]{1,64})/?", re.ASCII)
LONGEST_BUFFERED = 0.5
CLICK_PATIENCE = 0.5
RETRY_SECONDS = 1.0
LONGEST_FINISH = 5.0
LARGEST_FLUSH = 1_000
MOST_BUFFERED = 100_000
Reply = tuple[int, list[tuple[bytes, bytes]], bytes]


def is_tracking(path: str) -> bool:
    return ROUTE.fullmatch(path) is not None


class Buffer:
    """Hits on their way to the database; one a process, on its event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="tracking")
        self._waiting: list[NewHit] = []
        self._hurry = asyncio.Event()
        self._stored = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, hit: NewHit) -> None:
        if len(self._waiting) >= MOST_BUFFERED:
            log.error("hit_dropped", kind=hit.kind, delivery=hit.delivery_id)
            return
        self._waiting.append(hit)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())

    async def add_and_wait(self, hit: NewHit) -> None:
        """Add a hit and wait for its commit, at most `CLICK_PATIENCE`."""
        self.add(hit)
        self._hurry.set()
        stored = self._stored
        try:
            async with asyncio.timeout(CLICK_PATIENCE):
                await stored.wait()
        except TimeoutError:
            log.warning("click_answered_before_stored", delivery=hit.delivery_id)

    async def drain(self) -> None:
        """Store everything that waits; for the end of the process."""
        self._hurry.set()
        if self._task is not None:
            await self._task

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    async def _flush(self) -> None:
        while self._waiting:
            await self._pause(LONGEST_BUFFERED)
            batch, self._waiting = self._waiting[:LARGEST_FLUSH], self._waiting[LARGEST_FLUSH:]
            stored, self._stored = self._stored, asyncio.Event()
            if await self.in_thread(_store, batch):
                stored.set()
                continue
            self._waiting = batch + self._waiting
            self._stored = stored
            await asyncio.sleep(RETRY_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
        self._hurry.clear()


class TrackingApp:
    """ASGI application of the routes `is_tracking` knows."""

    def __init__(self) -> None:
        self._buffer: Buffer | None = None

    @property
    def buffer(self) -> Buffer:
        if self._buffer is None:
            self._buffer = Buffer()
        return self._buffer

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],  # noqa: ARG002 - nothing is read: there are no bodies
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        status, headers, body = await self.answer(scope)
        headers = [*headers, *NO_STORE, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def finish(self) -> None:
        """Store what waits, at the end of the process; a database that is away does not hold the exit up."""
        if self._buffer is not None:
            try:
                async with asyncio.timeout(LONGEST_FINISH):
                    await self._buffer.drain()
            except TimeoutError:
                log.error("hits_lost_at_exit")

    async def answer(self, scope: Any) -> Reply:
        if scope["method"] not in ("GET", "HEAD"):
            return 405, [(b"allow", b"GET, HEAD")], b""
        found = ROUTE.fullmatch(scope["path"])
        is_open = found is not None and found[1] is not None
        token = None
        if found is not None:
            token = read_token(found[1] or found[2], TokenKind.OPEN if is_open else TokenKind.CLICK)
        if token is None:
            return await self._not_found()
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        if is_open:
            if not wants_no_tracking(headers):
                self.buffer.add(_hit(token, headers, scope))
            return 200, [(b"content-type", b"image/gif")], GIF
        return await self._click(token, headers, scope)

    async def _click(self, token: Token, headers: dict[str, str], scope: Any) -> Reply:
        try:
            url = known_destination(token) or await self.buffer.in_thread(_find, token)
        except (DatabaseError, InterfaceError) as error:
            log.error("click_database_away", error=type(error).__name__)
            return (
                503,
                [(b"content-type", b"text/html; charset=utf-8"), (b"retry-after", b"2")],
                unavailable_page(),
            )
        await self.buffer.add_and_wait(_hit(token, headers, scope, url or ""))
        if url is None:
            return await self._not_found()
        location = url.encode("ascii", "ignore") if url.isascii() else quoted(url)
        return 302, [(b"location", location), (b"referrer-policy", b"no-referrer")], b""

    async def _not_found(self) -> Reply:
        body = await self.buffer.in_thread(not_found_page)
        return 404, [(b"content-type", b"text/html; charset=utf-8")], body


def quoted(url: str) -> bytes:
    """The address with everything but ASCII percent-encoded, as headers carry nothing else."""
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in url).encode()


def _hit(token: Token, headers: dict[str, str], scope: Any, url: str = "") -> NewHit:
    peer = scope["client"][0] if scope.get("client") else None
    return read_hit(token, headers, method=scope["method"], address=peer, now=datetime.now(UTC), url=url)


def _find(token: Token) -> str | None:
    close_old_connections()
    try:
        return find_destination(token)
    except (DatabaseError, InterfaceError):
        connection.close()
        raise


def _store(batch: Sequence[NewHit]) -> bool:
    """Append a batch; False when the database is away, and nothing was stored."""
    close_old_connections()
    try:
        store_hits(batch)
    except (DatabaseError, InterfaceError) as error:
        log.error("hits_wait", count=len(batch), error=type(error).__name__)
        connection.close()
        return False
    return True
