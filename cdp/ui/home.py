"""The home page: what needs attention, first steps, figures. Apps register theirs in `AppConfig.ready()`.

Each part is one or two cheap queries; one that fails is left out with a word and never takes the page down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

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
    """A first step of a new installation, ticked by itself."""

    text: Any
    is_done: bool
    link: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    read: Callable[[datetime], list[Any]]
    permission: str
    order: int


_parts: dict[str, list[_Part]] = {"problems": [], "tiles": [], "steps": []}


def register_home(
    kind: str, read: Callable[[datetime], list[Any]], *, permission: str, order: int = 0
) -> None:
    """Add a part: `read(now)` gives problems, tiles or steps, shown to who has the permission."""
    if all(part.read is not read for part in _parts[kind]):
        _parts[kind].append(_Part(read, permission, order))
        _parts[kind].sort(key=lambda part: part.order)


def add_home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The theme's callback: put the parts this user may see into the context of the index."""
    now = timezone.now()
    found: dict[str, list[Any]] = {}
    for kind, parts in _parts.items():
        found[kind] = []
        for part in parts:
            if request.user.has_perm(part.permission):
                try:
                    found[kind] += part.read(now)
                except DatabaseError as error:
                    log.exception("home_part_failed", part=part.read.__qualname__)
                    found["problems"].append(
                        Problem("red", _("A part of this page failed: %s") % type(error).__name__)
                    )
    steps = found["steps"]
    context |= {
        "title": _("Home"),
        "problems": found["problems"],
        "tiles": found["tiles"],
        "steps": steps if any(not step.is_done for step in steps) else [],
    }
    return context
