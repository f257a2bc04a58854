"""Conditions on the days when contacts were made and changed."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.filters.condition import Condition, FilterError


def by_day(name: str, value: str, zone: ZoneInfo) -> Condition:
    """A day of the account; the end counts whole."""
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise FilterError(
            _("“%(value)s” is no date: write it as 2026-01-31.") % {"value": value[:40]}
        ) from error
    if not 1900 <= day.year <= 2100:
        raise FilterError(_("The year must be between 1900 and 2100."))
    column, is_end, sentence = DAYS[name]
    start = datetime.combine(day + timedelta(days=1) if is_end else day, time(), zone)
    way = "lt" if is_end else "gte"
    text = sentence % {"day": day.isoformat()}
    return Condition("", "", text, lambda rows: rows.filter(**{f"{column}__{way}": start}), bounds=column)


# Parameter → column, whether it is the end, and the words of the chip.
DAYS: dict[str, tuple[str, bool, Any]] = {
    "created_from": ("created_at", False, gettext_lazy("created since %(day)s")),
    "created_to": ("created_at", True, gettext_lazy("created until %(day)s")),
    "updated_from": ("updated_at", False, gettext_lazy("changed since %(day)s")),
    "updated_to": ("updated_at", True, gettext_lazy("changed until %(day)s")),
}
