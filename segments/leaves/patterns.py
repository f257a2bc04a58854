"""Regular expressions of conditions: the RE2 subset that means the same everywhere, written anew for PostgreSQL.

The pattern is parsed, not passed on: no back references, no look-around, repeats of at most 255, so that no pattern can
bring the database to its knees.
"""

import re
import re._constants as c  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from typing import Any

from django.utils.translation import gettext as _

LONGEST = 200
MOST_REPEATS = 255
MOST_WEIGHT = 2_000
CATEGORIES = {
    c.CATEGORY_DIGIT: "[0-9]", c.CATEGORY_NOT_DIGIT: "[^0-9]", c.CATEGORY_SPACE: "[ \\t\\n\\r\\f\\v]",
    c.CATEGORY_NOT_SPACE: "[^ \\t\\n\\r\\f\\v]", c.CATEGORY_WORD: "[0-9A-Za-z_]", c.CATEGORY_NOT_WORD: "[^0-9A-Za-z_]",
}  # fmt: skip
INSIDE = {key: value[1:-1] for key, value in CATEGORIES.items() if not value.startswith("[^")}
ANCHORS = {
    c.AT_BEGINNING: "^", c.AT_BEGINNING_STRING: "\\A", c.AT_END: "$", c.AT_END_STRING: "\\Z", c.AT_BOUNDARY: "\\y",
    c.AT_NON_BOUNDARY: "\\Y",
}  # fmt: skip


class PatternError(ValueError):
    """The pattern is wrong or uses what is not supported; the message says which."""


def translate(pattern: str) -> str:
    """A pattern for PostgreSQL's `~`.

    Raises:
        PatternError: too long, malformed, or beyond the subset.
    """
    if not pattern or len(pattern) > LONGEST:
        raise PatternError(_("must be a pattern of 1 to %(most)s characters") % {"most": LONGEST})
    try:
        tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(_("is not a pattern: %(why)s") % {"why": error}) from error
    if tree.state.flags & ~re.UNICODE:
        raise PatternError(_("must not set flags"))
    text, weight = _sequence(tree)
    if weight > MOST_WEIGHT:
        raise PatternError(_("repeats too much"))
    return f"(?:{text})"


def _sequence(items: Any) -> tuple[str, int]:
    parts = [_item(op, value) for op, value in items]
    return "".join(text for text, _weight in parts), sum(weight for _text, weight in parts)


def _item(op: Any, value: Any) -> tuple[str, int]:
    if op is c.LITERAL:
        return _escape(value), 1
    if op is c.NOT_LITERAL:
        return f"[^{_escape_inside(value)}]", 1
    if op is c.ANY:
        return "[^\\n]", 1
    if op is c.IN:
        return _class(value), 1
    if op is c.AT and value in ANCHORS:
        return ANCHORS[value], 1
    if op is c.BRANCH:
        branches = [_sequence(branch) for branch in value[1]]
        return f"(?:{'|'.join(text for text, _weight in branches)})", sum(
            weight for _text, weight in branches
        )
    if op is c.SUBPATTERN:
        _group, add, drop, inner = value
        if add or drop:
            raise PatternError(_("must not set flags"))
        text, weight = _sequence(inner)
        return f"(?:{text})", weight
    if op in (c.MAX_REPEAT, c.MIN_REPEAT):
        return _repeat(*value)
    name = str(op).lower().replace("_", " ")
    raise PatternError(_("uses what is not supported: %(name)s") % {"name": name})


def _repeat(least: int, most: Any, inner: Any) -> tuple[str, int]:
    text, weight = _sequence(inner)
    endless = most is c.MAXREPEAT
    if least > MOST_REPEATS or (not endless and most > MOST_REPEATS):
        raise PatternError(_("must repeat at most %(most)s times") % {"most": MOST_REPEATS})
    bounds = {(0, True): "*", (1, True): "+"}.get((least, endless))
    if bounds is None:
        bounds = f"{{{least},{'' if endless else most}}}"
    return f"(?:{text}){bounds}", weight * max(1, least if endless else most)


def _class(items: Any) -> str:
    is_negated = items[0][0] is c.NEGATE
    parts = []
    for op, value in items[is_negated:]:
        if op is c.LITERAL:
            parts.append(_escape_inside(value))
        elif op is c.RANGE:
            parts.append(f"{_escape_inside(value[0])}-{_escape_inside(value[1])}")
        elif op is c.CATEGORY and value in INSIDE:
            parts.append(INSIDE[value])
        elif op is c.CATEGORY and len(items) - is_negated == 1 and not is_negated:
            return CATEGORIES[value]
        else:
            raise PatternError(_("uses a class that is not supported inside brackets"))
    return f"[{'^' if is_negated else ''}{''.join(parts)}]"


def _escape(code: int) -> str:
    sign = chr(code)
    return (
        sign
        if sign.isalnum() or sign in " _" or code > 0x7F
        else f"\\x{code:02x}"
        if code < 0x20
        else f"\\{sign}"
    )


def _escape_inside(code: int) -> str:
    sign = chr(code)
    return (
        sign
        if sign.isalnum() or sign in " _" or code > 0x7F
        else f"\\x{code:02x}"
        if code < 0x20
        else f"\\{sign}"
    )
