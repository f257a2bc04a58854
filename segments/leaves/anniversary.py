"""Dates that come back every year (segments document, 4.5)."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from segments.leaves.base import Scope
from segments.leaves.operators import Sql
from segments.leaves.windows import anniversary_days, local_day
from segments.leaves.zones import local_days
from segments.rules.members import Members

MODES = ("today", "in", "ago", "within_next", "within_last", "month", "on")
MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True)
class Anniversary:
    mode: str
    days: int = 0
    month: int = 0
    day: str = ""
    is_contact_zone: bool = False

    @classmethod
    def read(cls, members: Members) -> "Anniversary":
        mode = members.choice("mode", MODES)
        values: dict[str, Any] = {}
        if mode in ("in", "ago", "within_next", "within_last"):
            values["days"] = members.integer("days", most=365)
        if mode == "month":
            values["month"] = members.integer("month", least=1, most=12)
        if mode == "on":
            values["day"] = members.text("day", most=5)
            if not MONTH_DAY.fullmatch(values["day"]) or not _exists(values["day"]):
                raise members.fail("day", _("must be a day of the year such as 03-01"), "bad_date")
        is_contact_zone = members.choice("zone", ("account", "contact"), "account") == "contact"
        return cls(mode, is_contact_zone=is_contact_zone, **values)

    def month_days(self, today: date) -> set[str]:
        """The stored `MM-DD` that match on a day."""
        one = timedelta(days=1)
        if self.mode == "on":
            month, day = (int(part) for part in self.day.split("-"))
            if (month, day) == (2, 29):
                return {"02-29"}
            return anniversary_days([date(today.year, month, day)])
        if self.mode in ("within_next", "within_last"):
            sign = 1 if self.mode == "within_next" else -1
            return anniversary_days(today + one * (sign * step) for step in range(self.days + 1))
        moved = {"today": 0, "in": self.days, "ago": -self.days}[self.mode]
        return anniversary_days([today + one * moved])

    def sql(self, column: str, scope: Scope) -> Sql:
        """Over a date kept as `yyyy-MM-dd`; the zone of the contact lies in `time_zone`."""
        if self.mode == "month":
            return f"substr({column}, 6, 2) = %s", (f"{self.month:02}",)
        today = local_day(scope.now, scope.catalogue.zone)
        if not self.is_contact_zone:
            return f"substr({column}, 6) = ANY(%s)", (sorted(self.month_days(today)),)
        zones: dict[date, list[str]] = defaultdict(list)
        for name, day in local_days(scope.now).items():
            zones[day].append(name)
        parts, params, others = [], [], []
        for day, names in sorted(zones.items()):
            if day == today:
                continue
            parts.append(f"(time_zone = ANY(%s) AND substr({column}, 6) = ANY(%s))")
            params += [names, sorted(self.month_days(day))]
            others += names
        parts.append(f"((time_zone = ANY(%s)) IS NOT TRUE AND substr({column}, 6) = ANY(%s))")
        params += [others, sorted(self.month_days(today))]
        return f"({' OR '.join(parts)})", tuple(params)

    def words(self) -> str:
        texts = {
            "today": "is today", "in": f"is in {self.days} days", "ago": f"was {self.days} days ago",
            "within_next": f"is today or in the next {self.days} days",
            "within_last": f"was today or in the last {self.days} days", "month": f"is in month {self.month}",
            "on": f"falls on {self.day}",
        }  # fmt: skip
        return texts[self.mode]


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(f"{LEAP_YEAR}-{day}")
    except ValueError:
        return False
    return True
