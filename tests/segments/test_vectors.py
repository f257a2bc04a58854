"""The vectors of the segments document, 11, that the kinds of this app cover, in the full and the single evaluation."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from segments.leaves.windows import Window
from segments.rules import read_definition
from segments.rules.members import Members
from segments.services.evaluation import evaluate
from tests.segments.vector_world import DATA, NOW, VECTORS, make_world

pytestmark = pytest.mark.django_db

# The rest needs the kinds of other apps (message, order) or of the document's section 9.
COVERED = [f"V{number}" for number in (*range(1, 23), 35, 38)]
IDS = [row["id"] for row in DATA["contacts"]]


@pytest.fixture
def world():
    make_world()


@pytest.mark.parametrize("name", COVERED)
def test_a_vector_holds_for_everybody_and_one_by_one(world, name):
    definition = VECTORS[name]["definition"]
    assert sorted(evaluate(definition, now=NOW)) == VECTORS[name]["expect"]
    alone = [number for number in IDS if evaluate(definition, now=NOW, among=[number])]
    assert alone == VECTORS[name]["expect"]
    assert sorted(evaluate(definition, now=NOW, among=IDS)) == VECTORS[name]["expect"]


@pytest.mark.parametrize("name", COVERED)
def test_a_vector_reads_back_as_it_was(name):
    definition = VECTORS[name]["definition"]
    tree = read_definition(definition)
    again = read_definition(tree.as_json())
    assert again == tree
    assert again.fingerprint == tree.fingerprint


KYIV = ZoneInfo("Europe/Kyiv")
WINDOWS = [
    ({"type": "last", "amount": 7, "unit": "day"}, "2026-06-08T12:00:00", None),
    ({"type": "last", "amount": 7, "unit": "day", "align": "calendar"}, "2026-06-08T21:00:00", None),
    ({"type": "last", "amount": 1, "unit": "month"}, "2026-05-15T12:00:00", None),
    ({"type": "ago", "amount": 30, "unit": "day"}, "2026-05-15T21:00:00", "2026-05-16T21:00:00"),
    ({"type": "older", "amount": 60, "unit": "day"}, None, "2026-04-16T12:00:00"),
    ({"type": "period", "name": "today"}, "2026-06-14T21:00:00", None),
    ({"type": "period", "name": "this_week"}, "2026-06-14T21:00:00", None),
    ({"type": "period", "name": "last_month"}, "2026-04-30T21:00:00", "2026-05-31T21:00:00"),
    (
        {"type": "absolute", "from": "2026-05-01", "to": "2026-05-31"},
        "2026-04-30T21:00:00",
        "2026-05-31T21:00:00",
    ),
    ({"type": "last", "amount": 4, "unit": "month"}, "2026-02-15T13:00:00", None),
]


@pytest.mark.parametrize(("window", "low", "high"), WINDOWS)
def test_a_window_means_these_instants(window, low, high):
    found = Window.read(Members(window, "")).range(NOW, KYIV)
    assert found.low == (datetime.fromisoformat(f"{low}+00:00") if low else None)
    assert (found.high, found.high_included) == (
        (datetime.fromisoformat(f"{high}+00:00"), False) if high else (NOW, True)
    )
