"""When a launch goes on: local clock times, weekdays, allowed hours, across changes of the clock."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from workflows.definition.structure import WEEKDAYS

Windows = Mapping[Any, Sequence[tuple[str, str]]]


def read_clock(text: str) -> time | None:
    """`HH:MM` or `HH:MM:SS`; None when it is neither."""
    parts = text.strip().split(":")
    if len(parts) not in (2, 3) or not all(
        len(part) == 2 and part.isascii() and part.isdigit() for part in parts
    ):
        return None
    try:
        return time.fromisoformat(text.strip())
    except ValueError:
        return None


def local_moment(day: date, clock: time, zone: tzinfo) -> datetime:
    """The instant of a local time, in UTC.

    A time that does not exist (clocks went forward) becomes the first valid one after it; of two (clocks went back), the
    first is meant.
    """
    wanted = datetime.combine(day, clock)
    moment = wanted.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wanted:
        return moment
    low, high = wanted.replace(tzinfo=zone, fold=1).astimezone(UTC), moment
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def next_clock(moment: datetime, clock: time, weekdays: Sequence[str], zone: tzinfo) -> datetime:
    """The first instant at or after `moment` that is `clock` on one of `weekdays` (none: every day).

    The minute of `moment` counts: what arrives within the target minute has reached it.
    """
    local = moment.astimezone(zone)
    since = moment.replace(second=0, microsecond=0)
    for ahead in range(9):
        day = local.date() + timedelta(days=ahead)
        if weekdays and WEEKDAYS[day.weekday()] not in weekdays:
            continue
        found = local_moment(day, clock, zone)
        if found >= since:
            return max(found, moment)
    raise ValueError(f"no weekday of {weekdays} is one")


def next_day(moment: datetime, weekdays: Sequence[str], zone: tzinfo) -> datetime:
    """`moment` on one of `weekdays`: at once, else at the same local time of the next such day."""
    local = moment.astimezone(zone)
    if WEEKDAYS[local.weekday()] in weekdays:
        return moment
    return next_clock(moment, local.time(), weekdays, zone)


def next_allowed(moment: datetime, windows: Windows, zone: tzinfo) -> datetime:
    """`moment` when it lies in a window, else the start of the next one.

    A range whose end is not after its start runs past midnight and belongs to the day on which it starts.

    Raises:
        ValueError: there is no window at all.
    """
    local = moment.astimezone(zone)
    later = []
    for ahead in range(-1, 9):
        day = local.date() + timedelta(days=ahead)
        for start, end in windows.get(WEEKDAYS[day.weekday()], ()):
            opens, closes = _range(day, start, end, zone)
            if opens <= moment < closes:
                return moment
            if opens > moment:
                later.append(opens)
    if not later:
        raise ValueError("no hour of the week is allowed")
    return min(later)


def _range(day: date, start: str, end: str, zone: tzinfo) -> tuple[datetime, datetime]:
    first, last = read_clock(start), read_clock(end) if end != "24:00" else time(0)
    if first is None or last is None:
        raise ValueError(f"{start}–{end} is no range of hours")
    ends_on = day if last > first else day + timedelta(days=1)
    return local_moment(day, first, zone), local_moment(ends_on, last, zone)


def is_within(moment: datetime, start: str, end: str, weekdays: Sequence[str], zone: tzinfo) -> bool:
    """Whether local time lies in a range, both ends inclusive to the minute; a range past midnight is its first day's."""
    local = moment.astimezone(zone)
    clock, day = local.strftime("%H:%M"), WEEKDAYS[local.weekday()]
    yesterday = WEEKDAYS[(local.weekday() - 1) % 7]
    if start <= end:
        return start <= clock <= end and (not weekdays or day in weekdays)
    return (clock >= start and (not weekdays or day in weekdays)) or (
        clock <= end and (not weekdays or yesterday in weekdays)
    )
