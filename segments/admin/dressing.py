"""What a drawn condition needs of the catalogue: operators that fit its field, boxes to tick, names that are gone."""

from collections.abc import Mapping
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
NAMING = {"field": "fields", "event": "events"}


def dress(sheet: Sheet, choices: Mapping[str, Any], catalogue: Catalogue) -> None:
    """Give every condition of the form what its template shows."""
    for condition in sheet.conditions():
        form = registry.get(condition.kind)
        condition.template = form.template if form is not None else ""
        picks = form.picks if form is not None else PICKS.get(condition.kind, {})
        condition.picks = {name: _boxes(condition, name, choices[of]) for name, of in picks.items()}
        condition.gone = _gone(condition, choices)
        if condition.kind == "field":
            condition.operators = _operators(condition, choices, catalogue)


def _boxes(
    condition: ConditionForm, name: str, choices: list[tuple[str, str]]
) -> list[tuple[str, str, bool]]:
    """(value, words, ticked); what is ticked and not there any more stays, so that saving does not drop it."""
    ticked = dict.fromkeys(listed(condition.inputs.get(name, "")))
    known = {value for value, _words in choices}
    gone = [(value, f"{value} ?", True) for value in ticked if value not in known]
    return [*((value, words, value in ticked) for value, words in choices), *gone]


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
