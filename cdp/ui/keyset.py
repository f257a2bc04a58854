"""Pages by key: a list goes on after the last row seen, so that page 10 000 costs what page 1 costs.

A cursor holds the values of the ordering columns of a row. Columns are ordered in one direction, are never null, and the
last one is unique.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models

LONGEST_CURSOR = 500
FIRST_SIEVED, MOST_SIEVED = 500, 10_000  # rows read at once to be sieved

# Of these ids, those that stay: a condition that no statement can ask.
Sieve = Callable[[Sequence[int]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """Rows of a page in display order; cursors are empty where there is nothing further.

    Known of some (`bounded`): `count`, how many rows fit in all; `looked`, after how many rows passed the search was given
    up, 0 when the page is as full as it can be; `share` of the rows passed that fitted, and how many these were.
    """

    rows: list[Any]
    newer: str
    older: str
    count: int | None = None
    looked: int = 0
    share: float = 0.0
    fits: int = 0


def read_page(
    queryset: Any,
    *,
    order: Sequence[str],
    size: int,
    after: str = "",
    before: str = "",
    sieve: Sieve | None = None,
) -> KeysetPage:
    """Read the page after or before a cursor; a broken cursor gives the first page.

    Args:
        order: column names, all with `-` or all without; the last is unique. Up to two.
        after: the cursor of the last row of the page before; `before`: of the first row of the page after.
        sieve: keeps some of the ids of rows; as many rows are read as a full page takes.
    """
    names = [name.removeprefix("-") for name in order]
    is_descending = order[0].startswith("-")
    backwards = bool(before) and not after
    cursor = read_cursor(queryset.model, names, after or before)
    down = is_descending != backwards
    rows = queryset.order_by(*(f"-{name}" if down else name for name in names))
    start = rows if cursor is None else beyond(rows, names, cursor, down=down)
    found = (
        list(start[: size + 1]) if sieve is None else _sieved(rows, start, names, size + 1, sieve, down=down)
    )
    more = len(found) > size
    if backwards and cursor is not None and not more:  # the first page, full also when rows have come since
        return read_page(queryset, order=order, size=size, sieve=sieve)
    found = found[:size]
    if backwards:
        found.reverse()
    at_edge = cursor is None
    has_newer = more if backwards else not at_edge
    has_older = (not at_edge) if backwards else more
    first = write_cursor(found[0], names) if found and has_newer else ""
    last = write_cursor(found[-1], names) if found and has_older else ""
    return KeysetPage(found, first, last)


def _sieved(
    rows: Any, start: Any, names: Sequence[str], wanted: int, sieve: Sieve, *, down: bool
) -> list[Any]:
    """The first `wanted` rows that the sieve keeps: keys are read in growing batches, whole rows once."""
    kept: list[int] = []
    batch, part = FIRST_SIEVED, start
    while len(kept) < wanted:
        read = list(part.values_list(*names, "pk")[:batch])
        kept += sieve([one[-1] for one in read])
        if len(read) < batch:
            break
        part = beyond(rows, names, read[-1][:-1], down=down)
        batch = min(batch * 4, MOST_SIEVED)
    whole = {row.pk: row for row in rows.model._default_manager.filter(pk__in=kept[:wanted])}
    return [whole[pk] for pk in kept[:wanted] if pk in whole]


def beyond(rows: Any, names: Sequence[str], cursor: Sequence[Any], *, down: bool) -> Any:
    """Rows past the cursor; written so that an index on the columns is read from there on."""
    way = "lt" if down else "gt"
    if len(names) == 1:
        return rows.filter(**{f"{names[0]}__{way}": cursor[0]})
    back = "gte" if down else "lte"
    same = models.Q(**{names[0]: cursor[0], f"{names[1]}__{back}": cursor[1]})
    return rows.filter(**{f"{names[0]}__{way}e": cursor[0]}).exclude(same)


def write_cursor(row: Any, names: Sequence[str]) -> str:
    values = [getattr(row, name) for name in names]
    text = json.dumps([v.isoformat() if isinstance(v, datetime) else str(v) for v in values])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(model: Any, names: Sequence[str], text: str) -> list[Any] | None:
    """The values of a cursor; None when it is none of these columns."""
    if not text or len(text) > LONGEST_CURSOR:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(parts, list) or len(parts) != len(names):
            return None
        return [_value(model, name, part) for name, part in zip(names, parts, strict=True)]
    except (binascii.Error, ValueError, ValidationError, TypeError):
        return None


def _value(model: Any, name: str, text: Any) -> Any:
    if not isinstance(text, str) or "\0" in text:
        raise ValueError("a cursor holds texts")
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if isinstance(field, models.UUIDField):
        return UUID(text)
    return field.to_python(text)
