"""A condition on an indexed parameter holds for the same persons as without its index, and is asked of it."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from segments.rules import BrokenReference
from segments.services.evaluation import evaluate
from segments.services.indexes import index_parameter
from tests.events.inbox import event_type
from tests.segments.making import all_of, did
from tests.segments.vector_world import NOW, add_event

pytestmark = pytest.mark.django_db

VALUES = [
    "shoes",
    " SHOES ",
    ["hats", "Shoes"],
    ["hats"],
    [],
    None,
    7,
    "7",
    {"a": "shoes"},
    True,
    "stra\u00dfe",
    [["shoes"]],
]


def where(cmp, value, **more):
    return {"param": "category", "cmp": cmp, "value": value, **more}


CONDITIONS = [
    [where("eq", "shoes")],
    [where("eq", "shoes", case=True)],
    [where("ne", "shoes")],
    [where("in", ["shoes", "STRASSE"])],
    [where("not_in", ["shoes", "hats"])],
    [where("eq", "shoes", **{"not": True})],
    [where("eq", 7)],
    [where("eq", "7")],
    [where("contains", "hoe")],
    [where("eq", "hats"), where("eq", "shoes")],
    [{"param": "amount", "cmp": "gt", "value": 3}, where("eq", "shoes")],
    [{"op": "or", "items": [where("eq", "shoes"), where("eq", "hats")]}],
    [{"param": "category.a", "cmp": "eq", "value": "shoes"}],
]
MEASURES = [
    {}, {"cmp": "gte", "value": 2}, {"cmp": "eq", "value": 0},
    {"measure": {"fn": "sum", "param": "amount"}, "cmp": "gt", "value": 6},
    {"measure": {"fn": "last", "param": "category"}, "cmp": "eq", "value": "shoes"},
    {"measure": {"fn": "last_at"}, "cmp": "not_empty"},
]  # fmt: skip


@pytest.fixture
def bought():
    """One person for each value, who bought it twice; the second time for more."""
    kind = event_type("purchase")
    for number, value in enumerate(VALUES, 1):
        Contact.objects.create(pk=number, source="api", created_at=NOW, updated_at=NOW)
        for amount in (2, 5):
            add_event(number, "purchase", NOW, params={"category": value, "amount": amount})
    return kind


def asked(nodes, **more):
    with CaptureQueriesContext(connection) as queries:
        found = {
            tuple(str(part) for part in (items, measure)): set(
                evaluate(all_of(did("purchase", where=items, **measure, **more)), now=NOW)
            )
            for items in nodes
            for measure in MEASURES
        }
    return found, sum("UNION ALL" in query["sql"] for query in queries.captured_queries)


def test_it_works(bought):
    before, unions = asked(CONDITIONS)
    assert unions == 0
    index_parameter("purchase", "category")
    after, unions = asked(CONDITIONS)
    assert after == before
    assert unions == 5 * len(MEASURES)
    assert after[(str(CONDITIONS[0]), "{}")] == {1, 2, 3}


def test_days_of_a_contacts_own_zone_are_asked_without_it(bought):
    index_parameter("purchase", "category")
    window = {"type": "last", "amount": 3, "unit": "day", "zone": "contact"}
    found, unions = asked([CONDITIONS[0]], window=window)
    assert unions == 0
    assert found[(str(CONDITIONS[0]), "{}")] == {1, 2, 3}


def test_the_index_is_of_one_type(bought):
    event_type("view")
    index_parameter("view", "category")
    assert asked([CONDITIONS[0]])[1] == 0


def test_an_operator_makes_it(bought, capsys):
    call_command("index_parameter", "purchase", "category")
    assert capsys.readouterr().out.endswith(" is ready\n")
    assert asked([CONDITIONS[0]])[1] > 0
    with pytest.raises(CommandError, match="nothing"):
        call_command("index_parameter", "nothing", "category")


@pytest.mark.django_db(transaction=True)
def test_one_that_was_cut_short_is_finished_by_the_next_call(bought):
    """Outside a transaction, as an operator makes it: partition by partition, serving only when it is whole."""
    name = index_parameter("purchase", "category")
    with connection.cursor() as cursor:
        try:
            assert asked([CONDITIONS[0]])[1] > 0
            [partition] = partitions_of(cursor, "events_event")[-1:]
            rows = index_rows(cursor, f"{name}_{partition[-6:]}")
            cursor.execute(f"DROP INDEX {name}")
            cursor.execute(
                rows.replace(f"{name}_{partition[-6:]} ON ", f"{name} ON ONLY ").replace(
                    partition, "events_event"
                )
            )
            cursor.execute(rows)  # half made: one partition, not attached
            assert asked([CONDITIONS[0]])[1] == 0
            assert index_parameter("purchase", "category") == name
            found, unions = asked([CONDITIONS[0]])
            assert unions > 0
            assert found[(str(CONDITIONS[0]), "{}")] == {1, 2, 3}
            assert len(partitions_of(cursor, name)) == len(partitions_of(cursor, "events_event"))
        finally:
            cursor.execute(f"DROP INDEX IF EXISTS {name}, {name}_l")


def partitions_of(cursor, name):
    cursor.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1", [name]
    )
    return [found for (found,) in cursor.fetchall()]


def index_rows(cursor, name):
    cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
    return cursor.fetchone()[0]


def test_a_type_that_is_not_there():
    with pytest.raises(BrokenReference):
        index_parameter("nothing", "category")
