"""What a cause says about its deliveries right now: go on, hold, or cancel. Kinds of causes register their gate."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum


class Gate(StrEnum):
    OPEN = "open"
    HOLD = "hold"  # paused: the delivery waits
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class CauseState:
    """`name` is what templates read as `campaign.name`."""

    gate: Gate
    name: str = ""


registry: dict[str, Callable[[Collection[int]], dict[int, CauseState]]] = {}


def register_gate(kind: str, read: Callable[[Collection[int]], dict[int, CauseState]]) -> None:
    """`read` gets ids of causes and answers for those it knows, in one query."""
    registry[kind] = read


def read_causes(causes: Collection[tuple[str, int]]) -> dict[tuple[str, int], CauseState]:
    """States by (kind, id); causes that nobody speaks for are missing: they are open."""
    found = {}
    for kind, read in registry.items():
        ids = {cause_id for cause_kind, cause_id in causes if cause_kind == kind}
        if ids:
            found.update({(kind, cause_id): state for cause_id, state in read(ids).items()})
    return found
