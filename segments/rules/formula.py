"""The equation of a definition: letters for cards, `(A and B) - C` (segments document, 2)."""

from collections.abc import Iterator
from dataclasses import dataclass

from segments.rules.tree import Condition, Definition, Group


@dataclass(frozen=True, slots=True)
class Card:
    """A group that holds only conditions, drawn as a card; `letter` names it in the formula."""

    letter: str
    group: Group
    is_excluding: bool = False


def is_card(node: Group | Condition) -> bool:
    return isinstance(node, Condition) or all(isinstance(item, Condition) for item in node.items)


def letters() -> Iterator[str]:
    """A … Z, AA, AB …"""
    count = 0
    while True:
        text, rest = "", count
        while rest >= 0:
            text = chr(65 + rest % 26) + text
            rest = rest // 26 - 1
        yield text
        count += 1


def cards(definition: Definition) -> list[Card]:
    """The cards in reading order; a lone condition counts as a card of one."""
    names = letters()
    found = [Card(next(names), group) for group in _cards_of(definition.include)]
    if definition.exclude is not None:
        found += [Card(next(names), group, True) for group in _excluded(definition.exclude)]
    return found


def formula(definition: Definition) -> str:
    names = letters()
    text = _write(definition.include, names)
    if definition.exclude is None:
        return text
    if not is_card(definition.include) or definition.include.is_negated:
        text = f"({text})" if " " in text and not _is_bracketed(text) else text
    return f"{text} - {' - '.join(_write_card(group, names) for group in _excluded(definition.exclude))}"


def _excluded(group: Group) -> list[Group]:
    """Cards of the right column: the groups of it, or the column itself when it holds conditions."""
    return [group] if is_card(group) else _cards_of(group)


def _cards_of(node: Group | Condition) -> list[Group]:
    if isinstance(node, Condition):
        return [Group("and", (node,))]
    return [node] if is_card(node) else [card for item in node.items for card in _cards_of(item)]


def _write_card(group: Group, names: Iterator[str]) -> str:
    return f"not {next(names)}" if group.is_negated else next(names)


def _write(node: Group | Condition, names: Iterator[str], *, inside: bool = False) -> str:
    if isinstance(node, Condition):
        return next(names)
    if is_card(node):
        return _write_card(node, names)
    text = f" {node.op} ".join(_write(item, names, inside=True) for item in node.items)
    if node.is_negated:
        return f"not ({text})"
    return f"({text})" if inside and len(node.items) > 1 else text


def _is_bracketed(text: str) -> bool:
    level = 0
    for place, sign in enumerate(text):
        level += (sign == "(") - (sign == ")")
        if level == 0 and place < len(text) - 1:
            return False
    return text.startswith("(")
