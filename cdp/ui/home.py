"""The home page: what needs attention, first steps, figures. Apps register theirs in `AppConfig.ready()`.

Each part is one or two cheap queries; one that fails is left out with a word and never takes the page down.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from cdp.models import Account
from cdp.sql import exist_each

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to look at: what happened, and where to act."""

    tone: str  # orange or red
    text: Any
    link: str = ""
    action: Any = ""


@dataclass(frozen=True, slots=True)
class Tile:
    label: Any
    value: str
    link: str = ""
    note: Any = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A first step of a new installation, ticked by itself: `is_done` is known, or a query that has a row then."""

    text: Any
    is_done: Any
    link: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    read: Callable[[datetime], list[Any]]
    permission: str
    order: int
    only_if: Callable[[datetime], Any] | None


_parts: dict[str, list[_Part]] = {"problems": [], "tiles": [], "steps": []}


def register_home(
    kind: str,
    read: Callable[[datetime], list[Any]],
    *,
    permission: str,
    order: int = 0,
    only_if: Callable[[datetime], Any] | None = None,
) -> None:
    """Add a part: `read(now)` gives problems, tiles or steps, shown to who has the permission.

    With `only_if` it is read only if that query has a row; the queries of all parts are asked in one statement.
    """
    if all(part.read is not read for part in _parts[kind]):
        _parts[kind].append(_Part(read, permission, order, only_if))
        _parts[kind].sort(key=lambda part: part.order)


def add_home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The theme's callback: put the parts this user may see into the context of the index."""
    now = timezone.now()
    mine = {
        kind: [part for part in parts if request.user.has_perm(part.permission)]
        for kind, parts in _parts.items()
    }
    found: dict[str, list[Any]] = {"problems": []}
    if not Account.objects.filter(shows_first_steps=True).exists():
        mine["steps"] = []
    found["steps"] = _read(mine["steps"], now, found["problems"])
    try:
        found["steps"], mine["problems"] = _ask(found["steps"], mine["problems"], now)
    except DatabaseError as error:
        found["problems"].append(_failed(error, "steps"))
        found["steps"] = []
    found["problems"] += _read(mine["problems"], now, found["problems"])
    found["tiles"] = _read(mine["tiles"], now, found["problems"])
    steps = found["steps"]
    context |= {
        "title": _("Home"),
        "problems": found["problems"],
        "tiles": found["tiles"],
        "steps": steps if any(not step.is_done for step in steps) else [],
        "may_hide_steps": request.user.has_perm("cdp.change_account"),
    }
    return context


def _read(parts: list[_Part], now: datetime, problems: list[Any]) -> list[Any]:
    found: list[Any] = []
    for part in parts:
        try:
            found += part.read(now)
        except DatabaseError as error:
            problems.append(_failed(error, part.read.__qualname__))
    return found


def _failed(error: DatabaseError, part: str) -> Problem:
    log.exception("home_part_failed", part=part)
    return Problem("red", _("A part of this page failed: %s") % type(error).__name__)


def _ask(steps: list[Step], parts: list[_Part], now: datetime) -> tuple[list[Step], list[_Part]]:
    """Steps with their ticks, and the parts that have something to say; one statement for all."""
    open_steps = [step for step in steps if not isinstance(step.is_done, bool)]
    watched = [part for part in parts if part.only_if is not None]
    queries = [step.is_done for step in open_steps]
    answers = exist_each([*queries, *(part.only_if(now) for part in watched if part.only_if is not None)])
    ticks = dict(zip(map(id, open_steps), answers, strict=False))
    quiet = {
        id(part) for part, is_there in zip(watched, answers[len(open_steps) :], strict=True) if not is_there
    }
    ticked = [replace(step, is_done=ticks.get(id(step), step.is_done)) for step in steps]
    return ticked, [part for part in parts if id(part) not in quiet]
