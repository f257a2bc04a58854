"""What every kind of condition has in common."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import connection
from pyroaring import BitMap64

from segments.catalogue import Catalogue
from segments.rules.members import Members

if TYPE_CHECKING:
    from segments.services.evaluation import Pass


@dataclass(frozen=True, slots=True)
class Query:
    """SQL that yields one column of person ids, repeats allowed. With `is_complement`, everybody else is meant."""

    sql: str
    params: tuple[Any, ...] = ()
    is_complement: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells queries apart, whichever way they are meant."""
        return self.sql, repr(self.params)

    def complement(self) -> "Query":
        return replace(self, is_complement=not self.is_complement)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and when a leaf is asked. `among`: only these persons matter; None for everybody."""

    now: datetime
    catalogue: Catalogue
    among: tuple[int, ...] | None = None

    def narrow(self, column: str) -> tuple[str, tuple[Any, ...]]:
        """SQL to append to a WHERE, with its parameters."""
        if self.among is None:
            return "", ()
        return f" AND {column} = ANY(%s)", (list(self.among),)

    def moved(self, now: datetime) -> "Scope":
        return replace(self, now=now)


class Leaf:
    """A condition without its `not`. Subclasses are frozen dataclasses; see the package's docstring."""

    kind: ClassVar[str]

    @classmethod
    def read(cls, members: Members) -> Self:
        """Raises: RuleError: a member is missing, unknown or wrong."""
        raise NotImplementedError

    def check(self, catalogue: Catalogue) -> None:
        """Raises: BrokenReference: something named is not there, or a literal does not fit its type."""

    def reads(self, catalogue: Catalogue) -> frozenset[str]:
        raise NotImplementedError

    def query(self, scope: Scope) -> Query:
        """Raises: BrokenReference, as `check`."""
        raise NotImplementedError

    def members(self, evaluation: "Pass") -> BitMap64:
        """The persons this holds for; people outside the universe may be among them and do not matter."""
        return evaluation.run(self.query(evaluation.scope))

    def edges(self, scope: Scope, since: datetime, until: datetime) -> Sequence[Query]:  # noqa: ARG002
        """Persons whose verdict may differ between two instants with nothing happening; more than those is allowed."""
        return ()

    def words(self, catalogue: Catalogue) -> str:
        """The condition as a sentence about a contact, without its `not`."""
        raise NotImplementedError

    def seen(self, scope: Scope, person_id: int) -> str:  # noqa: ARG002
        """The value of one person that decides, in words; empty when there is none to show."""
        return ""


def fetch_one(sql: str, params: Sequence[Any]) -> Any:
    """The first column of the first row, or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        row = cursor.fetchone()
    return row[0] if row else None
