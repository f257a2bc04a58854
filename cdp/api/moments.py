"""Dates and times on the wire (API document, 2.3)."""

import zoneinfo
from datetime import UTC, date, datetime, tzinfo
from typing import Any


def read_moment(value: Any, zone: tzinfo) -> datetime | None:
    """A claimed time: ISO 8601 text, without an offset in `zone`. None when unreadable or before the year 2000."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    head, dot, fraction = text.partition(".")
    if dot:  # any number of fraction digits
        digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
        text = f"{head}.{(digits + '000000')[:6]}{fraction[len(digits) :]}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:  # an offset beyond the first or last year
        return None
    return moment if 2000 <= moment.year < 9999 else None


def write_moment(moment: datetime, zone: tzinfo) -> str:
    """Local time without an offset, to the second: `2023-09-14T08:30:03`."""
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def read_date(text: str) -> date | None:
    """`yyyy-MM-dd`, `dd/MM/yyyy`, `dd.MM.yyyy` or `dd.MM.yy`; None when it is none of them or no day of 1900 to 2100.

    Two-digit years up to the next one are of this century, the rest of the last (contacts document, 5.3).
    """
    value = text.strip()
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d.%m.%y"):
        try:
            day = datetime.strptime(value, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
        if form.endswith("%y"):
            short = day.year % 100
            this_year = datetime.now(UTC).year % 100
            day = day.replace(year=2000 + short if short <= this_year + 1 else 1900 + short)
        return day if 1900 <= day.year <= 2100 else None
    return None


def zone_of(name: str) -> tzinfo:
    return zoneinfo.ZoneInfo(name)
