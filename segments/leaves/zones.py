"""The zones contacts may live in, for windows that follow each contact's own day."""

import zoneinfo
from datetime import date, datetime, tzinfo
from functools import cache

from segments.leaves.windows import Range, Window, local_day


@cache
def all_zones() -> dict[str, tzinfo]:
    """Every zone a contact can have, by name."""
    names = (name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
    return {name: zoneinfo.ZoneInfo(name) for name in sorted(names)}


def local_days(now: datetime) -> dict[str, date]:
    return {name: local_day(now, zone) for name, zone in all_zones().items()}


def ranges(window: Window, now: datetime) -> dict[str, Range]:
    """What a window means in each zone."""
    return {name: window.range(now, zone) for name, zone in all_zones().items()}
