"""The hot intake routes as a bare ASGI application, outside Django's middleware.

Requests that wait at the same moment share one commit (`events.intake.writer`). A request therefore costs no thread and no
connection of its own. Unknown keys, logins, refused events and waiting for processing have threads of their own: whatever
they cost, the writer does not wait for them.
"""

import gzip
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from cdp.api.bodies import plain_body, too_large
from cdp.api.errors import Refused, error_reply, too_many
from cdp.api.limits import RateLimit
from cdp.api.rights import OPENS, Group
from cdp.traffic import answered
from events.intake.diary import Diary, Sent
from events.intake.processed import Processed, wait_seconds
from events.intake.reading import MAX_BATCH_BODY, read_batch, read_single
from events.intake.replies import batch_reply, single_headers
from events.intake.writer import Side, Writer
from partners.credentials import Principal, check_login, find_principal, is_login, remembered_principal

log = structlog.get_logger(__name__)

SINGLE = {f"/api/v{version}/event{end}": version for version in (1, 2, 3) for end in ("", "/")}
BATCH = frozenset({"/api/v2/events/batch", "/api/v2/events/batch/"})
READ_HEADERS = frozenset(
    {
        b"authorization",
        b"content-type",
        b"content-encoding",
        b"accept-encoding",
        b"idempotency-key",
        b"prefer",
    }
)
LEAST_TO_PACK = 200
DIARY_STATUSES = (400, 413, 415, 422)
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
Headers = list[tuple[bytes, bytes]]
Reply = tuple[int, Headers, bytes]
Receive = Callable[[], Awaitable[Any]]


def is_intake(path: str) -> bool:
    return path in SINGLE or path in BATCH


class IntakeApp:
    """ASGI application of the routes `is_intake` knows."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.keys = Side("intake-keys")
        self.logins = Side("intake-logins")
        self.processed = Processed()
        self.diary = Diary()
        self.limit = RateLimit()
        self._at_gate = 0

    async def close(self) -> None:
        """Write what waits; close the threads and their connections."""
        await self.diary.finish()
        for side in (self.writer.side, self.keys, self.logins, self.processed.side, self.diary.side):
            await side.close()

    async def __call__(self, scope: Any, receive: Receive, send: Callable[[Any], Awaitable[None]]) -> None:
        status, headers, body = await self.answer(scope, receive)
        answered["intake", status] += 1
        headers = [*headers, (b"content-length", str(len(body)).encode()), *CORS]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, scope: Any, receive: Receive) -> Reply:
        if scope["method"] == "OPTIONS":
            return 200, [], b""
        sent = Sent()
        try:
            return await self._accept(scope, receive, sent)
        except Refused as refusal:
            if sent.body and refusal.status in DIARY_STATUSES:
                self.diary.add(refusal, sent)
            return _refusal_reply(refusal, scope["path"])
        except Exception as error:
            log.exception("intake_failed", error=type(error).__name__)
            return _refusal_reply(Refused(500, "internal", "The request could not be served"), scope["path"])

    async def _accept(self, scope: Any, receive: Receive, sent: Sent) -> Reply:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in READ_HEADERS}
        principal = await self._principal(headers.get(b"authorization", ""))
        if scope["method"] != "POST":
            raise Refused(405, "method", "Request method is not supported", headers={"Allow": "POST"})
        is_batch = scope["path"] in BATCH
        self._check_rate("batches" if is_batch else "events")
        sent.actor = principal.name
        sent.body = await _read_body(receive)
        sent.body = plain_body(
            sent.body, content_type=headers.get(b"content-type", ""),
            content_encoding=headers.get(b"content-encoding", ""),
            most=MAX_BATCH_BODY if is_batch else settings.API_EVENT_BYTES,
        )  # fmt: skip
        if is_batch:
            return await self._batch(sent, headers)
        return await self._single(sent, headers, version=SINGLE[scope["path"]])

    def _check_rate(self, name: str) -> None:
        if settings.API_RATE_LIMITS and not self.limit.take(name, most := settings.API_RATES[name]):
            raise too_many(most)

    async def _single(self, sent: Sent, headers: dict[bytes, str], *, version: int) -> Reply:
        event = read_single(sent.body, version=version, event_id=headers.get(b"idempotency-key", ""))
        sent.type_key = event.type_key
        [verdict] = await self.writer.accept([event], actor=sent.actor, source="api")
        if verdict.refusal is not None:
            raise verdict.refusal
        if seconds := wait_seconds(headers.get(b"prefer", "")):
            await self.processed.wait([verdict.inbox_id] if verdict.inbox_id else [], seconds)
        return 200, [(name.lower().encode(), said.encode()) for name, said in single_headers(verdict)], b""

    async def _batch(self, sent: Sent, headers: dict[bytes, str]) -> Reply:
        events = read_batch(sent.body)
        verdicts = await self.writer.accept(events, actor=sent.actor, source="batch")
        for event, verdict in zip(events, verdicts, strict=True):
            if verdict.refusal is not None:
                self.diary.add(verdict.refusal, sent.item(event))
        if seconds := wait_seconds(headers.get(b"prefer", "")):
            ids = [verdict.inbox_id for verdict in verdicts if verdict.inbox_id is not None]
            await self.processed.wait(ids, seconds)
        body = msgspec.json.encode(batch_reply(verdicts))
        said = [(b"content-type", b"application/json;charset=UTF-8"), (b"vary", b"Accept-Encoding")]
        if len(body) >= LEAST_TO_PACK and "gzip" in headers.get(b"accept-encoding", ""):
            return 200, [*said, (b"content-encoding", b"gzip")], gzip.compress(body, 4)
        return 200, said, body

    async def _principal(self, header: str) -> Principal:
        principal = remembered_principal(header)
        if principal is None and header:
            principal = await self.keys.run(_find_principal, header, time.monotonic())
            if principal is None and is_login(header):
                principal = await self._login(header)
        if principal is None:
            raise Refused(401, "unauthorized", "Full authentication is required to access this resource")
        if not principal.may(OPENS[Group.EVENTS]):
            raise Refused(403, "forbidden", "The key has no right to send events")
        return principal

    async def _login(self, header: str) -> Principal | None:
        """Check a password; of those that come meanwhile one waits, the others are sent away."""
        if self._at_gate > 1:
            raise Refused(
                429, "logins", "Too many logins are being checked; an API key is never made to wait"
            )
        self._at_gate += 1
        try:
            found: Principal | None = await self.logins.run(_with_database, check_login, header)
            return found
        finally:
            self._at_gate -= 1


def _refusal_reply(refusal: Refused, path: str) -> Reply:
    kind, body = error_reply(refusal, path=path, now=datetime.now(UTC))
    headers = [(b"content-type", kind.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    return refusal.status, headers, body


def _find_principal(header: str, arrived: float) -> Principal | None:
    found: Principal | None = _with_database(
        lambda: find_principal(header, now=datetime.now(UTC), arrived=arrived)
    )
    return found


def _with_database(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call on a side thread; a database that is away is told as 503."""
    close_old_connections()
    try:
        return function(*arguments)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise Refused(503, "unavailable", "The service is not available at the moment, try again") from error


async def _read_body(receive: Receive) -> bytes:
    parts = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "json_invalid", "The request body is not complete")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BATCH_BODY:
            raise too_large(MAX_BATCH_BODY)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
