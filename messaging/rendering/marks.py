"""Protects Liquid from everything that reads markup: each `{{ … }}` and `{% … %}` becomes a mark and returns later.

Marks are small Latin letters around a number, so compilers, parsers and escaping pass them through.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

OPEN, CLOSE = "zqliq", "qz"
LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
MARK = re.compile(f"{OPEN}(\\d+){CLOSE}")
SHORT_FORM = re.compile(r"%([A-Z][A-Z0-9_]*)%")


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Both from 1."""
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


@dataclass(slots=True)
class Marked:
    """A text with its Liquid taken out.

    `pieces[n]` stood at `places[n]` (line, column) of the author's text, written there as `originals[n]`.
    """

    text: str
    pieces: list[str] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    originals: list[str] = field(default_factory=list)

    def add(self, piece: str, place: tuple[int, int] = (0, 0), original: str | None = None) -> str:
        """A mark for one more piece."""
        self.pieces.append(piece)
        self.places.append(place)
        self.originals.append(piece if original is None else original)
        return f"{OPEN}{len(self.pieces) - 1}{CLOSE}"


@dataclass(frozen=True, slots=True)
class Restored:
    """A text with its Liquid back in. `positions`: (index in `text`, line, column in the author's text), ascending."""

    text: str
    positions: list[tuple[int, int, int]]

    def place(self, index: int) -> tuple[int, int]:
        return place_in(self.positions, index)


def place_in(positions: list[tuple[int, int, int]], index: int) -> tuple[int, int]:
    """The author's (line, column) of the piece that covers `index`, or the nearest before it; (0, 0) for none."""
    found = bisect_right(positions, index, key=lambda position: position[0]) - 1
    while found >= 0 and not positions[found][1]:
        found -= 1
    return positions[found][1:] if found >= 0 else (0, 0)


def protect(source: str, fields: dict[str, str]) -> Marked:
    """Take the Liquid out; short forms such as `%FIRSTNAME%` of known fields become Liquid on the way.

    Args:
        fields: short name → Liquid path.
    """
    marked = Marked("")
    parts: list[str] = []
    end = 0
    for match in LIQUID.finditer(source):
        parts.append(_short_forms(source, end, match.start(), fields, marked))
        parts.append(marked.add(match.group(), line_and_column(source, match.start())))
        end = match.end()
    parts.append(_short_forms(source, end, len(source), fields, marked))
    marked.text = "".join(parts)
    return marked


def _short_forms(source: str, start: int, end: int, fields: dict[str, str], marked: Marked) -> str:
    piece = source[start:end].replace(OPEN, "")
    if "%" not in piece:
        return piece

    def exchange(match: re.Match[str]) -> str:
        path = fields.get(match.group(1))
        if path is None:
            return match.group()
        place = line_and_column(source, start + match.start())
        return marked.add(f"{{{{ {path} }}}}", place, match.group())

    return SHORT_FORM.sub(exchange, piece)


def restore(text: str, marked: Marked) -> Restored:
    """Put the pieces back where their marks are."""
    parts: list[str] = []
    positions: list[tuple[int, int, int]] = []
    length = end = 0
    for match in MARK.finditer(text):
        number = int(match.group(1))
        literal = text[end : match.start()]
        parts += (literal, marked.pieces[number])
        positions.append((length + len(literal), *marked.places[number]))
        length += len(literal) + len(marked.pieces[number])
        end = match.end()
    parts.append(text[end:])
    return Restored("".join(parts), positions)
