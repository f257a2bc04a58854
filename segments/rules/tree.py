"""The definition of a dynamic segment as a tree: groups and conditions over sets of contacts (segments document, 2 and 4).

Result = include ∖ exclude within the universe. Frozen, validated on construction, without the database.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext as _

from segments.rules.errors import RuleError
from segments.rules.members import canonical_text

if TYPE_CHECKING:
    from segments.leaves.base import Leaf

MOST_CONDITIONS = 100
DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Condition:
    """One leaf. `form` is its canonical JSON without `not` and `label`: equal conditions have equal forms."""

    leaf: "Leaf"
    form: str
    is_negated: bool = False
    label: str = ""

    def as_json(self) -> dict[str, Any]:
        more: dict[str, Any] = {"not": True} if self.is_negated else {}
        form: dict[str, Any] = json.loads(self.form)
        return form | more | ({"label": self.label} if self.label else {})


@dataclass(frozen=True, slots=True)
class Group:
    """`and` is intersection, `or` is union; a negated group is the complement within the universe."""

    op: Literal["and", "or"]
    items: "tuple[Group | Condition, ...]"
    is_negated: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        if self.op not in ("and", "or"):
            raise RuleError("/op", "bad_value", _("must be one of %(known)s") % {"known": "and, or"})
        if not self.items:
            raise RuleError("/items", "empty_group", _("must hold at least one condition"))

    def as_json(self) -> dict[str, Any]:
        more: dict[str, Any] = {"not": True} if self.is_negated else {}
        found = {"op": self.op, "items": [item.as_json() for item in self.items]} | more
        return found | ({"label": self.label} if self.label else {})


@dataclass(frozen=True, slots=True)
class Definition:
    """What a segment holds. `ui` belongs to the editor and means nothing here."""

    include: Group
    exclude: Group | None = None
    ui: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = sum(1 for _condition in self.conditions())
        if count > MOST_CONDITIONS:
            text = _("must hold at most %(most)s conditions, not %(count)s")
            raise RuleError("", "too_many_conditions", text % {"most": MOST_CONDITIONS, "count": count})
        if self.exclude is not None and (self.exclude.op != "or" or self.exclude.is_negated):
            text = _("must be or, without not: any match there takes a contact out")
            raise RuleError("/exclude/op", "bad_value", text)
        for name, group in (("include", self.include), ("exclude", self.exclude)):
            if group is not None and depth(group) > DEEPEST:
                text = _("must be nested at most %(most)s levels") % {"most": DEEPEST}
                raise RuleError(f"/{name}", "too_deep", text)

    def conditions(self) -> Iterator[Condition]:
        """Every condition, in reading order."""
        yield from walk(self.include)
        if self.exclude is not None:
            yield from walk(self.exclude)

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"version": 1, "include": self.include.as_json()}
        if self.exclude is not None:
            found["exclude"] = self.exclude.as_json()
        return found | ({"ui": dict(self.ui)} if self.ui else {})

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical form; labels and `ui` do not count."""
        form: dict[str, Any] = {"version": 1, "include": canonical_node(self.include)}
        if self.exclude is not None:
            form["exclude"] = canonical_node(self.exclude)
        return hashlib.sha256(canonical_text(form).encode()).hexdigest()


def walk(node: Group | Condition) -> Iterator[Condition]:
    if isinstance(node, Condition):
        yield node
    else:
        for item in node.items:
            yield from walk(item)


def located(definition: Definition) -> Iterator[tuple[str, Condition]]:
    """Every condition with its JSON pointer."""
    for name, group in (("/include", definition.include), ("/exclude", definition.exclude)):
        if group is not None:
            yield from _located(group, name)


def _located(node: Group | Condition, path: str) -> Iterator[tuple[str, Condition]]:
    if isinstance(node, Condition):
        yield path, node
        return
    for place, item in enumerate(node.items):
        yield from _located(item, f"{path}/items/{place}")


def depth(node: Group | Condition) -> int:
    """Levels of groups: a group of conditions is 1."""
    return 0 if isinstance(node, Condition) else 1 + max(depth(item) for item in node.items)


def canonical_node(node: Group | Condition) -> dict[str, Any]:
    """Keys sorted when written, defaults and labels dropped, groups of one without `not` taken for their item."""
    if isinstance(node, Condition):
        form: dict[str, Any] = json.loads(node.form)
        return form | ({"not": True} if node.is_negated else {})
    items = [canonical_node(item) for item in node.items]
    if len(items) == 1 and not node.is_negated:
        return items[0]
    return {"op": node.op, "items": items} | ({"not": True} if node.is_negated else {})
