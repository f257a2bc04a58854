"""Windows of time (segments document, 4.4): what they mean as instants, and as days for dates without a time.

Rolling windows are exact; calendar words use the account's zone, or each contact's with `zone: contact`. All end no later
than *now*, except `next`.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django.utils.translation import gettext as _

from cdp.api.moments import read_moment
from segments.rules.members import Members

TYPES = ("all", "last", "ago", "older", "between_ago", "period", "absolute", "next")
UNITS = ("minute", "hour", "day", "week", "month", "year")
EXACT = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
PERIODS = (
    "today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_quarter", "last_quarter",
    "this_year", "last_year",
)  # fmt: skip
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
PLAIN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST = 10_000
EARLIEST, LATEST = date(2, 1, 1), date(9998, 12, 31)  # a zone's offset must not lead out of the calendar


@dataclass(frozen=True, slots=True)
class Span:
    """An amount of a unit."""

    amount: int
    unit: str

    @classmethod
    def read(cls, members: Members) -> "Span":
        return cls(members.integer("amount", most=LONGEST), members.choice("unit", UNITS))

    def words(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Range:
    """Instants from `low` (included) to `high` (included only with `high_included`); None is open."""

    low: datetime | None = None
    high: datetime | None = None
    high_included: bool = False


@dataclass(frozen=True, slots=True)
class Days:
    """Local dates, both ends included; None is open."""

    low: date | None = None
    high: date | None = None


@dataclass(frozen=True, slots=True)
class Window:
    type: str = "all"
    amount: int = 0
    unit: str = "day"
    is_calendar: bool = False
    first: Span | None = None
    last: Span | None = None
    name: str = ""
    low: str = ""
    high: str = ""
    clock: tuple[int, int] | None = None  # minutes of the day, both included
    weekdays: tuple[int, ...] = ()
    is_contact_zone: bool = False

    @classmethod
    def read(cls, members: Members) -> "Window":
        kind = members.choice("type", TYPES, code="unknown_window")
        values: dict[str, Any] = {"type": kind}
        if kind in ("last", "ago", "older", "next"):
            values["amount"] = members.integer(
                "amount", least=0 if kind in ("ago", "older") else 1, most=LONGEST
            )
            values["unit"] = members.choice("unit", UNITS if kind != "ago" else UNITS[1:])
        if kind == "last":
            values["is_calendar"] = members.choice("align", ("exact", "calendar"), "exact") == "calendar"
            if values["is_calendar"] and values["unit"] != "day":
                raise members.fail("align", _("calendar is for days"))
        if kind == "between_ago":
            values["first"] = members.part("from", Span.read)
            values["last"] = members.part("to", Span.read)
        if kind == "period":
            values["name"] = members.choice("name", PERIODS)
        if kind == "absolute":
            values |= _read_absolute(members)
        if members.has("time_of_day"):
            values["clock"] = members.part("time_of_day", _read_clock)
        values["weekdays"] = _read_weekdays(members)
        values["is_contact_zone"] = members.choice("zone", ("account", "contact"), "account") == "contact"
        return cls(**values)

    def range(self, now: datetime, zone: tzinfo) -> Range:
        """The instants of the window at `now`, but for time of day and weekdays."""
        found = getattr(self, f"_{self.type}")(now, zone)
        if self.type != "next" and (found.high is None or found.high > now):
            return Range(found.low, now, True)
        return found  # type: ignore[no-any-return]

    def days(self, today: date) -> Days:
        """The dates of the window on `today`, for values without a time."""
        if self.type in ("all", "next"):
            high = shift_day(today, self.amount, self.unit) if self.type == "next" else today
            return Days(today if self.type == "next" else None, high)
        low, high = getattr(self, f"_days_{self.type}")(today)
        return Days(low, min(high, today) if high is not None else today)

    @property
    def is_timeless(self) -> bool:
        """Whether the passing of time takes nobody out."""
        return self.type == "all"

    @property
    def filters_clock(self) -> bool:
        return self.clock is not None or bool(self.weekdays)

    def _all(self, now: datetime, zone: tzinfo) -> Range:  # noqa: ARG002
        return Range()

    def _last(self, now: datetime, zone: tzinfo) -> Range:
        if self.is_calendar:
            return Range(midnight(local_day(now, zone) - timedelta(days=self.amount - 1), zone))
        return Range(shift(now, -self.amount, self.unit, zone))

    def _next(self, now: datetime, zone: tzinfo) -> Range:
        return Range(now + timedelta(microseconds=1), shift(now, self.amount, self.unit, zone), True)

    def _ago(self, now: datetime, zone: tzinfo) -> Range:
        if self.unit == "hour":
            local = (now - timedelta(hours=self.amount)).astimezone(zone)
            start = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
            return Range(start, start + timedelta(hours=1))
        day = shift_day(local_day(now, zone), -self.amount, self.unit)
        return Range(midnight(day, zone), midnight(day + timedelta(days=1), zone))

    def _older(self, now: datetime, zone: tzinfo) -> Range:
        return Range(None, shift(now, -self.amount, self.unit, zone))

    def _between_ago(self, now: datetime, zone: tzinfo) -> Range:
        assert self.first is not None
        assert self.last is not None
        return Range(
            shift(now, -self.first.amount, self.first.unit, zone), shift(now, -self.last.amount, self.last.unit, zone)
        )  # fmt: skip

    def _period(self, now: datetime, zone: tzinfo) -> Range:
        low, high = self._days_period(local_day(now, zone))
        return Range(midnight(low, zone), midnight(high + timedelta(days=1), zone))

    def _absolute(self, now: datetime, zone: tzinfo) -> Range:  # noqa: ARG002
        low = _instant(self.low, zone, after=False) if self.low else None
        return Range(low, _instant(self.high, zone, after=True) if self.high else None)

    def _days_last(self, today: date) -> tuple[date | None, date | None]:
        if self.is_calendar:
            return today - timedelta(days=self.amount - 1), today
        return shift_day(today, -self.amount, self.unit), today

    def _days_ago(self, today: date) -> tuple[date | None, date | None]:
        day = shift_day(today, -self.amount, self.unit)
        return day, day

    def _days_older(self, today: date) -> tuple[date | None, date | None]:
        return None, shift_day(today, -self.amount, self.unit) - timedelta(days=1)

    def _days_between_ago(self, today: date) -> tuple[date | None, date | None]:
        assert self.first is not None
        assert self.last is not None
        return (
            shift_day(today, -self.first.amount, self.first.unit), shift_day(today, -self.last.amount, self.last.unit)
        )  # fmt: skip

    def _days_period(self, today: date) -> tuple[date, date]:
        if self.name in ("today", "yesterday"):
            day = today - timedelta(days=self.name == "yesterday")
            return day, day
        which, _line, unit = self.name.partition("_")
        low = _period_start(today, unit)
        if which == "this":
            return low, _period_start(_period_start(low, unit) + _BEYOND[unit], unit) - timedelta(days=1)
        return _period_start(low - timedelta(days=1), unit), low - timedelta(days=1)

    def _days_absolute(self, today: date) -> tuple[date | None, date | None]:  # noqa: ARG002
        low = date.fromisoformat(self.low[:10]) if self.low else None
        return low, date.fromisoformat(self.high[:10]) if self.high else None

    def words(self) -> str:
        """`in the last 7 days`; empty for all time."""
        count = Span(self.amount, self.unit).words()
        texts = {
            "all": "", "last": f"in the last {count}", "ago": f"{count} ago", "older": f"more than {count} ago",
            "next": f"in the next {count}", "period": self.name.replace("_", " "),
        }  # fmt: skip
        if self.type == "between_ago" and self.first is not None and self.last is not None:
            text = f"from {self.first.words()} to {self.last.words()} ago"
        elif self.type == "absolute":
            text = " ".join(
                f"{word} {value}" for word, value in (("from", self.low), ("to", self.high)) if value
            )
        else:
            text = texts[self.type]
        if self.clock is not None:
            text += " between {:02}:{:02} and {:02}:{:02}".format(
                *divmod(self.clock[0], 60), *divmod(self.clock[1], 60)
            )
        if self.weekdays:
            text += " on " + ", ".join(_WEEKDAYS[day - 1] for day in self.weekdays)
        return text.strip()


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BEYOND = {"week": timedelta(7), "month": timedelta(31), "quarter": timedelta(92), "year": timedelta(366)}


def _read_absolute(members: Members) -> dict[str, str]:
    found = {}
    for name, place in (("from", "low"), ("to", "high")):
        text = members.text(name, "", most=40)
        if text and not is_date(text) and read_moment(text, UTC) is None:
            text = _("must be a date such as 2026-01-31 or an ISO date with time")
            raise members.fail(name, text, "bad_date")
        found[place] = text
    if not any(found.values()):
        raise members.fail("from", _("or to is required"), "required")
    return found


def _read_clock(members: Members) -> tuple[int, int]:
    ends = []
    for name in ("from", "to"):
        text = members.text(name)
        found = CLOCK.fullmatch(text)
        if found is None:
            raise members.fail(name, _("must be a time such as 08:00"))
        ends.append(int(found[1]) * 60 + int(found[2]))
    return ends[0], ends[1]


def _read_weekdays(members: Members) -> tuple[int, ...]:
    if not members.has("weekdays"):
        members.take("weekdays", None)
        return ()
    found = members.integers("weekdays")
    if found[-1] > 7:
        raise members.fail("weekdays", _("must hold numbers from 1 (Monday) to 7"))
    return found


def moved_bounds(before: Range, after: Range) -> list[Range]:
    """What a moving window passed over between two instants: at its start, and at its end."""
    found = []
    for low, high in ((before.low, after.low), (before.high, after.high)):
        if low is not None and high is not None and low != high:
            found.append(Range(min(low, high), max(low, high), True))
    return found


def is_date(text: str) -> bool:
    """Whether the text is a plain date of the calendar."""
    if not PLAIN_DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _instant(text: str, zone: tzinfo, *, after: bool) -> datetime:
    """A date-time as it is; a plain date as its midnight, or the next one with `after`."""
    if is_date(text):
        return midnight(date.fromisoformat(text) + timedelta(days=after), zone)
    moment = read_moment(text, zone)
    assert moment is not None  # checked when read
    return moment


def local_day(now: datetime, zone: tzinfo) -> date:
    return now.astimezone(zone).date()


def midnight(day: date, zone: tzinfo) -> datetime:
    """The first instant of a local day."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def shift(now: datetime, amount: int, unit: str, zone: tzinfo) -> datetime:
    """`now` moved: exactly for minutes to weeks, by the local calendar for months and years, clamped to the month."""
    if unit in EXACT:
        return now + EXACT[unit] * amount
    local = now.astimezone(zone)
    day = shift_day(local.date(), amount, unit)
    return datetime.combine(day, local.time(), tzinfo=zone).astimezone(UTC)


def shift_day(day: date, amount: int, unit: str) -> date:
    """A date moved by days, weeks, months or years; units below a day stay on it. Clamped to the calendar."""
    try:
        if unit in ("minute", "hour"):
            return day
        if unit in ("day", "week"):
            return day + timedelta(days=amount * (7 if unit == "week" else 1))
        months = day.year * 12 + day.month - 1 + amount * (12 if unit == "year" else 1)
        year, month = divmod(months, 12)
        return min(max(date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])), EARLIEST), LATEST)
    except (OverflowError, ValueError):
        return LATEST if amount > 0 else EARLIEST


def _period_start(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return day.replace(month=1, day=1)


def anniversary_days(days: Iterable[date]) -> set[str]:
    """The `MM-DD` whose anniversary falls on one of the days; 29 February falls on 1 March in common years."""
    found = set()
    for day in days:
        found.add(f"{day:%m-%d}")
        if (day.month, day.day) == (3, 1) and monthrange(day.year, 2)[1] == 28:
            found.add("02-29")
    return found
