"""What a drawn condition needs of the catalogue: operators that fit its field, boxes to tick, names that are gone."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from segments.builder.conditions import listed
from segments.builder.forms import registry
from segments.builder.sheet import ConditionForm, Sheet
from segments.catalogue import Catalogue
from segments.leaves import wording
from segments.leaves.field import OPERATORS, column_of
from segments.rules import BrokenReference

PICKS: dict[str, dict[str, str]] = {
    "list": {"value": "lists"}, "segment": {"value": "segments"}, "category": {"value": "categories"},
    "channel": {"value": "statuses"},
}  # fmt: skip
Named = Callable[[str, Collection[str]], Mapping[str, str]]
NAMING = {"field": "fields", "event": "events"}


def dress(sheet: Sheet, choices: Mapping[str, Any], catalogue: Catalogue) -> None:
    """Give every condition of the form what its template shows."""
    for condition in sheet.conditions():
        form = registry.get(condition.kind)
        condition.template = form.template if form is not None else ""
        picks = form.picks if form is not None else PICKS.get(condition.kind, {})
        named = form.named if form is not None else _names_in(catalogue, condition.kind)
        condition.picks = {name: _boxes(condition, name, choices[of], named) for name, of in picks.items()}
        condition.gone = _gone(condition, choices)
        if condition.kind == "field":
            condition.operators = _operators(condition, choices, catalogue)


def _names_in(catalogue: Catalogue, kind: str) -> Named:
    """Names of lists and segments, of which there may be more than are offered."""

    def named(_name: str, values: Collection[str]) -> Mapping[str, str]:
        if kind == "list":
            return {value: name for value in values if (name := catalogue.lists.get(_id(value)))}
        return {value: found.name for value in values if (found := catalogue.segments.get(_id(value)))}

    return named if kind in ("list", "segment") else lambda _name, _values: {}


def _id(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() else 0


def _boxes(
    condition: ConditionForm, name: str, choices: list[tuple[str, str]], named: Named
) -> list[tuple[str, str, bool]]:
    """(value, words, ticked). What is ticked and not offered stays, so that saving does not drop it: by its name, or marked
    where it is gone.
    """
    ticked = dict.fromkeys(listed(condition.inputs.get(name, "")))
    known = {value for value, _words in choices}
    others = [value for value in ticked if value not in known]
    names = named(name, others) if others else {}
    rest = [(value, names.get(value, f"{value} ?"), True) for value in others]
    return [*((value, words, value in ticked) for value, words in choices), *rest]


def _gone(condition: ConditionForm, choices: Mapping[str, Any]) -> str:
    named = condition.inputs.get(condition.kind, "") if condition.kind in NAMING else ""
    known = any(value == named for value, _words in choices[NAMING[condition.kind]]) if named else True
    return "" if known else named


def _operators(
    condition: ConditionForm, choices: Mapping[str, Any], catalogue: Catalogue
) -> list[tuple[str, str]]:
    """Those of the field's type; all of them where the field is gone."""
    first = choices["fields"][0][0]
    try:
        kind = column_of(condition.inputs.get("field") or first, catalogue).type
    except BrokenReference:
        found: list[tuple[str, str]] = choices["field_operators"]
        return found
    return [(cmp, wording.operator(cmp)) for cmp in OPERATORS[kind]]
