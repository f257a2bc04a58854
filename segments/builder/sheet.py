"""The whole form: two columns of cards, what its buttons do, and the definition it stands for (segments document, 2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segments.builder.conditions import WRITERS, Inputs, fault_of, read_inputs, write_condition

COLUMNS = ("include", "exclude")
MOST_CARDS = 26
LETTERS = [chr(65 + n) for n in range(26)] + [f"A{chr(65 + n)}" for n in range(26)]
MOST_CONDITIONS = 100


@dataclass(slots=True)
class ConditionForm:
    """A condition's inputs. `pointer` is where it lies in the definition written last; `faults` are told there."""

    kind: str
    inputs: Inputs = field(default_factory=dict)
    name: str = ""  # prefix of its inputs' names, set when drawn
    pointer: str = ""
    faults: list[str] = field(default_factory=list)
    operators: list[tuple[str, str]] = field(default_factory=list)  # what its field can be compared by
    picks: dict[str, list[tuple[str, str, bool]]] = field(default_factory=dict)  # boxes: value, words, ticked
    gone: str = ""  # the field or event it names, when there is none of that name
    template: str = ""  # draws the inputs of a kind of another app


@dataclass(slots=True)
class CardForm:
    op: str = "and"
    is_negated: bool = False
    join: str = "and"  # how it is joined to the card before
    conditions: list[ConditionForm] = field(default_factory=list)
    letter: str = ""
    name: str = ""


@dataclass(slots=True)
class Sheet:
    """`text` holds the definition as JSON where cards cannot draw it."""

    include: list[CardForm] = field(default_factory=list)
    exclude: list[CardForm] = field(default_factory=list)
    text: str = ""
    is_text: bool = False

    def columns(self) -> dict[str, list[CardForm]]:
        return {"include": self.include, "exclude": self.exclude}

    def drawn(self) -> list[tuple[str, list[CardForm]]]:
        """The columns with their letters and the names of their inputs."""
        letters = iter(LETTERS)
        for column, cards in self.columns().items():
            for number, card in enumerate(cards):
                card.letter, card.name = next(letters), f"{column}.{number}"
                for place, condition in enumerate(card.conditions):
                    condition.name = f"{card.name}.{place}"
        return list(self.columns().items())

    def definition(self) -> Any:
        """The JSON the form stands for; notes each condition's pointer."""
        if self.is_text:
            return json.loads(self.text)
        found: dict[str, Any] = {"version": 1, "include": self._included()}
        if self.exclude:
            items = [_card(card, f"/exclude/items/{place}") for place, card in enumerate(self.exclude)]
            found["exclude"] = {"op": "or", "items": items}
        return found

    def _included(self) -> dict[str, Any]:
        """Cards joined by and bind before those joined by or."""
        runs: list[list[CardForm]] = []
        for card in self.include:
            if runs and card.join == "and":
                runs[-1].append(card)
            else:
                runs.append([card])
        if len(runs) <= 1:
            run = runs[0] if runs else []
            if len(run) == 1:
                return _card(run[0], "/include")
            return {"op": "and", "items": [_card(card, f"/include/items/{n}") for n, card in enumerate(run)]}
        items = []
        for place, run in enumerate(runs):
            path = f"/include/items/{place}"
            if len(run) == 1:
                items.append(_card(run[0], path))
            else:
                items.append(
                    {"op": "and", "items": [_card(card, f"{path}/items/{n}") for n, card in enumerate(run)]}
                )
        return {"op": "or", "items": items}

    def conditions(self) -> list[ConditionForm]:
        return [condition for card in [*self.include, *self.exclude] for condition in card.conditions]

    def check(self) -> bool:
        """Note what is no condition yet; whether all are."""
        for condition in self.conditions():
            fault = fault_of(condition.kind, condition.inputs)
            condition.faults = [fault] if fault else []
        return not any(condition.faults for condition in self.conditions())

    def tell(self, path: str, message: str) -> bool:
        """Note a fault at its condition; False when no condition of the form lies there."""
        for condition in self.conditions():
            lies_in = path == condition.pointer or path.startswith(f"{condition.pointer}/")
            if condition.pointer and lies_in:
                condition.faults.append(message)
                return True
        return False


def _card(card: CardForm, path: str) -> dict[str, Any]:
    for place, condition in enumerate(card.conditions):
        condition.pointer = f"{path}/items/{place}"
    items = [write_condition(condition.kind, condition.inputs) for condition in card.conditions]
    return {"op": card.op, "items": items} | ({"not": True} if card.is_negated else {})


def sheet_of(definition: Mapping[str, Any]) -> Sheet:
    """The form of a definition; as JSON when it is deeper than cards."""
    include = _cards_of(definition.get("include"))
    exclude = _excluded(definition.get("exclude"))
    if include is None or exclude is None:
        return text_sheet(definition)
    return Sheet(include, exclude)


def text_sheet(definition: Any) -> Sheet:
    return Sheet(text=json.dumps(definition, ensure_ascii=False, indent=2), is_text=True)


def _cards_of(node: Any) -> list[CardForm] | None:
    """Include as cards: one card, a chain of one connector, or an or of cards and of ands of cards."""
    if _is_card(node):
        return [_read_card(node)]
    if not isinstance(node, dict) or node.get("not"):
        return None
    found: list[CardForm] = []
    for item in node.get("items", []):
        parts = [item]
        if not _is_card(item):
            is_run = (
                node["op"] == "or"
                and isinstance(item, dict)
                and item.get("op") == "and"
                and not item.get("not")
            )
            if not is_run or not all(_is_card(part) for part in item["items"]):
                return None
            parts = item["items"]
        for place, part in enumerate(parts):
            card = _read_card(part)
            card.join = "and" if place else node["op"]
            found.append(card)
    return found


def _excluded(node: Any) -> list[CardForm] | None:
    if node is None:
        return []
    if _is_card(node):
        return [_read_card(node)]
    items = node.get("items", [])
    return [_read_card(item) for item in items] if all(_is_card(item) for item in items) else None


def _is_card(node: Any) -> bool:
    if not isinstance(node, dict) or "op" not in node:
        return False
    return all(isinstance(item, dict) and "op" not in item for item in node.get("items", []))


def _read_card(node: Mapping[str, Any]) -> CardForm:
    conditions = [ConditionForm(*read_inputs(item)) for item in node["items"]]
    return CardForm(str(node["op"]), bool(node.get("not")), "and", conditions)


def read_sheet(posted: Mapping[str, str]) -> Sheet:
    """The form as it was sent: names such as `include.0.1.cmp`; of several ticks the values stand with commas."""
    sheet = Sheet(text=posted.get("text", ""), is_text=posted.get("is_text") == "1")
    for column in COLUMNS:
        cards = sheet.columns()[column]
        for number in range(min(_count(posted, f"{column}.count"), MOST_CARDS)):
            name = f"{column}.{number}"
            card = CardForm(
                "or" if posted.get(f"{name}.op") == "or" else "and", bool(posted.get(f"{name}.not")),
                "or" if posted.get(f"{name}.join") == "or" else "and",
            )  # fmt: skip
            for place in range(min(_count(posted, f"{name}.count"), MOST_CONDITIONS)):
                prefix = f"{name}.{place}."
                inputs = {key[len(prefix) :]: text for key, text in posted.items() if key.startswith(prefix)}
                kind = inputs.pop("kind", "json")
                card.conditions.append(ConditionForm(kind if kind in WRITERS else "json", inputs))
            cards.append(card)
    return sheet


def _count(posted: Mapping[str, str], name: str) -> int:
    text = posted.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def press(sheet: Sheet, button: str, posted: Mapping[str, str]) -> None:
    """Do what a button of the form says: `add-card:include`, `add:include.0`, `drop:include.0.1`, `drop-card:include.0`."""
    verb, _colon, target = button.partition(":")
    if verb == "as-json" and not sheet.is_text:
        sheet.text = json.dumps(sheet.definition(), ensure_ascii=False, indent=2)
        sheet.is_text = True
        return
    column, *rest = target.split(".")
    if column not in COLUMNS or not all(part.isascii() and part.isdigit() for part in rest):
        return
    cards = sheet.columns()[column]
    places = [int(part) for part in rest]
    if verb == "add-card" and len(cards) < MOST_CARDS:
        cards.append(CardForm("and" if column == "include" else "or"))
    elif verb == "add" and places and places[0] < len(cards):
        kind = posted.get(f"{target}.new", "field")
        cards[places[0]].conditions.append(ConditionForm(kind if kind in WRITERS else "json"))
    elif verb == "drop-card" and places and places[0] < len(cards):
        del cards[places[0]]
    elif (
        verb == "drop"
        and len(places) == 2
        and places[0] < len(cards)
        and places[1] < len(cards[places[0]].conditions)
    ):
        del cards[places[0]].conditions[places[1]]
