"""Sends requests to the intake application as a server would."""

import asyncio
import base64
import json
from typing import Any

from events.intake.app import IntakeApp


class Reply:
    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def send(*requests: tuple[str, Any], key: str | None = None, **headers: str) -> list[Reply]:
    """POST requests at the same moment to one app; a body that is not bytes is sent as JSON."""
    sent = {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if key is not None:
        sent["authorization"] = "Basic " + base64.b64encode(f"any:{key}".encode()).decode()

    async def one(app: IntakeApp, path: str, body: Any) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        async def answer(message: dict[str, Any]) -> None:
            messages.append(message)

        scope = {
            "type": "http", "method": headers.get("method", "POST"), "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }  # fmt: skip
        await app(scope, receive, answer)
        return Reply(messages)

    async def every() -> list[Reply]:
        app = IntakeApp()
        try:
            return await asyncio.gather(*(one(app, path, body) for path, body in requests))
        finally:
            await app.close()

    return asyncio.run(every())


def post(body: Any, key: str, path: str = "/api/v2/event", **headers: str) -> Reply:
    return send((path, body), key=key, **headers)[0]
