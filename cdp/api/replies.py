"""Replies of the public API: JSON without nulls, plain sentences, and nothing at all (API document, 2.4)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpResponse

JSON = "application/json;charset=UTF-8"
_encoder = msgspec.json.Encoder(decimal_format="number")


def json_reply(body: Any, *, status: int = 200, total: int | None = None) -> HttpResponse:
    """A JSON reply; `total` goes into the header `TotalCount`."""
    reply = HttpResponse(_encoder.encode(body), content_type=JSON, status=status)
    if total is not None:
        reply["TotalCount"] = str(total)
    return reply


def text_reply(sentence: str) -> HttpResponse:
    """One plain sentence; the live service labels it JSON all the same."""
    return HttpResponse(sentence.encode(), content_type=JSON)


def empty_reply() -> HttpResponse:
    reply = HttpResponse(status=200)
    del reply["Content-Type"]
    reply["Content-Length"] = "0"
    return reply


def present(**members: Any) -> dict[str, Any]:
    """An object without members that say nothing: null, empty lists and empty objects."""
    return {name: value for name, value in members.items() if value is not None and value not in ([], {})}


def unwrap(items: Sequence[Any]) -> Any:
    """A list of one as its element, where the modelled service does so; switched off by API_UNWRAP_SINGLETONS."""
    return items[0] if len(items) == 1 and settings.API_UNWRAP_SINGLETONS else list(items)
