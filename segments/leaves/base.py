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
class RowTest(Query):
    """A query of contacts by a condition on their own row: many of them are asked in one scan.

    `test` is SQL over the columns of `contacts_contact`, without the narrowing to some persons.
    """

    test: str = ""
    test_params: tuple[Any, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.test, repr(self.test_params)

    @property
    def holds(self) -> tuple[str, tuple[Any, ...]]:
        """SQL that is true for whom is meant; null, like false, says no."""
        return (f"({self.test}) IS NOT TRUE" if self.is_complement else f"({self.test})"), self.test_params


@dataclass(frozen=True, slots=True)
class Figured(Query):
    """A query of persons by a figure over their rows: many over the same table are asked in one scan of those rows.

    Attributes:
        source, person: FROM item without parameters, and its column of persons.
        base: which of its rows are of the leaf's subject, such as a type of event.
        counted: which of these count.
        low: no row before it counts, by `at`; None when there is no such instant.
        value: the SQL of a row's value that `figure` is over; empty when it is over rows alone.
        figure: an aggregate with `[value]`, `[at]`, `[order]` and, for the rows that count, `[filter]`.
        verdict: the comparison of `[figure]`; asked of persons with rows that count.
    """

    source: str = ""
    person: str = ""
    at: str = ""
    order: str = ""
    base: tuple[str, tuple[Any, ...]] = ("true", ())
    counted: tuple[str, tuple[Any, ...]] = ("true", ())
    low: datetime | None = None
    value: str = ""
    figure: str = ""
    verdict: tuple[str, tuple[Any, ...]] = ("true", ())

    @property
    def key(self) -> tuple[str, str]:
        mine = self.base[1], self.counted[1], self.verdict[1]
        return (
            f"{self.source} {self.base[0]} {self.counted[0]} {self.figure} {self.value} {self.verdict[0]}",
            repr(mine),
        )


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

    def row_test(self, sql: str, params: tuple[Any, ...], *, is_complement: bool = False) -> RowTest:
        """The contacts whose own row passes a test."""
        narrow, more = self.narrow("id")
        text = f"SELECT id AS person_id FROM contacts_contact WHERE {sql}{narrow}"
        return RowTest(text, (*params, *more), is_complement, sql, params)


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
