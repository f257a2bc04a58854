"""The hot intake routes as a bare ASGI application, outside Django's middleware.

Requests that wait at the same moment share one commit: a single writer thread takes everything queued, accepts it in one
transaction and answers all. A request therefore costs no thread and no connection of its own.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection

from cdp.api.errors import Refused, error_reply
from cdp.api.limits import RateLimit
from events.intake.accept import Verdict, accept_many
from events.intake.reading import MAX_BATCH_BODY, CheckedEvent, encode_event, read_batch, read_single
from events.intake.replies import batch_reply
from events.services.refusals import Refusal, keep_refusals
from partners.services import Principal, authenticate, cached_principal

log = structlog.get_logger(__name__)

ROUTE = re.compile(r"/api/v([123])/event/?|/api/v2/(events)/batch/?")
RIGHTS = frozenset({"full", "events", "events_contacts", "events_contacts_write"})
LIMIT_PER_SECOND = {"event": 350, "batch": 50}
LARGEST_FLUSH = 1_000
LONGEST_QUEUE = 20_000
LONGEST_WAIT = 10.0
MOST_REFUSALS = 50
CORS = [
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-allow-methods", b"POST, GET, PUT, OPTIONS, DELETE"),
    (b"access-control-max-age", b"3600"),
    (
        b"access-control-allow-headers",
        b"Content-Type, Accept, Content-Range, Content-Disposition, Content-Description, X-Requested-With, remember-me,"
        b" Authorization",
    ),
]
Reply = tuple[int, list[tuple[bytes, bytes]], bytes]


def is_intake(path: str) -> bool:
    return ROUTE.fullmatch(path) is not None


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
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._queue: list[_Waiting] = []
        self._queued = 0
        self._task: asyncio.Task[None] | None = None

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

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a short piece of database work on the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    async def _flush(self) -> None:
        while self._queue:
            batch: list[_Waiting] = []
            size = 0
            while self._queue and (not batch or size + len(self._queue[0].events) <= LARGEST_FLUSH):
                batch.append(self._queue.pop(0))
                size += len(batch[-1].events)
            self._queued -= size
            try:
                outcome = await self.in_thread(_accept_batch, batch)
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


@dataclass(slots=True)
class _Sent:
    """What is known of a request when it is refused."""

    body: bytes = b""
    actor: str = ""
    type_key: str = ""


def _item_sent(event: CheckedEvent | Refused, sent: _Sent) -> _Sent:
    """One event of a batch; of one that could not be read only the batch is known."""
    if isinstance(event, Refused):
        return sent
    return _Sent(encode_event(event), sent.actor, event.type_key)


class _Refusals:
    """Refusals wait here for at most a second and are kept together; a flood keeps `MOST_REFUSALS` a second of them."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: list[Refusal] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, refusal: Refused, sent: _Sent) -> None:
        if len(self._waiting) >= MOST_REFUSALS:
            return
        now = datetime.now(UTC)
        self._waiting.append(
            Refusal(now, sent.type_key, refusal.code, refusal.path, refusal.message, sent.body, sent.actor)
        )
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        await asyncio.sleep(1.0)
        batch, self._waiting = self._waiting, []
        try:
            await self._writer.in_thread(_keep_refusals, batch)
        except (DatabaseError, InterfaceError) as error:  # a diary for senders: losing a page is no harm
            log.warning("refusals_lost", count=len(batch), error=type(error).__name__)


def _keep_refusals(batch: Sequence[Refusal]) -> None:
    close_old_connections()
    keep_refusals(batch)


class IntakeApp:
    """ASGI application of the routes `is_intake` knows."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.limit = RateLimit()
        self.refusals = _Refusals(self.writer)

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        status, headers, body = await self.answer(scope, receive)
        if body or status not in (200, 204):
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        else:
            headers = [*headers, (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *CORS]})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, scope: Any, receive: Callable[[], Awaitable[Any]]) -> Reply:
        if scope["method"] == "OPTIONS":
            return 200, [], b""
        sent = _Sent()
        try:
            return await self._accept(scope, receive, sent)
        except Refused as refusal:
            if sent.body and refusal.status in (400, 413, 415, 422):
                self.refusals.add(refusal, sent)
            kind, body = error_reply(refusal, path=scope["path"], now=datetime.now(UTC))
            headers = [(b"content-type", kind.encode())]
            if refusal.status == 401:
                headers.append((b"www-authenticate", b'Basic realm="Yespo"'))
            if refusal.status == 405:
                headers.append((b"allow", b"POST, OPTIONS"))
            if refusal.status in (429, 503):
                headers.append((b"retry-after", b"1"))
            return refusal.status, headers, body

    async def _accept(self, scope: Any, receive: Callable[[], Awaitable[Any]], sent: "_Sent") -> Reply:
        headers = dict(scope["headers"])
        principal = await self._principal(headers.get(b"authorization", b"").decode("latin-1"))
        if scope["method"] != "POST":
            raise Refused(405, "method", "Request method is not supported")
        found = ROUTE.fullmatch(scope["path"])
        is_batch = found is not None and found[2] is not None
        name = "batch" if is_batch else "event"
        if settings.API_RATE_LIMITS and not self.limit.take(name, LIMIT_PER_SECOND[name]):
            raise Refused(429, "rate", f"At most {LIMIT_PER_SECOND[name]} requests a second")
        _check_media_type(headers.get(b"content-type", b"").decode("latin-1"))
        body = await _read_body(receive)
        sent.body, sent.actor = body, principal.name
        if is_batch:
            return await self._batch(sent, principal)
        event = read_single(body, version=int(found[1]) if found else 2)
        sent.type_key = event.type_key
        [verdict] = await self.writer.accept([event], actor=principal.name, source="api")
        if verdict.refusal is not None:
            raise verdict.refusal
        if wait := _wait_seconds(headers.get(b"prefer", b"").decode("latin-1")):
            await self._until_processed([verdict], wait)
        return (
            200,
            [(b"x-event-id", verdict.event_id.encode()), (b"x-event-status", verdict.status.encode())],
            b"",
        )

    async def _batch(self, sent: "_Sent", principal: Principal) -> Reply:
        events = read_batch(sent.body)
        verdicts = await self.writer.accept(events, actor=principal.name, source="batch")
        for event, verdict in zip(events, verdicts, strict=True):
            if verdict.refusal is not None:
                self.refusals.add(verdict.refusal, _item_sent(event, sent))
        reply = batch_reply(verdicts)
        return 200, [(b"content-type", b"application/json;charset=UTF-8")], msgspec.json.encode(reply)

    async def _principal(self, header: str) -> Principal:
        known, principal = cached_principal(header)
        if not known and header:
            principal = await self.writer.in_thread(_authenticate, header)
        if principal is None:
            raise Refused(401, "unauthorized", "Full authentication is required to access this resource")
        if not principal.may(RIGHTS):
            raise Refused(403, "forbidden", "The key has no right to send events")
        return principal

    async def _until_processed(self, verdicts: Sequence[Verdict], seconds: float) -> None:
        """Wait until the events left the inbox; at most `seconds`."""
        ids = [verdict.inbox_id for verdict in verdicts if verdict.inbox_id is not None]
        end = time.monotonic() + seconds
        while ids and time.monotonic() < end:
            await asyncio.sleep(0.02)
            if not await self.writer.in_thread(_any_waits, ids):
                return


def _authenticate(header: str) -> Principal | None:
    close_old_connections()
    try:
        return authenticate(header, now=datetime.now(UTC))
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise Refused(503, "unavailable", "The service is not available at the moment, try again") from error


def _any_waits(ids: Sequence[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM events_inboxevent WHERE id = ANY(%s))", [list(ids)])
        return bool(cursor.fetchone()[0])


def _check_media_type(header: str) -> None:
    media = header.partition(";")[0].strip().lower()
    if media and media != "application/json":
        raise Refused(415, "media_type", f"Content type '{media}' not supported")


async def _read_body(receive: Callable[[], Awaitable[Any]]) -> bytes:
    parts = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BATCH_BODY:
            raise Refused(413, "too_large", f"The request is larger than {MAX_BATCH_BODY} bytes")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _wait_seconds(header: str) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most `LONGEST_WAIT`; 0 without."""
    found = re.search(r"\bwait=(\d{1,4})", header)
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0
