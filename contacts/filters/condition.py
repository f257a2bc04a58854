"""One condition of a filter, and what readers of conditions share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Subquery
from django.utils.translation import gettext as _

from contacts.models import Contact

MOST_VALUES = 20
PROBE, COMPARISON = 0.5, 0.5  # weights of looking into another table, and of comparing text
NONE, ANY = "none", "any"


class FilterError(ValueError):
    """A value that says no condition; the sentence tells why."""


@dataclass(slots=True)
class Condition:
    """One parameter, read. `narrow` takes rows to those that fit; `fits`, for what no statement can ask, sieves ids.

    `walk` is the same asked of rows one by one, where `narrow` would let the planner begin elsewhere; `weight` what that
    costs beside reading a row. What tells how to read it: `is_trait`, the index `contact_traits` serves it, alone and beside others; `bounds`, the
    column of which it is a range; `is_few`, it names those who fit.
    """

    name: str
    value: str
    text: str
    narrow: Callable[[Any], Any] | None = None
    fits: Callable[[int], bool] | None = None
    size: int | None = None  # how many contacts fit it, where that is known
    is_trait: bool = False
    bounds: str = ""
    is_few: bool = False
    walk: Callable[[Any], Any] | None = None
    weight: float = 0.0


Reader = Callable[[str], Condition]


def split(value: str) -> list[str]:
    """Words of a list with commas, each once.

    Raises:
        FilterError: none, or too many.
    """
    words = list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    if not words or len(words) > MOST_VALUES:
        raise FilterError(_("Give 1 to %(most)s values.") % {"most": MOST_VALUES})
    return words


def parts(value: str, known: Mapping[str, Any] | Sequence[str], *, alone: Sequence[str] = ()) -> list[str]:
    """Words of a list with commas that are known.

    Raises:
        FilterError: an unknown word, too many, or one that stands alone beside others.
    """
    words = split(value)
    allowed = [*alone, *known]
    for word in words:
        if word not in allowed:
            raise FilterError(
                _("“%(word)s” is none of: %(known)s.") % {"word": word[:40], "known": ", ".join(allowed)}
            )
    if len(words) > 1 and set(words) & set(alone):
        raise FilterError(_("“%(word)s” stands alone.") % {"word": next(w for w in words if w in alone)})
    return words


def related(name: str, found: Any, *, is_there: bool = True) -> Callable[[Any], Any]:
    """Rows with a related one, or without: `found` is a query of one column that is never null.

    Written so that no join comes of it: it is asked of each row that is passed, by the index of what it asks.
    """

    def walk(rows: Any) -> Any:
        return rows.alias(**{name: Subquery(found[:1])}).filter(**{f"{name}__isnull": not is_there})

    return walk


def by_related(text: Any, narrow: Callable[[Any], Any], walk: Callable[[Any], Any]) -> Condition:
    """A condition that rows of another table meet."""
    return Condition("", "", str(text), narrow, walk=walk, weight=PROBE)


def trait(*traits: str) -> Callable[[Any], Any]:
    """Rows with one of the traits, by the index `contact_traits`."""

    def narrow(rows: Any) -> Any:
        return rows.alias(traits=Contact.TRAITS).filter(traits__overlap=list(traits))

    return narrow


def by_trait(text: Any, *traits: str) -> Condition:
    """A condition that one of the traits meets."""
    return Condition("", "", str(text), trait(*traits), is_trait=True)


def number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise FilterError(_("“%(value)s” is no number.") % {"value": value[:40]})
    return int(value)
