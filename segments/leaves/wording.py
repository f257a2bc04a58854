"""Words of conditions, shared by the kinds."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

OPERATORS = {
    "eq": gettext_noop("is"), "ne": gettext_noop("is not (or is empty)"), "in": gettext_noop("is one of"),
    "not_in": gettext_noop("is none of (or is empty)"), "contains": gettext_noop("contains"),
    "not_contains": gettext_noop("does not contain (or is empty)"), "starts_with": gettext_noop("starts with"),
    "not_starts_with": gettext_noop("does not start with (or is empty)"), "ends_with": gettext_noop("ends with"),
    "not_ends_with": gettext_noop("does not end with (or is empty)"), "matches": gettext_noop("matches"),
    "lang_is": gettext_noop("is, in any region,"), "gt": gettext_noop("is greater than"),
    "gte": gettext_noop("is at least"), "lt": gettext_noop("is less than"), "lte": gettext_noop("is at most"),
    "between": gettext_noop("is between"), "not_between": gettext_noop("is not between (or is empty)"),
    "on": gettext_noop("is on"), "before": gettext_noop("is before"), "after": gettext_noop("is after"),
    "within": gettext_noop("is"), "not_within": gettext_noop("is not (or is empty)"),
    "has_any": gettext_noop("has any of"), "has_all": gettext_noop("has all of"),
    "has_none": gettext_noop("has none of (or is empty)"), "has_only": gettext_noop("has only"),
    "is_true": gettext_noop("is yes"), "is_false": gettext_noop("is no"), "is_empty": gettext_noop("is empty"),
    "not_empty": gettext_noop("has a value"), "anniversary": gettext_noop("comes round"), "any": gettext_noop("has one with"),
}  # fmt: skip


def operator(cmp: str) -> str:
    return _(OPERATORS[cmp])


def values(value: Any) -> str:
    """A literal or several, cut at ten."""
    if value is None:
        return ""
    if not isinstance(value, list | tuple):
        return str(value)
    text = ", ".join(str(one) for one in value[:10])
    return f"{text} …" if len(value) > 10 else text
