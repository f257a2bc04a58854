"""Filters of the contact list as its address says them: read with located errors, applied to rows, told in words.

A filter is a condition, not a set of people: whoever holds it (a saved view, a job) asks it anew each time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.models import Account
from cdp.ui.seeded import seeded
from contacts import groups
from contacts.models import (
    Address,
    AddressStatus,
    Contact,
    ContactField,
    ContactList,
    ContactState,
    Key,
    ListMember,
    Source,
)
from contacts.normalise import InvalidValue, normalise_language, normalise_time_zone
from contacts.querysets import SearchTerm

MOST_VALUES = 20
LONGEST_VALUE = 500
ASKED_BY_ID = 5_000  # members of a segment that a statement names; more are sieved after reading
NONE, ANY = "none", "any"
TOKENS = {
    "mobile": gettext_lazy("mobile push"),
    "web": gettext_lazy("web push"),
    "telegram": gettext_lazy("Telegram"),
}
COLUMNS = {
    "email": gettext_lazy("e-mail"), "phone": gettext_lazy("phone"), "external_id": gettext_lazy("external ID"),
    "contact_key": gettext_lazy("contact key"), "first_name": gettext_lazy("first name"),
    "last_name": gettext_lazy("last name"), "town": gettext_lazy("town"), "region": gettext_lazy("region"),
    "language": gettext_lazy("language"), "time_zone": gettext_lazy("time zone"),
}  # fmt: skip


class FilterError(ValueError):
    """A value that says no condition; the sentence tells why."""


@dataclass(slots=True)
class Condition:
    """One parameter, read. `narrow` takes rows to those that fit; `fits`, for what no statement can ask, sieves ids."""

    name: str
    value: str
    text: str
    narrow: Callable[[Any], Any] | None = None
    fits: Callable[[int], bool] | None = None
    size: int | None = None  # how many contacts fit it, where that is known


@dataclass(slots=True)
class Filter:
    """What was asked for. `errors`: parameter → sentence; rows of a filter with errors are none."""

    view: str = ""
    term: SearchTerm | None = None
    conditions: list[Condition] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    def narrow(self, rows: Any) -> Any:
        """Rows that fit what statements can ask; the rest is for `sieve`."""
        if self.errors:
            return rows.none()
        rows = VIEWS.get(self.view, active)(rows)
        for condition in self.conditions:
            rows = condition.narrow(rows) if condition.narrow else rows
        return rows.of_term(self.term) if self.term else rows

    @property
    def sieves(self) -> list[Callable[[int], bool]]:
        return [condition.fits for condition in self.conditions if condition.fits]

    def sieve(self, ids: Sequence[int]) -> list[int]:
        """Of these ids, those that fit what no statement can ask."""
        tests = self.sieves
        return [one for one in ids if all(test(one) for test in tests)]

    def kept(self) -> dict[str, Any]:
        """The filter as jsonb; `restore_filter` reads it back, with the search as it was understood."""
        kept: dict[str, Any] = {condition.name: condition.value for condition in self.conditions}
        if self.view:
            kept["view"] = self.view
        if self.term:
            kept["term"] = [self.term.kind, self.term.value]
        return kept

    def words(self) -> list[str]:
        found = [condition.text for condition in self.conditions]
        return [*found, _("search: %(words)s") % {"words": self.term.value}] if self.term else found


def active(rows: Any) -> Any:
    return rows.filter(state=ContactState.ACTIVE)


def _address(kind: str, column: str, *statuses: str) -> Callable[[Any], Any]:
    """Active contacts whose address of a kind has one of the states."""

    def narrow(rows: Any) -> Any:
        held = Address.objects.filter(kind=kind, status__in=statuses).values("value")
        return rows.filter(**{f"{column}__in": held}, state=ContactState.ACTIVE)

    return narrow


def _new(rows: Any) -> Any:
    """What was made since was changed since: so the index on the time of change bounds the rows."""
    since = datetime.now(UTC) - timedelta(days=7)
    return active(rows).filter(created_at__gte=since, updated_at__gte=since)


# The views above the list, by their word in the address.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "all": active,
    "new": _new,
    "email-active": _address("email", "email_norm", "active"),
    "email-unconfirmed": _address("email", "email_norm", "unconfirmed"),
    "email-unsubscribed": _address("email", "email_norm", "unsubscribed"),
    "email-spam": _address("email", "email_norm", "spam"),
    "email-blacklisted": _address("email", "email_norm", "blacklisted", "blocked"),
    "phone-active": _address("phone", "phone", "active"),
    "phone-blacklisted": _address("phone", "phone", "blacklisted"),
    "deleted": lambda rows: rows.filter(state=ContactState.DELETED),
}


def read_filter(params: Mapping[str, str], *, term: SearchTerm | None = None) -> Filter:
    """Read the parameters of an address; other names are passed over.

    `term` is the search as it was understood before; without it `q` is read.
    """
    found = Filter(view=params.get("view", ""), term=term)
    if found.view and found.view not in VIEWS:
        found.view = ""  # as the list itself does with a view it does not know
    readers = dict(READERS)
    if any(params.get(name, "").strip() for name in DAYS):
        zone = ZoneInfo(Account.objects.values_list("time_zone", flat=True).get(pk=1))
        readers |= {name: partial(_by_day, name, zone=zone) for name in DAYS}
    for name, reader in readers.items():
        value = params.get(name, "").strip()
        if not value:
            continue
        try:
            found.conditions.append(_read(name, value, reader))
        except FilterError as error:
            found.errors[name] = str(error)
    if term is None and params.get("q", "").strip():
        found.term = Contact.objects.understand(params["q"])
    return found


def restore_filter(kept: Mapping[str, Any]) -> Filter:
    """The filter that `Filter.kept` wrote down."""
    term = SearchTerm(*kept["term"]) if "term" in kept else None
    return read_filter({name: value for name, value in kept.items() if name != "term"}, term=term)


def _read(name: str, value: str, kind: "Reader") -> Condition:
    if len(value) > LONGEST_VALUE or "\0" in value:
        raise FilterError(_("The value is too long or holds a character that no contact can have."))
    condition = kind(value)
    condition.name, condition.value = name, value
    return condition


Reader = Callable[[str], Condition]


def _parts(value: str, known: Mapping[str, Any] | Sequence[str], *, alone: Sequence[str] = ()) -> list[str]:
    """Words of a list with commas.

    Raises:
        FilterError: an unknown word, too many, or one that stands alone beside others.
    """
    words = list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    if not words or len(words) > MOST_VALUES:
        raise FilterError(_("Give 1 to %(most)s values.") % {"most": MOST_VALUES})
    allowed = [*alone, *known]
    for word in words:
        if word not in allowed:
            raise FilterError(
                _("“%(word)s” is none of: %(known)s.") % {"word": word[:40], "known": ", ".join(allowed)}
            )
    if len(words) > 1 and set(words) & set(alone):
        raise FilterError(_("“%(word)s” stands alone.") % {"word": next(w for w in words if w in alone)})
    return words


def _by_address(kind: str, column: str, has: Any, lacks: Any, state: Any) -> Reader:
    def read(value: str) -> Condition:
        words = _parts(value, AddressStatus.values, alone=(ANY, NONE))
        if words == [NONE]:
            return Condition("", "", str(lacks), _trait(f"-{kind}"))
        if words == [ANY]:
            return Condition("", "", str(has), lambda rows: rows.filter(**{f"{column}__isnull": False}))
        held = Address.objects.filter(kind=kind, status__in=words).values("value")
        labels = ", ".join(str(AddressStatus(word).label) for word in words)
        return Condition(
            "", "", state % {"states": labels}, lambda rows: rows.filter(**{f"{column}__in": held})
        )

    return read


def _by_push(value: str) -> Condition:
    words = _parts(value, TOKENS, alone=(ANY, NONE))
    kinds = list(TOKENS) if words in ([ANY], [NONE]) else words
    tokens = Key.objects.filter(kind__in=kinds, is_active=True)
    if words == [NONE]:
        has = Exists(tokens.filter(person_id=OuterRef("pk")))
        return Condition("", "", _("has no push or messenger"), lambda rows: rows.filter(~has))
    text = _("has %(kinds)s") % {"kinds": ", ".join(str(TOKENS[kind]) for kind in kinds)}
    return Condition("", "", text, lambda rows: rows.filter(pk__in=tokens.values("person_id")))


def _trait(*traits: str) -> Callable[[Any], Any]:
    """Rows with one of the traits, by the index `contact_traits`."""

    def narrow(rows: Any) -> Any:
        return rows.alias(traits=Contact.TRAITS).filter(traits__overlap=list(traits))

    return narrow


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise FilterError(_("“%(value)s” is no number.") % {"value": value[:40]})
    return int(value)


def _list_named(value: str) -> ContactList:
    found = ContactList.objects.filter(pk=_number(value)).first()
    if found is None:
        raise FilterError(_("There is no list with the id %(id)s.") % {"id": value})
    return found


def _on_list(value: str) -> Condition:
    chosen = _list_named(value)
    members = ListMember.objects.filter(list=chosen).values("contact_id")
    return Condition(
        "", "", _("on the list %(name)s") % {"name": chosen.name}, lambda rows: rows.filter(pk__in=members)
    )


def _off_list(value: str) -> Condition:
    chosen = _list_named(value)
    member = Exists(ListMember.objects.filter(list=chosen, contact_id=OuterRef("pk")))
    return Condition(
        "", "", _("not on the list %(name)s") % {"name": chosen.name}, lambda rows: rows.filter(~member)
    )


def _group(value: str) -> tuple[str, Any]:
    number = _number(value)
    named = groups.name_of(number)
    if named is None:
        raise FilterError(_("There is no segment with the id %(id)s.") % {"id": value})
    return named, groups.members_of(number)


def _in_segment(value: str) -> Condition:
    name, ids = _group(value)
    text, size = _("in the segment %(name)s") % {"name": name}, len(ids)
    if size <= ASKED_BY_ID:
        few = list(ids)
        return Condition("", "", text, lambda rows: rows.filter(pk__in=few))
    return Condition("", "", text, fits=ids.__contains__, size=size)


def _out_of_segment(value: str) -> Condition:
    name, ids = _group(value)
    text = _("not in the segment %(name)s") % {"name": name}
    if len(ids) <= ASKED_BY_ID:
        few = list(ids)
        return Condition("", "", text, lambda rows: rows.exclude(pk__in=few))
    return Condition("", "", text, fits=lambda one: one not in ids)


def _by_source(value: str) -> Condition:
    words = _parts(value, Source.values)
    labels = ", ".join(str(Source(word).label) for word in words)
    return Condition(
        "", "", _("source: %(names)s") % {"names": labels}, _trait(*(f"s:{word}" for word in words))
    )


def _normalised(value: str, trait: str, read: Callable[[str], str], has: Any, lacks: Any) -> Condition:
    if value == NONE:
        return Condition("", "", str(lacks), _trait(f"{trait}:"))
    words = [part.strip() for part in value.split(",") if part.strip()][: MOST_VALUES + 1]
    if not words or len(words) > MOST_VALUES:
        raise FilterError(_("Give 1 to %(most)s values.") % {"most": MOST_VALUES})
    try:
        words = [read(word) for word in words]
    except InvalidValue as error:
        raise FilterError(f"{value[:40]}: {error.explanation}") from error
    return Condition(
        "", "", has % {"names": ", ".join(words)}, _trait(*(f"{trait}:{word}" for word in words))
    )


def _by_language(value: str) -> Condition:
    return _normalised(value, "l", normalise_language, _("language: %(names)s"), _("has no language"))


def _by_zone(value: str) -> Condition:
    return _normalised(value, "z", normalise_time_zone, _("time zone: %(names)s"), _("has no time zone"))


def _by_day(name: str, value: str, zone: ZoneInfo) -> Condition:
    """A day of the account; the end counts whole."""
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise FilterError(
            _("“%(value)s” is no date: write it as 2026-01-31.") % {"value": value[:40]}
        ) from error
    if not 1900 <= day.year <= 2100:
        raise FilterError(_("The year must be between 1900 and 2100."))
    column, is_end, sentence = DAYS[name]
    start = datetime.combine(day + timedelta(days=1) if is_end else day, time(), zone)
    way = "lt" if is_end else "gte"
    text = sentence % {"day": day.isoformat()}
    return Condition("", "", text, lambda rows: rows.filter(**{f"{column}__{way}": start}))


# Parameter → column, whether it is the end, and the words of the chip.
DAYS: dict[str, tuple[str, bool, Any]] = {
    "created_from": ("created_at", False, gettext_lazy("created since %(day)s")),
    "created_to": ("created_at", True, gettext_lazy("created until %(day)s")),
    "updated_from": ("updated_at", False, gettext_lazy("changed since %(day)s")),
    "updated_to": ("updated_at", True, gettext_lazy("changed until %(day)s")),
}


def _by_filled(value: str) -> Condition:
    return _by_values(value, is_filled=True)


def _by_empty(value: str) -> Condition:
    return _by_values(value, is_filled=False)


def _by_values(value: str, *, is_filled: bool) -> Condition:
    has_fields = "field." in value
    rows = ContactField.objects.values_list("pk", "name") if has_fields else ()
    fields = {f"field.{pk}": seeded(name) for pk, name in rows}
    words = _parts(value, {**COLUMNS, **fields})
    names = ", ".join(str(COLUMNS.get(word) or fields[word]) for word in words)
    text = (_("has %(names)s") if is_filled else _("has no %(names)s")) % {"names": names}

    def narrow(rows: Any) -> Any:
        for word in words:
            rows = _filled(rows, word) if is_filled else _missing(rows, word)
        return rows

    return Condition("", "", text, narrow)


MISSING = {"language": "l:", "time_zone": "z:"}


def _missing(rows: Any, word: str) -> Any:
    if word.startswith("field."):
        return rows.exclude(data__has_key=word.removeprefix("field."))
    return _trait(MISSING.get(word, f"-{word}"))(rows)


def _filled(rows: Any, word: str) -> Any:
    if word.startswith("field."):
        return rows.filter(data__has_key=word.removeprefix("field."))
    return rows.filter(~Q(**{f"{word}__isnull": True}) & ~Q(**{word: ""}))


READERS: dict[str, Reader] = {
    "email": _by_address(
        "email", "email_norm", gettext_lazy("has an e-mail"), gettext_lazy("has no e-mail"), gettext_lazy("e-mail is: %(states)s")
    ),
    "phone": _by_address(
        "phone", "phone", gettext_lazy("has a phone"), gettext_lazy("has no phone"), gettext_lazy("phone is: %(states)s")
    ),
    "push": _by_push,
    "list": _on_list,
    "nolist": _off_list,
    "segment": _in_segment,
    "nosegment": _out_of_segment,
    "source": _by_source,
    "language": _by_language,
    "zone": _by_zone,
    "filled": _by_filled,
    "empty": _by_empty,
}  # fmt: skip
KINDS = (*READERS, *DAYS)  # every parameter that is a filter
