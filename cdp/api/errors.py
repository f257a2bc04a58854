"""Error bodies of the public API (api document, 3)."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec


class Refused(Exception):
    """A request is refused. `code` is stable, `path` names the field; `message` is shown to people.

    `headers` go with the reply.
    """

    def __init__(
        self, status: int, code: str, message: str, *, path: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.headers = (headers or {}) | _usual_headers(status)

    @property
    def text(self) -> str:
        """The plain sentence of a 400: the field, then the rule."""
        return f"{self.path}: {self.message}" if self.path else self.message


def _usual_headers(status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": 'Basic realm="Yespo"'}
    return {"Retry-After": "1"} if status in (429, 503) else {}


def too_many(most: int) -> Refused:
    """The 429 of a rate limit of `most` requests a second."""
    headers = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    return Refused(429, "rate", f"At most {most} requests a second", headers=headers)


def error_object(status: int, message: str, *, path: str, now: datetime) -> dict[str, Any]:
    """The JSON error object."""
    return {
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}+0000",
        "status": status,
        "error": HTTPStatus(status).phrase,
        "message": message,
        "path": path,
    }


def error_reply(error: Refused, *, path: str, now: datetime) -> tuple[str, bytes]:
    """Content type and body of a refusal: text for 400, 404, 409 and 422, else the JSON error object."""
    if error.status in (400, 404, 409, 422):
        return "text/plain;charset=UTF-8", error.text.encode()
    body = error_object(error.status, error.message, path=path, now=now)
    return "application/json;charset=UTF-8", msgspec.json.encode(body)
