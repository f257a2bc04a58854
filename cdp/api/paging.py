"""Pages of lists: `startindex` counts from 1, `maxrows` is cut to the route's limit (API document, 2.5)."""

from dataclasses import dataclass

from django.http import QueryDict

FURTHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Rows `start` (0-based) to `stop`, for slicing a queryset."""

    start: int
    stop: int


def read_page(query: QueryDict, *, default: int = 500, most: int = 500) -> Page:
    """The page asked for; what is no number counts as not given."""
    first = max(1, _number(query.get("startindex"), 1))
    rows = min(most, max(1, _number(query.get("maxrows"), default)))
    return Page(min(first, FURTHEST) - 1, min(first, FURTHEST) - 1 + rows)


def _number(text: str | None, default: int) -> int:
    value = (text or "").strip()
    sign = -1 if value.startswith("-") else 1
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        return default
    return sign * int(digits[:12])
