"""A filter: read from the address, applied to rows, kept, restored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from cdp.models import Account
from contacts.filters import views
from contacts.filters.condition import BY_INDEX, COMPARISON, PROBE, Condition, FilterError, Reader
from contacts.filters.days import DAYS, by_day
from contacts.filters.readers import READERS
from contacts.filters.views import VIEWS, active, deleted
from contacts.models import Contact
from contacts.querysets import SearchTerm

LONGEST_VALUE = 500
KINDS = (*READERS, *DAYS)  # every parameter that is a filter


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
        rows = self._meeting(VIEWS.get(self.view, active)(rows), self.conditions)
        return rows.of_term(self.term) if self.term else rows

    def _meeting(self, rows: Any, conditions: Sequence[Condition]) -> Any:
        """Rows that meet the conditions: all that need traits by one question, which the index answers at less cost."""
        traits = [one for condition in conditions for one in condition.traits]
        rows = rows.alias(traits=Contact.TRAITS).filter(traits__contains=traits) if traits else rows
        for condition in conditions:
            rows = condition.narrow(rows) if condition.narrow and not condition.traits else rows
        return rows

    def base(self, rows: Any, *, ordered_by: str) -> Any:
        """Rows among which the fitting ones are, that an index gives in the order of a column."""
        rows = deleted(rows) if self.view == "deleted" else active(rows)
        for condition in self.conditions:
            if condition.bounds == ordered_by and condition.narrow:
                rows = condition.narrow(rows)
        return rows

    def walk(self, rows: Any, *, ordered_by: str) -> Any:
        """What is to be asked of rows that `base` gives, where no index finds those that fit: the rest of `narrow`."""
        if self.errors:
            return rows.none()
        rest = [condition for condition in self.conditions if condition.bounds != ordered_by]
        rows = self._meeting(views.beside_state(self.view, rows), rest)
        return rows.comparing(self.term) if self.term else rows

    def weight(self, *, ordered_by: str) -> float:
        """What `walk` costs a row, where 1 is to read it and look at its columns.

        The index of the usual order holds addresses, so that a row of which nothing else is asked is not read.
        """
        is_of_addresses = self.view in ("", "all", *views.UNUSUAL) and all(
            condition.is_of_address for condition in self.conditions
        )
        if is_of_addresses and self.term is None and ordered_by == "updated_at":
            return BY_INDEX
        of_view = PROBE if self.view in views.ADDRESSES else 0
        of_term = COMPARISON if self.is_text else 0
        return 1 + of_view + of_term + sum(condition.weight for condition in self.conditions)

    @property
    def is_text(self) -> bool:
        return self.term is not None and self.term.kind == "text"

    @property
    def is_plain(self) -> bool:
        """Whether nothing narrows the rows that `base` gives."""
        return not (self.conditions or self.term or self.errors) and self.view in ("", "all", "deleted")

    @property
    def are_few(self) -> bool:
        """Whether it asks for who has an identifier, or is one of few."""
        is_exact = self.term is not None and not self.is_text
        return is_exact or any(condition.is_few for condition in self.conditions)

    @property
    def is_of_traits(self) -> bool:
        """Whether one index finds all that fit, however rarely the conditions meet."""
        is_alone = self.term is None and self.view in ("", "all") and bool(self.conditions)
        return is_alone and all(condition.is_trait for condition in self.conditions)

    @property
    def looks_rare(self) -> bool:
        """Whether it asks for addresses in states that few are in."""
        return self.view in views.UNUSUAL or any(condition.is_of_address for condition in self.conditions)

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
        readers |= {name: partial(by_day, name, zone=zone) for name in DAYS}
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


def _read(name: str, value: str, kind: Reader) -> Condition:
    if len(value) > LONGEST_VALUE or "\0" in value:
        raise FilterError(_("The value is too long or holds a character that no contact can have."))
    condition = kind(value)
    condition.name, condition.value = name, value
    return condition
