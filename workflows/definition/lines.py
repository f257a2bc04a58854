"""Where in a JSON text a place of the document stands, so that a fault leads to its line."""

import re
from json import JSONDecodeError, JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]

PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
BLANK = re.compile(r"[ \t\n\r]*")
DECODER = JSONDecoder()


def line_of(text: str, path: str) -> int:
    """The line, from 1, on which `nodes[2].data.params` begins; of a path that leads further than the text, where it ends.

    0 for a text that is no JSON, or an empty path.
    """
    if not path:
        return 0
    try:
        place = _follow(text, [(number, name) for number, name in PART.findall(path)])
    except (JSONDecodeError, IndexError, RecursionError):
        return 0
    return text.count("\n", 0, place) + 1


def _follow(text: str, parts: list[tuple[str, str]]) -> int:
    place = _blank(text, 0)
    for number, name in parts:
        found = _item(text, place, int(number)) if number else _member(text, place, name)
        if found is None:
            break
        place = found
    return place


def _item(text: str, place: int, number: int) -> int | None:
    """Where an item of the array at `place` begins; None when there is no such item, or no array."""
    if text[place] != "[":
        return None
    place = _blank(text, place + 1)
    while text[place] != "]":
        if number == 0:
            return place
        place, number = _next(text, DECODER.raw_decode(text, place)[1]), number - 1
    return None


def _member(text: str, place: int, name: str) -> int | None:
    """Where the value of a member of the object at `place` begins; None when there is no such member, or no object."""
    if text[place] != "{":
        return None
    place = _blank(text, place + 1)
    while text[place] != "}":
        key, place = scanstring(text, place + 1)
        place = _blank(text, _blank(text, place) + 1)
        if key == name:
            return place
        place = _next(text, DECODER.raw_decode(text, place)[1])
    return None


def _next(text: str, place: int) -> int:
    """Behind the comma after a value, or at the bracket that closes."""
    place = _blank(text, place)
    return _blank(text, place + 1) if text[place] == "," else place


def _blank(text: str, place: int) -> int:
    found = BLANK.match(text, place)
    return found.end() if found else place
