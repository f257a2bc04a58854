"""JSON → tree, with every fault at its pointer."""

from typing import Any

from django.utils.translation import gettext as _

from segments.leaves.registry import find_kind, kinds
from segments.rules.errors import DefinitionError, RuleError, RuleFault
from segments.rules.members import Members, canonical_text
from segments.rules.tree import DEEPEST, Condition, Definition, Group

HIGHEST_LEVEL = DEEPEST + 20  # a bound for the stack; the rule itself is the tree's


def read_definition(data: Any) -> Definition:
    """The tree of a definition.

    Raises:
        DefinitionError: every fault found, each with its JSON pointer.
    """
    faults: list[RuleFault] = []
    try:
        members = Members(data, "")
        if members.take("version", 1) != 1:
            raise members.fail("version", _("must be 1"))
        members.choice("timezone", ("account",), "account")
        ui = members.take("ui", {})
        if not isinstance(ui, dict):
            raise members.fail("ui", _("must be an object"))
        include = _read_node(members.take("include"), "/include", faults, level=1)
        outer = members.take("exclude", None)
        exclude = None if outer is None else _read_node(outer, "/exclude", faults, level=1)
        members.finish()
        for name, node in (("include", include), ("exclude", exclude)):
            if isinstance(node, Condition):
                raise RuleError(f"/{name}", "bad_value", _("must be a group with op and items"))
        if not faults:
            return Definition(include, exclude, ui)  # type: ignore[arg-type]
    except RuleError as error:
        faults.append(error.fault)
    raise DefinitionError(faults)


def _read_node(data: Any, path: str, faults: list[RuleFault], *, level: int) -> Group | Condition | None:
    """A node, or None when it or something in it has faults, which are noted."""
    try:
        if level > HIGHEST_LEVEL:
            raise RuleError(path, "too_deep", _("must be nested at most %(most)s levels") % {"most": DEEPEST})
        members = Members(data, path)
        label = members.text("label", "", most=100)
        is_negated = members.flag("not")
        if "op" in members.data or "items" in members.data:
            return _read_group(members, faults, label=label, is_negated=is_negated, level=level)
        return read_condition(members, label=label, is_negated=is_negated)
    except RuleError as error:
        faults.append(error.fault)
        return None


def _read_group(
    members: Members, faults: list[RuleFault], *, label: str, is_negated: bool, level: int
) -> Group | None:
    op = members.choice("op", ("and", "or"))
    items = members.take("items")
    if not isinstance(items, list):
        raise members.fail("items", _("must be a list"))
    if not items:
        raise members.fail("items", _("must hold at least one condition"), "empty_group")
    members.finish()
    path = members.at("items")
    found = [_read_node(item, f"{path}/{place}", faults, level=level + 1) for place, item in enumerate(items)]
    if any(node is None for node in found):
        return None
    return Group(op, tuple(node for node in found if node is not None), is_negated, label)  # type: ignore[arg-type]


def read_condition(members: Members, *, label: str = "", is_negated: bool = False) -> Condition:
    """A condition by its kind.

    Raises:
        RuleError: the first fault of it.
    """
    kind = members.take("kind", None)
    if not isinstance(kind, str) or (leaf_class := find_kind(kind)) is None:
        text = _("must be one of %(known)s") % {"known": ", ".join(kinds())}
        raise members.fail("kind", text, "unknown_kind")
    for name in ("label", "not"):
        members.canonical.pop(name, None)
    leaf = leaf_class.read(members)
    members.finish()
    return Condition(leaf, canonical_text({"kind": kind} | members.canonical), is_negated, label)
