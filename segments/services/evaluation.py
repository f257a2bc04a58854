"""Evaluates definitions: leaves by SQL, everything above them by bitmap operations (design 5).

One `Pass` has one `now` and one snapshot; equal leaves are asked once in it. "Among ids" is the same code over fewer
persons: there is one implementation of every condition.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from pyroaring import BitMap64

from segments.catalogue import Catalogue
from segments.leaves.base import Query, RowTest, Scope
from segments.leaves.operators import Sql
from segments.rules import BrokenReference, Condition, Definition, Group, read_definition, walk
from segments.services import packing
from segments.services.asking import ask_together
from segments.services.chunks import stored_members

IS_MEMBER = "state = 'active' AND NOT is_restricted"
UNIVERSE = f"SELECT id AS person_id FROM contacts_contact WHERE {IS_MEMBER}"
FEW = 20_000  # persons looked up one by one rather than by reading everybody
DEEPEST_REFERENCE = 5
# Figures of a million persons are grouped in memory; compiling a statement costs more than it saves.
FOR_FULL_SCANS = "SET LOCAL jit TO off; SET LOCAL work_mem TO '64MB'"


@contextmanager
def snapshot() -> Iterator[None]:
    """One REPEATABLE READ transaction; inside another transaction, that one (then the caller answers for it)."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; {FOR_FULL_SCANS}")
        yield


class Pass:
    """The evaluation of any number of definitions at one instant.

    Args:
        among: ids that matter; None for everybody.
        uses_stored: segments inside segments are read from their stored members where those are of their present
            definition (the live path); else they are evaluated here (builds, previews, audiences).
    """

    def __init__(
        self,
        *,
        now: datetime,
        among: Iterable[int] | None = None,
        catalogue: Catalogue | None = None,
        uses_stored: bool = False,
    ) -> None:
        ids = None if among is None else tuple(sorted(set(among)))
        self.scope = Scope(now, catalogue or Catalogue(), ids)
        self.uses_stored = uses_stored
        self._leaves: dict[str, BitMap64] = {}
        self._queries: dict[str, Query] = {}
        self._raw: dict[tuple[str, str], BitMap64] = {}
        self._segments: dict[int, BitMap64] = {}
        self._universe: BitMap64 | None = None
        self._inside: list[int] = []

    @property
    def universe(self) -> BitMap64:
        """Active contacts that are not restricted."""
        if self._universe is None:
            self._universe = self._fetch(self._universe_query())
        return self._universe

    def evaluate(self, definition: Definition) -> BitMap64:
        """Raises: BrokenReference: a condition names what is not there."""
        self.prefetch([definition])
        found, is_within = self._include(definition.include)
        if definition.exclude is not None and found:
            found = found - self.node(definition.exclude)
        return found if is_within else self.within(found)

    def _include(self, group: Group) -> tuple[BitMap64, bool]:
        """The members of a tree, and whether it is known that all of them are in the universe.

        Of everybody, what the contacts' own rows decide is asked together with being in the universe: one scan.
        """
        if self.scope.among is None and not group.is_negated and (group.op == "and" or len(group.items) == 1):
            own, others = self._by_own_row(group.items)
            if own:
                found = self._scan([(IS_MEMBER, ()), *own], "and")
                for item in others:
                    if not found:
                        break
                    found = found & self.node(item)
                return found, True
        return self.node(group), False

    def within(self, found: BitMap64) -> BitMap64:
        """The persons of the universe among these; few are looked up, so that a selective answer needs no universe."""
        if self._universe is not None or len(found) > FEW:
            return found & self.universe
        if not found:
            return found
        return found & self._fetch(Query(f"{UNIVERSE} AND id = ANY(%s)", (list(found),)))

    def node(self, node: Group | Condition) -> BitMap64:
        """The members of a node; within the universe once `within` has looked at them."""
        found = self.leaf(node) if isinstance(node, Condition) else self._joined(node)
        return self.universe - found if node.is_negated else found

    def _joined(self, group: Group) -> BitMap64:
        parts: list[Group | Condition] = list(group.items)
        sets: list[BitMap64] = []
        if self.scope.among is None:
            own, others = self._by_own_row(group.items)
            if len(own) > 1:
                sets, parts = [self._scan(own, group.op)], others
        sets += [self.node(item) for item in parts]
        found = sets[0]
        for other in sets[1:]:
            found = found & other if group.op == "and" else found | other
        return found

    def _by_own_row(self, items: Sequence[Group | Condition]) -> tuple[list[Sql], list[Group | Condition]]:
        """The tests of those nodes that a contact's own row decides, and the other nodes."""
        tests = [self._own_row(item) for item in items]
        others = [item for item, test in zip(items, tests, strict=True) if test is None]
        return [test for test in tests if test is not None], others

    def _own_row(self, node: Group | Condition) -> Sql | None:
        """A node as a test of a contact's own row; None when it asks for more than that."""
        if isinstance(node, Condition):
            query = self._query(node)
            test = query.holds if isinstance(query, RowTest) else None
        else:
            tests, others = self._by_own_row(node.items)
            test = None if others else _glue(tests, node.op)
        if test is None or not node.is_negated:
            return test
        return f"({test[0]}) IS NOT TRUE", test[1]

    def _scan(self, tests: Sequence[Sql], op: str) -> BitMap64:
        text, params = _glue(tests, op)
        key = (text, repr(params))
        if key not in self._raw:
            self._raw[key] = self._fetch(self.scope.row_test(text, params))
        return self._raw[key]

    def _query(self, condition: Condition) -> Query | None:
        """The query of a condition; None of one that is not asked by a query."""
        found = self._queries.get(condition.form)
        if found is None and condition.leaf.kind != "segment":
            found = self._queries[condition.form] = condition.leaf.query(self.scope)
        return found

    def leaf(self, condition: Condition) -> BitMap64:
        """The members of a condition without its `not`; asked once a pass."""
        found = self._leaves.get(condition.form)
        if found is None:
            query = self._query(condition)
            found = self._leaves[condition.form] = self.run(query) if query else condition.leaf.members(self)
        return found

    def run(self, query: Query) -> BitMap64:
        """The persons a query means."""
        raw = self._raw.get(query.key)
        if raw is None:
            raw = self._raw[query.key] = self._fetch(query)
        return self.universe - raw if query.is_complement else raw

    def segment(self, number: int) -> BitMap64:
        """The members of another segment.

        Raises:
            BrokenReference: it is gone or broken, or refers to itself.
        """
        found = self._segments.get(number)
        if found is not None:
            return found
        info = self.scope.catalogue.segment(number)
        if self.uses_stored and info.is_current:
            found = stored_members(number, among=self.scope.among) & self.universe
        else:
            if number in self._inside or len(self._inside) > DEEPEST_REFERENCE:
                text = _("the segment %(name)s refers to itself or too deep") % {"name": info.name}
                raise BrokenReference("segment_cycle", text)
            self._inside.append(number)
            try:
                found = self.evaluate(read_definition(info.definition))
            finally:
                self._inside.pop()
        self._segments[number] = found
        return found

    def prefetch(self, definitions: Iterable[Definition]) -> None:
        """Ask the leaves of definitions together, so that they cost few statements and see one snapshot.

        Only among ids: a full evaluation asks for each in its turn, so that none is asked that no longer matters.
        """
        if self.scope.among is None:
            return
        wanted: dict[tuple[str, str], Query] = {}
        everybody = self._universe_query()
        if self._universe is None:
            wanted[everybody.key] = everybody
        for definition in definitions:
            for condition in definition.conditions():
                query = None if condition.form in self._queries else self._query(condition)
                if query is not None and query.key not in self._raw:
                    wanted[query.key] = query
        if wanted:
            self._raw |= ask_together(wanted.values(), self.scope)
        if self._universe is None:
            self._universe = self._raw[everybody.key]

    def _universe_query(self) -> Query:
        return self.scope.row_test(IS_MEMBER, ())

    def _fetch(self, query: Query) -> BitMap64:
        with connection.cursor() as cursor:
            cursor.execute(packing.packed(query.sql), list(query.params))
            return packing.unpack(cursor.fetchall())


def _glue(tests: Sequence[Sql], op: str) -> Sql:
    return f" {op.upper()} ".join(f"({text})" for text, _params in tests), tuple(
        param for _text, params in tests for param in params
    )


def as_definition(definition: Definition | Mapping[str, Any]) -> Definition:
    return definition if isinstance(definition, Definition) else read_definition(definition)


def evaluate(
    definition: Definition | Mapping[str, Any], *, now: datetime, among: Sequence[int] | None = None
) -> BitMap64:
    """The contacts a definition holds at `now`, from live data in one snapshot.

    Raises:
        DefinitionError: the JSON breaks rules.
        BrokenReference: a condition names what is not there; never everybody or nobody instead.
    """
    tree = as_definition(definition)
    with snapshot():
        return Pass(now=now, among=among).evaluate(tree)


def members_among(
    segment_ids: Sequence[int], person_ids: Sequence[int], *, now: datetime
) -> dict[int, set[int]]:
    """Which of the persons each segment holds at `now`, from live data: never the stored members.

    Raises:
        BrokenReference: a segment is gone or broken.
    """
    if not segment_ids or not person_ids:
        return {number: set() for number in segment_ids}
    with snapshot():
        evaluation = Pass(now=now, among=person_ids)
        definitions = [evaluation.scope.catalogue.segment(number).definition for number in segment_ids]
        evaluation.prefetch([read_definition(body) for body in definitions])
        return {number: set(evaluation.segment(number)) for number in segment_ids}


def leaves_of(definitions: Iterable[Definition]) -> dict[str, Condition]:
    """The distinct conditions of definitions by their form."""
    found: dict[str, Condition] = {}
    for definition in definitions:
        for group in (definition.include, definition.exclude):
            if group is not None:
                found.update((condition.form, condition) for condition in walk(group))
    return found
