"""The ASGI root: intake and tracking routes bare and asynchronous, the rest through Django's WSGI handler in a thread pool.

`CDP_ROLE` limits a process: `intake` to the routes of events, `web` to all others; `all` serves everything. Pixels and
clicks of sent messages are served by every role.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.urls import get_resolver

from cdp.memory import settle
from cdp.traffic import counted
from cdp.wsgi import application as django

from events.intake.app import IntakeApp, is_intake  # isort: skip - models need Django set up by the line above
from messaging.tracking.app import TrackingApp, is_tracking  # isort: skip

WEB_THREADS = 8
LONGEST_FINISH = 8.0  # seconds; the server kills a worker that takes 10
ROLE = os.environ.get("CDP_ROLE", "all")

intake = IntakeApp()
tracking = TrackingApp()
web = WSGIMiddleware(cast(Any, django), workers=WEB_THREADS)


class Spelt(bytes):
    """A header name that keeps its capitals: a client of the modelled API reads it by its exact spelling."""

    def lower(self) -> bytes:
        return self


SPELT = {b"totalcount": Spelt(b"TotalCount")}
in_flight: set[int] = set()  # requests that a thread of `web` works on


async def application(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and ROLE != "web" and is_intake(scope["path"]):
        await intake(scope, receive, send)
    elif scope["type"] == "http" and is_tracking(scope["path"]):
        await tracking(scope, receive, counted("tracking", send))
    elif scope["type"] == "http" and (
        ROLE != "intake" or scope["path"] in ("/healthz", "/readyz", "/metrics")
    ):

        async def read() -> Any:  # the middleware asks for coroutines, the server gives other awaitables
            return await receive()

        write = spelling(counted("web", send))
        in_flight.add(id(scope))
        try:
            await web(scope, read, write)
        finally:
            in_flight.discard(id(scope))
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def spelling(send: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """`send` with the spelling of the headers in `SPELT` restored; gateways and servers write names in small letters."""

    async def write(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [(SPELT.get(name, name), value) for name, value in message["headers"]]
        await send(message)

    return write


async def _lifespan(receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            list(get_resolver().url_patterns)  # brings the screens, which no first request should wait for
            settle()
        if message["type"] == "lifespan.shutdown":
            await _finish_requests()
            await intake.close()
            await tracking.finish()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _finish_requests() -> None:
    """Keep the loop running for threads that still wait for it to take their last words: they would hang the exit."""
    deadline = time.monotonic() + LONGEST_FINISH
    while in_flight and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
