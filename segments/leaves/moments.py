"""Dates and instants compared with a literal or a window: what `on`, `before`, `after` and `within` mean."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.utils.translation import gettext as _

from cdp.api.moments import read_moment
from segments.leaves.operators import bad_value
from segments.leaves.windows import Days, Range, Window, is_date, local_day, midnight

ONE = timedelta(microseconds=1)


def day_of(value: Any, zone: tzinfo) -> date:
    """A literal as a local date.

    Raises:
        BrokenReference: neither a date nor an ISO date with time.
    """
    if isinstance(value, str) and is_date(value):
        return date.fromisoformat(value)
    moment = read_moment(value, zone)
    if moment is None:
        raise bad_value(_("must be a date such as 2026-01-31 or an ISO date with time"))
    return local_day(moment, zone)


def days_of(cmp: str, value: Any, window: Window | None, today: date, zone: tzinfo) -> Days:
    """The dates a date field must lie in."""
    if window is not None:
        if window.unit in ("minute", "hour"):
            raise bad_value(_("a date is compared by days, weeks, months or years"))
        return window.days(today)
    day = day_of(value, zone)
    if cmp == "on":
        return Days(day, day)
    return Days(None, day - timedelta(days=1)) if cmp == "before" else Days(day + timedelta(days=1), None)


def range_of(cmp: str, value: Any, window: Window | None, now: datetime, zone: tzinfo) -> Range:
    """The instants a date with time must lie in. A plain date is its local midnight to the next."""
    if window is not None:
        return window.range(now, zone)
    if isinstance(value, str) and is_date(value):
        low = midnight(date.fromisoformat(value), zone)
        high = midnight(date.fromisoformat(value) + timedelta(days=1), zone)
    else:
        moment = read_moment(value, zone)
        if moment is None:
            raise bad_value(_("must be a date such as 2026-01-31 or an ISO date with time"))
        low, high = moment.astimezone(UTC), moment.astimezone(UTC) + ONE
    if cmp == "on":
        return Range(low, high)
    return Range(None, low) if cmp == "before" else Range(high, None)
