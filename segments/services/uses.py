"""Where a segment is used: apps that use segments register a finder in `AppConfig.ready()`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Use:
    """One use: what kind of thing it is, its name, and the address that opens it."""

    kind: Any
    name: str
    url: str = ""


Finder = Callable[[int], Sequence[Use]]

_finders: dict[str, Finder] = {}


def register_use_finder(name: str, finder: Finder) -> None:
    """Add a finder: given a segment's id, the things of an app that use it."""
    _finders[name] = finder


def uses_of(segment_id: int) -> list[Use]:
    """Everything that uses a segment."""
    return [use for name in sorted(_finders) for use in _finders[name](segment_id)]
