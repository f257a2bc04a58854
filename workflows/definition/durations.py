"""Lengths of time: ISO 8601 durations, and amounts of a unit."""

import re
from datetime import datetime, timedelta, tzinfo

from workflows.definition.structure import Wait

ISO = re.compile(
    r"P(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,4})D)?(?:T(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,7})S)?)?"
)
LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


def read_duration(text: str) -> timedelta | None:
    """`PT1H`, `P7D`, `P1DT12H`; None when it is none. Months have no fixed length and are not read."""
    found = ISO.fullmatch(text)
    if found is None:
        return None
    parts = {name: int(value) for name, value in found.groupdict().items() if value}
    return timedelta(**parts) if parts else None


def longest(wait: Wait) -> timedelta:
    """How long a wait can be; a month counts 31 days."""
    return wait.n * LENGTHS.get(wait.unit, timedelta(days=31))


def add_months(moment: datetime, months: int) -> datetime:
    """The same day number `months` later or earlier, clipped to the month's end; the clock of `moment` stays."""
    count = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(count, 12)
    first_of_next = datetime(year + (month == 11), (month + 1) % 12 + 1, 1, tzinfo=moment.tzinfo)
    last = (first_of_next - timedelta(days=1)).day
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def add_wait(moment: datetime, wait: Wait, zone: tzinfo) -> datetime:
    """The moment after a wait: a day is 24 hours, a month keeps the day number in `zone`."""
    if wait.unit != "month":
        return moment + wait.n * LENGTHS[wait.unit]
    return add_months(moment.astimezone(zone), wait.n).astimezone(moment.tzinfo)
