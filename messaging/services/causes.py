"""What a cause says of its deliveries right now: go on, hold, or cancel; and what people call it. Kinds register both."""

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


@dataclass(frozen=True, slots=True)
class CauseName:
    """What people call a cause, and its page; whoever lacks `permission` gets the name without the link."""

    name: str
    address: str
    permission: str


namers: dict[str, Callable[[Collection[int]], dict[int, CauseName]]] = {}


def register_names(kind: str, read: Callable[[Collection[int]], dict[int, CauseName]]) -> None:
    """`read` gets ids of causes, at most a page of them, and answers for those it knows, in a fixed number of queries."""
    namers[kind] = read


def name_causes(causes: Collection[tuple[str, int]]) -> dict[tuple[str, int], CauseName]:
    """Names by (kind, id), a fixed number of queries a kind; causes of kinds without names, and what is gone, are missing."""
    found = {}
    for kind, read in namers.items():
        ids = {cause_id for cause_kind, cause_id in causes if cause_kind == kind}
        if ids:
            found.update({(kind, cause_id): name for cause_id, name in read(ids).items()})
    return found
