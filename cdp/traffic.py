"""How many requests this process answered, for /metrics: plain numbers, cheap enough for the hot routes."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[Any], Awaitable[None]]

answered: Counter[tuple[str, int]] = Counter()  # (part, status) → answers


def counted(part: str, send: Send) -> Send:
    """`send` that counts the answer it starts under `part` (intake or web)."""

    async def count(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered[part, message["status"]] += 1
        await send(message)

    return count
