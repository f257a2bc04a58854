"""One condition of a filter, and what readers of conditions share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from contacts.models import Contact

MOST_VALUES = 20
# What a row costs whose columns the index holds; what looking into another table adds, and comparing text.
BY_INDEX, PROBE, COMPARISON = 1 / 6, 0.6, 0.3
NONE, ANY = "none", "any"


class FilterError(ValueError):
    """A value that says no condition; the sentence tells why."""


@dataclass(slots=True)
class Condition:
    """One parameter, read. `narrow` takes rows to those that fit; `fits`, for what no statement can ask, sieves ids.

    What tells how to read it: `is_trait`, the index `contact_traits` serves it, alone and beside others; `traits`, all of
    which it needs, if that is all it asks; `bounds`, the column of which it is a range; `is_few`, it names those who fit;
    `is_of_address`, it asks for addresses in states that are not the usual one; `weight`, what it costs a row beside
    reading it.
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
    traits: tuple[str, ...] = ()
    is_of_address: bool = False
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


def by_related(text: Any, narrow: Callable[[Any], Any]) -> Condition:
    """A condition that rows of another table meet."""
    return Condition("", "", str(text), narrow, weight=PROBE)


def trait(*traits: str) -> Callable[[Any], Any]:
    """Rows with one of the traits, by the index `contact_traits`."""

    def narrow(rows: Any) -> Any:
        return rows.alias(traits=Contact.TRAITS).filter(traits__overlap=list(traits))

    return narrow


def by_trait(text: Any, *traits: str) -> Condition:
    """A condition that one of the traits meets."""
    alone = traits if len(traits) == 1 else ()
    return Condition("", "", str(text), trait(*traits), is_trait=True, traits=alone)


def number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise FilterError(_("“%(value)s” is no number.") % {"value": value[:40]})
    return int(value)
