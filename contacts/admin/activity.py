"""The card's second tab: what happened to a person, narrowed by the address of the page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils.http import urlencode
from django.utils.translation import gettext as _

from cdp.api.moments import zone_of
from cdp.models import Account
from contacts import timeline
from contacts.models import Contact
from contacts.persons import pending_sources

PERIODS = {"1": 1, "7": 7, "30": 30, "365": 365, "all": 0}
OWN = "own"
FIRST, LAST = date(1900, 1, 1), date(2100, 12, 31)
NAMES = ("period", "from", "to", "channel", "status", "q")


@dataclass(slots=True)
class Asked:
    """What the page's address asks for. `faults`: a sentence for each value that means nothing."""

    kind: str = ""
    period: str = "30"
    since: datetime | None = None
    until: datetime | None = None
    channel: str = ""
    status_of: str = ""
    status: str = ""
    words: str = ""
    before: tuple[datetime, str] | None = None
    faults: list[str] = field(default_factory=list)


def read_asked(values: Mapping[str, str], *, now: datetime) -> Asked:
    """Read the filters; dates are days of the account, both included."""
    asked = Asked(
        values.get("kind", ""),
        values.get("period", "30"),
        words=values.get("q", "").strip().replace("\0", ""),
    )
    sources = timeline.registry
    if asked.kind and asked.kind not in sources:
        asked.faults.append(_unknown(_("Show"), asked.kind))
    if asked.period == OWN:
        _read_days(asked, values)
    elif asked.period not in PERIODS:
        asked.faults.append(_unknown(_("Period"), asked.period))
    elif days := PERIODS[asked.period]:
        asked.since = now - timedelta(days=days)
    asked.channel = values.get("channel", "")
    if asked.channel and not any(asked.channel in source.channels for source in sources.values()):
        asked.faults.append(_unknown(_("Channel"), asked.channel))
    asked.status_of, _colon, asked.status = values.get("status", "").partition(":")
    source = sources.get(asked.status_of)
    if values.get("status") and (source is None or asked.status not in source.statuses):
        asked.faults.append(_unknown(_("State"), values["status"]))
    if len(asked.words) > 100:
        asked.faults.append(_("Name holds: give at most 100 characters."))
    if values.get("before"):
        asked.before = timeline.read_cursor(values["before"].replace("\0", ""))
        if asked.before is None:
            asked.faults.append(_("The link to this page is broken: begin again with the newest."))
    return asked


def _read_days(asked: Asked, values: Mapping[str, str]) -> None:
    zone = zone_of(Account.objects.get(pk=1).time_zone)
    first, last = _day(asked, _("From"), values.get("from", "")), _day(asked, _("To"), values.get("to", ""))
    if first and last and first > last:
        asked.faults.append(_("The first day is after the last one."))
    asked.since = datetime.combine(first, time(), zone) if first else None
    asked.until = datetime.combine(last + timedelta(days=1), time(), zone) if last else None


def _day(asked: Asked, label: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        day = None
    if day is None or not FIRST <= day <= LAST:
        sentence = _("%(field)s: “%(value)s” is no day such as 2026-05-31, from 1900 to 2100.")
        asked.faults.append(sentence % {"field": label, "value": text[:40]})
        return None
    return day


def _unknown(label: str, value: str) -> str:
    return _("%(field)s: “%(value)s” is none of the choices.") % {"field": label, "value": value[:40]}


def read_activity(contact: Contact, values: Mapping[str, str], *, now: datetime) -> dict[str, Any]:
    """What the tab shows: a page of entries, counts by kind in the period, and the choices of its filters."""
    asked = read_asked(values, now=now)
    also = tuple(pending_sources([contact.pk]).get(contact.pk, ()))
    query = timeline.Query(
        contact.pk, asked.since, asked.before, timeline.PAGE, asked.words, asked.until, asked.channel, asked.status,
        also, {"contact": contact},
    )  # fmt: skip
    entries: list[timeline.Entry] = []
    more, counts = "", dict.fromkeys(timeline.registry, 0)
    if not asked.faults:
        names = timeline.names_in(asked.kind)
        if asked.status:
            names = [name for name in names if name == asked.status_of]
        entries, more = timeline.page(query, names)
        counts = timeline.counts(query)
    kept = {name: values[name] for name in NAMES if values.get(name)}
    here = kept | ({"kind": asked.kind} if asked.kind else {})
    narrowed = [name for name in ("channel", "status", "q") if values.get(name)]
    return {
        "tab": "activity", "asked": asked, "entries": entries, "most": timeline.MOST_COUNTED,
        "kinds": _kinds(asked, counts, kept), "is_first": not values.get("before"), "is_narrowed": bool(narrowed),
        "newest": urlencode(here), "older": urlencode(here | {"before": more}) if more else "",
        "wider": urlencode({name: value for name, value in here.items() if name not in narrowed}),
        "own": {name: values.get(name, "")[:10] for name in ("from", "to")},
        "channels": _channels(asked), "statuses": _statuses(asked), "status": values.get("status", ""),
        "is_whole": bool(asked.kind in timeline.registry and timeline.registry[asked.kind].ignores_period),
    }  # fmt: skip


def _kinds(asked: Asked, counts: dict[str, int], kept: dict[str, str]) -> list[dict[str, Any]]:
    """Links to the kinds, in the same period, with how many there are in it."""
    period: dict[str, str] = {name: kept[name] for name in ("period", "from", "to") if name in kept}
    whole = sum(counts[name] for name in timeline.names_in())
    found = [("", _("All"), whole), *((n, s.label, counts[n]) for n, s in timeline.registry.items())]
    return [
        {
            "name": name, "label": label, "count": count, "is_current": name == asked.kind,
            "link": urlencode(({"kind": name} if name else {}) | period),
        }
        for name, label, count in found
    ]  # fmt: skip


def _shown(asked: Asked) -> list[Any]:
    sources = timeline.registry
    names = [asked.kind] if asked.kind in sources else timeline.names_in()
    return [sources[name] for name in names]


def _channels(asked: Asked) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for source in _shown(asked):
        found = source.channels | found
    return list(found.items())


def _statuses(asked: Asked) -> list[tuple[Any, list[tuple[str, Any]]]]:
    return [
        (source.label, [(f"{source.name}:{value}", label) for value, label in source.statuses.items()])
        for source in _shown(asked)
        if source.statuses
    ]
