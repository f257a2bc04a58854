"""Timer: waits for a length of time, until a clock time or weekday, or until what a field or the event says."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cdp.api.moments import read_moment
from workflows.blocks.base import NEXT, Batch, Block, Ends, Left, Outcome, Visit, Waits, hint, register
from workflows.blocks.lookups import contacts_of
from workflows.definition.durations import add_wait, longest
from workflows.definition.problems import Problem
from workflows.definition.structure import Part, Reference, Wait, Weekday
from workflows.definition.timing import local_moment, next_clock, next_day, read_clock
from workflows.definition.values import MISSING, as_text, find

LONGEST = timedelta(days=366)


class Until(Part, frozen=True, kw_only=True):
    """Until a clock time and weekdays given here, a `HH:MM` in a field of the contact, or a time in the event."""

    weekdays: Annotated[tuple[Weekday, ...], hint(_("Weekdays"))] = ()
    time: Annotated[str | None, hint(_("Time"), editor="time")] = None
    field: Annotated[Reference | None, hint(_("Contact field"), editor="field")] = None
    param: Annotated[str | None, hint(_("Event parameter"), editor="event_param")] = None

    @property
    def sources(self) -> int:
        return bool(self.weekdays or self.time) + (self.field is not None) + (self.param is not None)


class TimerParams(Part, frozen=True, kw_only=True):
    wait: Annotated[Wait | None, hint(_("Wait time"))] = None
    until: Annotated[Until | None, hint(_("Wait until"))] = None
    contact_zone: Annotated[bool | None, hint(_("Use the contact's time zone"))] = None
    calendar_days: Annotated[bool, hint(_("Keep local time across clock changes"))] = False
    on_invalid: Annotated[Literal["fail", "continue"], hint(_("When the time cannot be read"))] = "fail"


@register
class TimerBlock(Block[TimerParams]):
    type = "timer"
    group = "time"
    label = _("Timer")
    icon = "schedule"
    params = TimerParams
    is_wait = True

    def check(self, params: TimerParams, path: str) -> Iterable[Problem]:
        if params.wait is None and params.until is None:
            yield Problem("E08", gettext("needs a wait time, or a time to wait until"), path)
        if params.wait is not None and longest(params.wait) > LONGEST:
            yield Problem("E08", gettext("waits at most 365 days"), f"{path}.wait")
        until = params.until
        if until is None:
            return
        if until.sources != 1:
            text = gettext("waits until weekdays and time, or a field, or an event parameter")
            yield Problem("E08", text, f"{path}.until")
        if until.time is not None and read_clock(until.time) is None:
            text = gettext("'%(text)s' is no time such as 08:45") % {"text": until.time}
            yield Problem("E08", text, f"{path}.until.time")

    def references(self, params: TimerParams) -> Iterable[tuple[str, Reference]]:
        if params.until is not None and params.until.field is not None:
            yield "until.field", params.until.field

    def execute(self, params: TimerParams, batch: Batch) -> list[Outcome]:
        if (
            params.until is None
            and params.wait is not None
            and params.wait.unit != "month"
            and not params.calendar_days
        ):
            return _plain(params.wait, batch)
        return [self._one(params, visit, batch) for visit in batch.visits]

    def _one(self, params: TimerParams, visit: Visit, batch: Batch) -> Outcome:
        if visit.wait is not None:
            return _woken(visit, batch.now)
        own = params.contact_zone
        if own is None:
            own = batch.definition.settings.timezone_mode == "contact"
        zone = batch.zone(visit, own=own)
        due = _due(params, visit, batch, zone)
        if due is None:
            detail = {"error": "invalid_time"}
            if params.on_invalid == "continue":
                return Left("next", "skipped:invalid_time", detail)
            return Ends("failed", "invalid_time", result="failed:invalid_time", detail=detail)
        return _rest(visit, due, batch.now, str(zone))


def _plain(wait: Wait, batch: Batch) -> list[Outcome]:
    """All of a batch at once: a fixed length of time from each arrival."""
    now = batch.now
    return [
        _woken(visit, now)
        if visit.wait is not None
        else _rest(visit, add_wait(visit.entered_at, wait, now.tzinfo), now, "")  # type: ignore[arg-type]
        for visit in batch.visits
    ]


def _rest(visit: Visit, due: datetime, now: datetime, zone: str) -> Outcome:
    if visit.skips_waits:
        return Left("next", "skipped:test", {"due": due.isoformat()})
    if due <= now:
        return NEXT
    return Waits(due, {"due": due.isoformat(), "zone": zone} if zone else {"due": due.isoformat()})


def _woken(visit: Visit, now: datetime) -> Outcome:
    wait: dict[str, Any] = visit.wait or {}
    due = datetime.fromisoformat(wait["due"])
    return Left("next", detail=wait) if due <= now else Waits(due, wait)


def _due(params: TimerParams, visit: Visit, batch: Batch, zone: tzinfo) -> datetime | None:
    """When the launch goes on; None when a field or parameter cannot be read."""
    moment = visit.entered_at
    if params.wait is not None:
        moment = _after(moment, params.wait, zone, calendar_days=params.calendar_days)
    until = params.until
    if until is None:
        return moment
    if until.param is not None:
        target = find(batch.variables(visit), until.param)
        found = read_moment(target, zone) if target is not MISSING else None
        return None if found is None else max(found, moment)
    clock: time | None = None
    if until.field is not None:
        contact = contacts_of(batch).get(visit.person_id) or {}
        clock = read_clock(as_text((contact.get("data") or {}).get(str(until.field.id))))
        return None if clock is None else next_clock(moment, clock, (), zone)
    if until.time is None:
        return next_day(moment, until.weekdays, zone)
    clock = read_clock(until.time)
    return None if clock is None else next_clock(moment, clock, until.weekdays, zone)


def _after(moment: datetime, wait: Wait, zone: tzinfo, *, calendar_days: bool) -> datetime:
    days = {"day": 1, "week": 7}.get(wait.unit)
    if not calendar_days or days is None:
        return add_wait(moment, wait, zone)
    local = moment.astimezone(zone)
    return local_moment(local.date() + timedelta(days=wait.n * days), local.time(), zone)
