"""The registry of condition kinds: apps add theirs in `AppConfig.ready()` (see the package's docstring)."""

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from segments.leaves.base import Leaf

Kind = TypeVar("Kind", bound="type[Leaf]")

_kinds: "dict[str, type[Leaf]]" = {}


def register_leaf(leaf_class: Kind) -> Kind:
    """Add a kind; usable as a decorator.

    Raises:
        ValueError: another class has the kind's name.
    """
    known = _kinds.get(leaf_class.kind)
    if known is not None and known is not leaf_class:
        raise ValueError(f"the condition kind {leaf_class.kind!r} is registered twice")
    _kinds[leaf_class.kind] = leaf_class
    return leaf_class


def find_kind(name: str) -> "type[Leaf] | None":
    return _kinds.get(name)


def kinds() -> list[str]:
    return sorted(_kinds)
