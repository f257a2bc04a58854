"""Condition trees: `{"all": […]}`, `{"any": […]}`, `{"not": …}` over leaves `{"left", "op", "right"}`.

Operands are `event.<path>`, `contact.<column>` and `field.<id>`. Comparison is without case and outer blanks, numbers as
numbers when both sides are; a missing operand makes only *is empty* true (product document, 8.1).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

import re2
from django.utils.translation import gettext as _

from cdp.api.moments import read_moment
from workflows.definition.durations import LENGTHS
from workflows.definition.problems import DefinitionRefused, Problem
from workflows.definition.values import MISSING, as_text, find, render, template_fault

DEEPEST, MOST_LEAVES, LONGEST_PATTERN = 5, 50, 500
CONTACT_COLUMNS = frozenset({
    "id", "external_id", "email", "phone", "first_name", "last_name", "address", "town", "region", "postcode", "language",
    "time_zone", "source", "created_at", "updated_at",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaf:
    left: str
    op: str
    right: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """`kind`: all, any or not; `not` has one part."""

    kind: str
    parts: tuple["Leaf | Group", ...]


Tree = Leaf | Group


@dataclass(frozen=True, slots=True)
class Seen:
    """One leaf's verdict with the value it saw."""

    leaf: Leaf
    value: Any
    verdict: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """What a tree is evaluated on: the launch's variables, the contact's columns and additional fields by id."""

    variables: Mapping[str, Any]
    contact: Mapping[str, Any]
    fields: Mapping[str, Any]
    zone: tzinfo = UTC

    def value(self, left: str) -> Any:
        where, _dot, name = left.partition(".")
        if where == "event":
            return find(self.variables, name)
        if where == "contact":
            return self.contact.get(name, MISSING)
        return self.fields.get(name, MISSING)


def read_tree(value: Any, path: str, *, depth: int = 1) -> Tree:
    """A tree from decoded JSON.

    Raises:
        DefinitionRefused: E12 with the path of the wrong part.
    """
    if not isinstance(value, dict):
        raise _fault(_("a condition is an object"), path)
    if depth > DEEPEST:
        raise _fault(_("conditions may be nested %(most)s deep") % {"most": DEEPEST}, path)
    for kind in ("all", "any"):
        if kind in value:
            _refuse_others(value, (kind,), path)
            parts = value[kind]
            if not isinstance(parts, list) or not parts:
                raise _fault(_("needs at least one condition"), f"{path}.{kind}")
            read = (
                read_tree(part, f"{path}.{kind}[{place}]", depth=depth + 1)
                for place, part in enumerate(parts)
            )
            return _counted(Group(kind, tuple(read)), path)
    if "not" in value:
        _refuse_others(value, ("not",), path)
        return Group("not", (read_tree(value["not"], f"{path}.not", depth=depth + 1),))
    return _read_leaf(value, path)


def _counted(tree: Group, path: str) -> Group:
    if sum(1 for _leaf in leaves(tree)) > MOST_LEAVES:
        raise _fault(_("at most %(most)s conditions are possible") % {"most": MOST_LEAVES}, path)
    return tree


def _read_leaf(value: dict[str, Any], path: str) -> Leaf:
    _refuse_others(value, ("left", "op", "right"), path)
    left, op, right = value.get("left"), value.get("op"), value.get("right")
    if not isinstance(left, str):
        raise _fault(_("names what is compared, such as event.total"), f"{path}.left")
    where, _dot, name = left.partition(".")
    known = (
        name in CONTACT_COLUMNS if where == "contact" else name.isdigit() if where == "field" else bool(name)
    )
    if where not in ("event", "contact", "field") or not known:
        text = _("'%(text)s' is neither event.<name>, contact.<column> nor field.<id>") % {"text": left}
        raise _fault(text, f"{path}.left")
    if op not in OPERATORS:
        text = _("unknown operator '%(name)s'; use one of %(known)s")
        raise _fault(text % {"name": op, "known": ", ".join(OPERATORS)}, f"{path}.op")
    fault = _right_fault(str(op), right, has_right="right" in value)
    if fault:
        raise _fault(fault, f"{path}.right")
    return Leaf(left, str(op), right)


def _right_fault(op: str, right: Any, *, has_right: bool) -> str:
    if op in ("is_set", "is_empty"):
        return _("this operator has no right side") if has_right and right is not None else ""
    if op in ("one_of", "not_one_of"):
        return "" if isinstance(right, list) and right else _("is a list of values")
    if op == "between":
        return "" if isinstance(right, list) and len(right) == 2 else _("is a list of two values")
    if op in ("in_last", "in_next"):
        fits = (
            isinstance(right, dict) and set(right) == {"n", "unit"} and right["unit"] in LENGTHS
            and isinstance(right["n"], int) and 1 <= right["n"] <= 100_000
        )  # fmt: skip
        return "" if fits else _('is a length of time such as {"n": 7, "unit": "day"}')
    if right is None or isinstance(right, dict | list):
        return _("needs a value")
    if op == "matches":
        return _pattern_fault(str(right))
    return template_fault(right) if isinstance(right, str) else ""


def _pattern_fault(pattern: str) -> str:
    if len(pattern) > LONGEST_PATTERN:
        return _("a pattern has at most %(most)s characters") % {"most": LONGEST_PATTERN}
    try:
        re2.compile(pattern, QUIET)
    except re2.error as error:
        words = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        return _("is no regular expression: %(why)s") % {"why": words}
    return ""


QUIET = re2.Options()
QUIET.log_errors = False
QUIET.max_mem = 1 << 20


def _refuse_others(value: dict[str, Any], known: tuple[str, ...], path: str) -> None:
    for name in value:
        if name not in known:
            raise _fault(_("unknown key '%(name)s'") % {"name": name}, f"{path}.{name}")


def _fault(text: str, path: str) -> DefinitionRefused:
    return DefinitionRefused([Problem("E12", text, path)])


def leaves(tree: Tree) -> Iterator[Leaf]:
    if isinstance(tree, Leaf):
        yield tree
    else:
        for part in tree.parts:
            yield from leaves(part)


def evaluate(tree: Tree, subject: Subject, *, now: datetime, seen: list[Seen] | None = None) -> bool:
    """The verdict of a tree; with `seen`, every leaf is evaluated and noted."""
    if isinstance(tree, Leaf):
        value = subject.value(tree.left)
        verdict = _verdict(tree, value, subject, now)
        if seen is not None:
            seen.append(Seen(tree, None if value is MISSING else value, verdict))
        return verdict
    verdicts: Iterator[bool] = (evaluate(part, subject, now=now, seen=seen) for part in tree.parts)
    if seen is not None:
        verdicts = iter(list(verdicts))
    if tree.kind == "not":
        return not next(verdicts)
    return all(verdicts) if tree.kind == "all" else any(verdicts)


def _verdict(leaf: Leaf, value: Any, subject: Subject, now: datetime) -> bool:
    right = render(leaf.right, subject.variables).value
    if isinstance(value, list) and leaf.op not in ("is_set", "is_empty"):
        negative = leaf.op.startswith("not_") or leaf.op == "ne"
        positive = "eq" if leaf.op == "ne" else leaf.op.removeprefix("not_")
        found = any(_compare(positive, item, right, subject.zone, now) for item in value)
        return not found if negative else found
    return _compare(leaf.op, value, right, subject.zone, now)


def _compare(op: str, value: Any, right: Any, zone: tzinfo, now: datetime) -> bool:
    empty = value is MISSING or value is None or value == "" or value == []
    if op == "is_empty":
        return empty
    return not empty and OPERATORS[op](value, right, zone, now)


def number(value: Any) -> Decimal | None:
    """A number, or a text that is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _plain(value: Any) -> str:
    return as_text(value).strip().casefold()


def _equal(value: Any, right: Any) -> bool:
    left_number, right_number = number(value), number(right)
    if left_number is not None and right_number is not None:
        return left_number == right_number
    return _plain(value) == _plain(right)


def _moment(value: Any, zone: tzinfo) -> datetime | None:
    return value if isinstance(value, datetime) else read_moment(value, zone)


def _ordered(value: Any, right: Any, zone: tzinfo) -> int | None:
    """-1, 0 or 1 when both are numbers or both are times; None when they cannot be compared."""
    pairs: tuple[tuple[Any, Any], ...] = (
        (number(value), number(right)), (_moment(value, zone), _moment(right, zone)),
    )  # fmt: skip
    for one, other in pairs:
        if one is not None and other is not None:
            return int(one > other) - int(one < other)
    return None


def _order(*fitting: int) -> Callable[..., bool]:
    def compare(value: Any, right: Any, zone: tzinfo, now: datetime) -> bool:  # noqa: ARG001
        return _ordered(value, right, zone) in fitting

    return compare


def _between(value: Any, right: Any, zone: tzinfo, now: datetime) -> bool:  # noqa: ARG001
    return _ordered(value, right[0], zone) in (0, 1) and _ordered(value, right[1], zone) in (-1, 0)


def _near(sign: int) -> Callable[..., bool]:
    def compare(value: Any, right: Any, zone: tzinfo, now: datetime) -> bool:
        moment = _moment(value, zone)
        if moment is None:
            return False
        distance = (moment - now) * sign
        return timedelta(0) <= distance <= int(right["n"]) * LENGTHS[right["unit"]]

    return compare


def _matches(value: Any, right: Any, zone: tzinfo, now: datetime) -> bool:  # noqa: ARG001
    return re2.search(as_text(right), as_text(value), QUIET) is not None


def _text(compare: Callable[[str, str], bool]) -> Callable[..., bool]:
    return lambda value, right, zone, now: compare(_plain(value), _plain(right))  # noqa: ARG005


OPERATORS: dict[str, Callable[..., bool]] = {
    "eq": lambda value, right, zone, now: _equal(value, right),  # noqa: ARG005
    "ne": lambda value, right, zone, now: not _equal(value, right),  # noqa: ARG005
    "is_set": lambda value, right, zone, now: True,  # noqa: ARG005
    "is_empty": lambda value, right, zone, now: False,  # noqa: ARG005
    "contains": _text(lambda value, part: part in value),
    "not_contains": _text(lambda value, part: part not in value),
    "starts_with": _text(str.startswith),
    "not_starts_with": _text(lambda value, part: not value.startswith(part)),
    "ends_with": _text(str.endswith),
    "not_ends_with": _text(lambda value, part: not value.endswith(part)),
    "one_of": lambda value, right, zone, now: any(_equal(value, one) for one in right),  # noqa: ARG005
    "not_one_of": lambda value, right, zone, now: not any(_equal(value, one) for one in right),  # noqa: ARG005
    "matches": _matches,
    "gt": _order(1), "gte": _order(0, 1), "lt": _order(-1), "lte": _order(-1, 0), "between": _between,
    "before": _order(-1), "after": _order(1), "in_last": _near(-1), "in_next": _near(1),
}  # fmt: skip
