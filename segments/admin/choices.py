"""What the pickers of the form offer: read from the catalogue and the registries, never a second list."""

from typing import Any

from django.utils.translation import gettext as _

from cdp.ui.seeded import seeded
from contacts.models import AddressStatus
from segments.builder.forms import registry as forms
from segments.catalogue import Catalogue
from segments.leaves import wording
from segments.leaves.anniversary import MODES
from segments.leaves.channel import CHANNELS, LABELS
from segments.leaves.field import ALL_OPERATORS, SYSTEM
from segments.leaves.measures import ALL_OPERATORS as MEASURE_OPERATORS
from segments.leaves.measures import FUNCTIONS
from segments.leaves.windows import PERIODS, UNITS

Choice = tuple[str, str]
MOST = 500


def choices_of(catalogue: Catalogue, *, own_id: int | None) -> dict[str, Any]:
    """Everything the template's selects need, in five queries."""
    fields: list[Choice] = [(key, _(label)) for key, (_t, _s, _w, label) in SYSTEM.items()]
    fields += [
        (key, f"{seeded(row.name)} ({seeded(row.group.name)})")
        for key, row in sorted(catalogue.fields.items())
    ]
    events = [(key, seeded(info.name)) for key, info in sorted(catalogue.event_types.items()) if info.is_used]
    segments = [(str(pk), info.name) for pk, info in catalogue.segments.items() if pk != own_id]
    words, modes = _functions(), _modes()
    more = {name: found for form in forms.values() for name, found in form.choices().items()}
    return more | {
        "fields": fields,
        "events": events,
        "lists": [(str(pk), name) for pk, name in list(catalogue.lists.items())[:MOST]],
        "segments": segments[:MOST],
        "categories": [(key, row.name) for key, row in sorted(catalogue.categories.items())],
        "channels": [(key, _(LABELS[key])) for key in CHANNELS],
        "statuses": [(str(key), str(label)) for key, label in AddressStatus.choices],
        "field_operators": _operators(ALL_OPERATORS),
        "measure_operators": _operators(MEASURE_OPERATORS),
        "where_operators": _operators(
            ("eq", "ne", "in", "not_in", "contains", "not_contains", "gt", "gte", "lt", "lte", "between", "is_empty",
             "not_empty", "is_true", "is_false")
        ),
        "functions": [(fn, words[fn]) for fn in FUNCTIONS],
        "windows": _windows(),
        "units": [(unit, _units()[unit]) for unit in UNITS],
        "modes": [(mode, modes[mode]) for mode in MODES],
        "kinds": kinds(),
        "sets": [("in_any", _("in any of")), ("in_all", _("in all of")), ("in_none", _("in none of"))],
        "reaches": [("present", _("is known")), ("reachable", _("can be sent to")), ("status_in", _("is in state"))],
        "choosing": [
            ("subscribed", _("is subscribed to")), ("opted_out", _("opted out of")), ("no_choice", _("made no choice about")),
        ],
    }  # fmt: skip


def _functions() -> dict[str, str]:
    return {
        "count": _("number of events"), "sum": _("sum of"), "avg": _("average of"), "min": _("smallest"),
        "max": _("largest"), "first": _("first value of"), "last": _("last value of"),
        "distinct": _("different values of"), "distinct_days": _("number of days"), "first_at": _("first time"),
        "last_at": _("last time"),
    }  # fmt: skip


def _modes() -> dict[str, str]:
    return {
        "today": _("is today"), "in": _("is in … days"), "ago": _("was … days ago"),
        "within_next": _("within the next … days"), "within_last": _("within the last … days"),
        "month": _("in the month"), "on": _("on the day"),
    }  # fmt: skip


def _units() -> dict[str, str]:
    return {
        "minute": _("minutes"), "hour": _("hours"), "day": _("days"),
        "week": _("weeks"), "month": _("months"), "year": _("years"),
    }  # fmt: skip


def kinds() -> list[Choice]:
    return [
        ("field", _("Field of the contact")), ("event", _("Event")), ("channel", _("Channel")), ("list", _("List")),
        ("segment", _("Dynamic segment")), ("category", _("Subscription category")),
        *((kind, form.label) for kind, form in forms.items()), ("random", _("Random share")),
        ("json", _("Other, as JSON")),
    ]  # fmt: skip


def _operators(names: Any) -> list[Choice]:
    return [(name, wording.operator(name)) for name in names]


def _windows() -> list[Choice]:
    found = [
        ("all", _("at any time")), ("last", _("in the last")), ("ago", _("exactly … ago")), ("older", _("more than … ago")),
        ("next", _("in the next")), ("absolute", _("from … to")),
    ]  # fmt: skip
    periods = {
        "today": _("today"), "yesterday": _("yesterday"), "this_week": _("this week"), "last_week": _("last week"),
        "this_month": _("this month"), "last_month": _("last month"), "this_quarter": _("this quarter"),
        "last_quarter": _("last quarter"), "this_year": _("this year"), "last_year": _("last year"),
    }  # fmt: skip
    return found + [(name, periods[name]) for name in PERIODS]
