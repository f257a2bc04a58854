"""Operators (segments document, 4.3 and 5): each as SQL of its positive form; a negative one is the exact complement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.utils.translation import gettext as _

from segments.leaves.folding import fold
from segments.leaves.patterns import PatternError, translate
from segments.leaves.windows import Range
from segments.rules.errors import BrokenReference
from segments.rules.members import read_number

NEGATIVE = {
    "ne": "eq", "not_in": "in", "not_contains": "contains", "not_starts_with": "starts_with",
    "not_ends_with": "ends_with", "not_between": "between", "not_within": "within", "has_none": "has_any",
    "is_empty": "not_empty", "in_none": "in_any",
}  # fmt: skip
TEXT = ("eq", "in", "contains", "starts_with", "ends_with", "matches")
LANGUAGE = (*TEXT, "lang_is")
NUMBER = ("eq", "gt", "gte", "lt", "lte", "between")
MOMENT = ("on", "before", "after", "within")
SEVERAL = ("has_any", "has_all", "has_only")
TRUTH = ("is_true", "is_false")
SIGNS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
MOST_VALUES = 1_000
LONGEST_VALUE = 1_000

Sql = tuple[str, tuple[Any, ...]]


def with_negatives(*positives: Sequence[str]) -> tuple[str, ...]:
    """The operators of these groups, their negatives, and the two about emptiness."""
    own = [cmp for group in positives for cmp in group]
    more = [negative for negative, positive in NEGATIVE.items() if positive in own]
    return (*own, *more, "not_empty", "is_empty")


def positive_of(cmp: str) -> tuple[str, bool]:
    """The positive operator, and whether `cmp` is its complement."""
    return NEGATIVE.get(cmp, cmp), cmp in NEGATIVE


def bad_value(message: str) -> BrokenReference:
    return BrokenReference("bad_value", message)


@dataclass(frozen=True, slots=True)
class TextValue:
    """Text as SQL: `folded` without case, `exact` trimmed, `raw` as it is (for patterns)."""

    folded: str
    exact: str
    raw: str


def text_literal(value: Any, *, exact: bool = False) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or "\0" in str(value):
        raise bad_value(_("must be text"))
    text = str(value)
    if len(text) > LONGEST_VALUE:
        raise bad_value(_("must be at most %(most)s characters") % {"most": LONGEST_VALUE})
    return text.strip() if exact else fold(text)


def literals(value: Any, read: Callable[[Any], Any]) -> list[Any]:
    """A list of literals, each read; one stands for a list of one."""
    found = value if isinstance(value, list) else [value]
    if not found or len(found) > MOST_VALUES:
        raise bad_value(_("must be a list of 1 to %(most)s values") % {"most": MOST_VALUES})
    return [read(one) for one in found]


def text_sql(text: TextValue, cmp: str, value: Any, *, exact: bool) -> Sql:
    """The positive text operators; false or null for an empty value.

    Raises:
        BrokenReference: the literal does not fit.
    """
    column = text.exact if exact else text.folded
    if cmp == "not_empty":
        return f"{text.exact} <> ''", ()
    if cmp == "matches":
        try:
            pattern = translate(value) if isinstance(value, str) else ""
        except PatternError as error:
            raise bad_value(str(error)) from error
        if not pattern:
            raise bad_value(_("must be a pattern"))
        return f"({text.exact} <> '' AND {text.raw} {'~' if exact else '~*'} %s)", (pattern,)
    if cmp == "in":
        found = sorted({one for one in literals(value, lambda v: text_literal(v, exact=exact)) if one})
        return f"{column} = ANY(%s)", (found,)
    literal = text_literal(value, exact=exact)
    if not literal:
        raise bad_value(_("must not be empty; use is_empty"))
    if cmp == "lang_is":
        return f"({column} = %s OR starts_with({column}, %s))", (literal, f"{literal}-")
    forms = {
        "eq": f"{column} = %s", "contains": f"strpos({column}, %s) > 0", "starts_with": f"starts_with({column}, %s)",
    }  # fmt: skip
    if cmp == "ends_with":
        return f"right({column}, {len(literal)}) = %s", (literal,)
    return forms[cmp], (literal,)


def number_literal(value: Any) -> Decimal:
    found = read_number(value)
    if found is None:
        raise bad_value(_("must be a number"))
    return found


def number_ends(value: Any) -> tuple[Decimal, Decimal]:
    if not isinstance(value, list) or len(value) != 2:
        raise bad_value(_("must be a list of two numbers"))
    low, high = number_literal(value[0]), number_literal(value[1])
    if low > high:
        raise bad_value(_("must hold the smaller number first"))
    return low, high


def number_sql(column: str, cmp: str, value: Any) -> Sql:
    """The positive number operators over a numeric expression."""
    if cmp == "not_empty":
        return f"{column} IS NOT NULL", ()
    if cmp == "between":
        return f"{column} BETWEEN %s AND %s", number_ends(value)
    if cmp == "in":
        return f"{column} = ANY(%s)", (literals(value, number_literal),)
    return f"{column} {SIGNS[cmp]} %s", (number_literal(value),)


def holds(number: Decimal, cmp: str, value: Any) -> bool:
    """The positive number operators in Python."""
    if cmp == "not_empty":
        return True
    if cmp == "between":
        low, high = number_ends(value)
        return low <= number <= high
    other = number_literal(value)
    return {"eq": number == other, "gt": number > other, "gte": number >= other, "lt": number < other,
            "lte": number <= other}[cmp]  # fmt: skip


MomentKind = Literal["timestamptz", "text"]


def range_sql(column: str, found: Range, kind: MomentKind = "timestamptz") -> Sql:
    """Whether an instant lies in a range. Kind `text`: kept as `2026-01-31T10:20:00Z`, compared as text."""
    parts, params = [], []
    for bound, sign in ((found.low, ">="), (found.high, "<=" if found.high_included else "<")):
        if bound is None:
            continue
        if kind == "timestamptz":
            parts.append(f"{column} {sign} %s")
            params.append(bound)
        else:
            parts.append(f'left({column}, 19) COLLATE "C" {sign} %s')
            params.append(_second(bound, up=sign != "<="))
    text = " AND ".join(parts) if parts else f"{column} IS NOT NULL"
    return f"({text})", tuple(params)


def _second(bound: datetime, *, up: bool) -> Any:
    whole = bound.astimezone(UTC).replace(microsecond=0)
    if up and whole != bound:
        whole += timedelta(seconds=1)
    return whole.strftime("%Y-%m-%dT%H:%M:%S")
