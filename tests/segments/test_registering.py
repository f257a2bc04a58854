"""Another app registers a kind over its own table, with the shared windows, parameters and measures."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import pytest
from django.db import connection

from segments.leaves import registry
from segments.leaves.activity import Rows, Where, read_where
from segments.leaves.base import Leaf, Query, Scope
from segments.leaves.channel import ChannelLeaf
from segments.leaves.measures import FUNCTIONS, Measure
from segments.leaves.registry import register_leaf
from segments.leaves.windows import Window
from segments.rules import DefinitionError, read_definition
from segments.rules.members import Members
from segments.services.evaluation import evaluate
from tests.contacts.people import NOW, someone, upsert
from tests.segments.making import all_of, condition

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class CallLeaf(Leaf):
    """Telephone calls, kept in a table of their own."""

    kind = "call"

    where: tuple[Where, ...]
    window: Window
    measure: Measure

    @classmethod
    def read(cls, members: Members) -> Self:
        measure = Measure.read(members, functions=(*FUNCTIONS, "rate"))
        return cls(read_where(members), members.part("window", Window.read, Window()), measure)

    def reads(self, catalogue: object) -> frozenset[str]:
        return frozenset({"call"})

    def query(self, scope: Scope) -> Query:
        rows = Rows(
            source="bench_call k", person="k.caller", at="k.called_at", document="to_jsonb(k)", where="k.kind = 'in'",
            figures=(("rate", "100.0 * count(*) FILTER (WHERE k.answered) / count(*)"),),
        )  # fmt: skip
        return self.measure.query(rows, self.window, self.where, scope)

    def words(self, catalogue: object) -> str:
        return self.measure.words("Call", self.window, self.where)


@pytest.fixture
def calls(monkeypatch):
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    register_leaf(CallLeaf)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_call (caller bigint, called_at timestamptz, kind text, answered bool, sum numeric)"
        )
    return cursor


def test_it_works(calls):
    made = upsert(someone("X1"), someone("X2"), someone("X3"))
    ann, bob, cem = (outcome.contact_id for outcome in made)
    rows = [
        (ann, 1, "in", True, 5),
        (ann, 2, "in", False, 1),
        (bob, 3, "in", True, 2),
        (cem, 1, "out", True, 9),
    ]
    with connection.cursor() as cursor:
        for who, days, kind, answered, total in rows:
            cursor.execute(
                "INSERT INTO bench_call VALUES (%s, %s, %s, %s, %s)",
                [who, NOW - timedelta(days=days), kind, answered, total],
            )

    def found(**members: object) -> set[int]:
        return set(evaluate(all_of(condition("call", **members)), now=NOW))

    assert found() == {ann, bob}
    assert found(cmp="eq", value=0) == {cem}
    assert found(window={"type": "last", "amount": 36, "unit": "hour"}) == {ann}
    assert found(where=[{"param": "sum", "cmp": "gte", "value": 5}]) == {ann}
    assert found(measure={"fn": "sum", "param": "sum"}, cmp="gt", value=5) == {ann}
    assert found(measure={"fn": "rate"}, cmp="gte", value=60) == {bob}


def test_a_kind_that_is_not_registered_is_refused():
    with pytest.raises(DefinitionError, match="must be one of"):
        read_definition(all_of(condition("call")))


def test_a_kind_is_registered_once(calls):
    register_leaf(CallLeaf)

    class Other(ChannelLeaf):
        kind = "call"

    with pytest.raises(ValueError, match="registered twice"):
        register_leaf(Other)
