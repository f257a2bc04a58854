"""Definitions are read strictly: every fault is told with its pointer, and equal ones are found equal."""

import pytest

from segments.rules import DefinitionError, Group, RuleError, formula, read_definition
from segments.rules.formula import cards
from tests.segments.making import all_of, any_of, condition, did, named


def faults(body: object) -> list[tuple[str, str]]:
    with pytest.raises(DefinitionError) as error:
        read_definition(body)
    return [(fault.path, fault.code) for fault in error.value.faults]


def test_it_works():
    tree = read_definition(all_of(named("Ann"), did("PageRead", days=7), exclude=(named("Bob"),)))
    assert [one.leaf.kind for one in tree.conditions()] == ["field", "event", "field"]
    assert tree.as_json() == all_of(named("Ann"), did("PageRead", days=7), exclude=(named("Bob"),))


BAD = [
    ([], "", "bad_value"),
    ({}, "/include", "required"),
    ({"include": named("Ann")}, "/include", "bad_value"),
    (all_of() | {"version": 2}, "/version", "bad_value"),
    (all_of(), "/include/items", "empty_group"),
    (all_of(named("A")) | {"extra": 1}, "/extra", "unknown_member"),
    (all_of(named("A")) | {"timezone": "Mars"}, "/timezone", "bad_value"),
    ({"include": {"op": "xor", "items": [named("A")]}}, "/include/op", "bad_value"),
    (all_of(condition("mood")), "/include/items/0/kind", "unknown_kind"),
    (all_of({"kind": 5}), "/include/items/0/kind", "unknown_kind"),
    (all_of(named("A") | {"colour": "red"}), "/include/items/0/colour", "unknown_member"),
    (all_of(named("A") | {"cmp": "like"}), "/include/items/0/cmp", "unknown_operator"),
    (all_of(condition("field", field="email", cmp="eq")), "/include/items/0/value", "required"),
    (all_of(condition("list", cmp="in_any", value=[])), "/include/items/0/value", "bad_value"),
    (all_of(condition("list", cmp="in_any", value=["x"])), "/include/items/0/value", "bad_value"),
    (all_of(condition("channel", channel="fax", cmp="present")), "/include/items/0/channel", "unknown_channel"),
    (all_of(condition("event", event="E", window={"type": "soon"})), "/include/items/0/window/type", "unknown_window"),
    (
        all_of(condition("event", event="E", window={"type": "last", "amount": 0, "unit": "day"})),
        "/include/items/0/window/amount", "bad_value",
    ),
    (
        all_of(condition("event", event="E", window={"type": "last", "amount": 1, "unit": "day", "zone": "moon"})),
        "/include/items/0/window/zone", "bad_value",
    ),
    (
        all_of(condition("event", event="E", window={"type": "all", "time_of_day": {"from": "8", "to": "10:00"}})),
        "/include/items/0/window/time_of_day/from", "bad_value",
    ),
    (all_of(condition("event", event="E", measure={"fn": "sum"})), "/include/items/0/measure/param", "required"),
    (all_of(condition("event", event="E", measure={"fn": "mode"})), "/include/items/0/measure/fn", "unknown_measure"),
    (
        all_of(condition("event", event="E", cmp="gte", value="many")), "/include/items/0/value", "bad_value",
    ),
    (
        all_of(condition("event", event="E", where=[{"param": "p", "cmp": "gt", "value": "dear"}])),
        "/include/items/0/where/0/value", "bad_value",
    ),
    (
        all_of(condition("event", event="E", where=[{"param": "p", "cmp": "any", "where": []}])),
        "/include/items/0/where/0/where", "empty_group",
    ),
    (
        all_of(condition("event", event="E", where=[{"param": "p", "cmp": "matches", "value": "(?=x)"}])),
        "/include/items/0/where/0/value", "bad_value",
    ),
    (all_of(condition("random", salt="s", **{"from": 5, "to": 5})), "/include/items/0/to", "bad_value"),
    (all_of(named("A"), exclude=(named("B"),)) | {"exclude": {"op": "and", "items": [named("B")]}}, "/exclude/op", "bad_value"),
    (
        all_of(condition("field", field="X.Y", cmp="anniversary", value={"mode": "on", "day": "02-30"})),
        "/include/items/0/value/day", "bad_date",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "path", "code"), BAD)
def test_a_fault_is_told_with_its_pointer(body, path, code):
    assert faults(body) == [(path, code)]


def test_every_fault_is_told_at_once():
    body = all_of(condition("mood"), named("A"), {"op": "or", "items": [named("B") | {"cmp": "?"}]})
    assert faults(body) == [
        ("/include/items/0/kind", "unknown_kind"),
        ("/include/items/2/items/0/cmp", "unknown_operator"),
    ]


def test_limits():
    assert faults(all_of(*[named("A")] * 101)) == [("", "too_many_conditions")]
    read_definition(all_of(*[named("A")] * 100))
    node = named("A")
    for _ in range(4):
        node = {"op": "and", "items": [node]}
    read_definition(all_of(node))
    assert faults(all_of({"op": "and", "items": [node]})) == [("/include", "too_deep")]
    for _ in range(2_000):
        node = {"op": "and", "items": [node]}
    assert faults(all_of(node))[0][1] == "too_deep"
    many = condition("field", field="email", cmp="in", value=[f"a{n}@b.co" for n in range(1001)])
    assert faults(all_of(condition("list", cmp="in_any", value=list(range(1, 1002))))) == [
        ("/include/items/0/value", "bad_value")
    ]
    assert faults(all_of(many)) == [("/include/items/0/value", "bad_value")]


def test_the_tree_checks_itself():
    with pytest.raises(RuleError, match="at least one"):
        Group("and", ())


def test_equal_definitions_have_equal_fingerprints():
    one = all_of(condition("list", cmp="in_any", value=[2, 1, 2]), label="A", **{"not": False})
    two = all_of({"op": "or", "items": [condition("list", cmp="in_any", value=[1, 2], label="x")]}) | {
        "ui": {"cards": ["A"]}, "timezone": "account",
    }  # fmt: skip
    other = all_of(condition("list", cmp="in_any", value=[1, 2], **{"not": True}))
    assert read_definition(one).fingerprint == read_definition(two).fingerprint
    assert read_definition(one).fingerprint != read_definition(other).fingerprint
    default = all_of(condition("event", event="E", window={"type": "all"}, measure={"fn": "count"}))
    assert read_definition(default).fingerprint == read_definition(all_of(did("E"))).fingerprint


def group(op: str, *items: dict, **more: object) -> dict:
    return {"op": op, "items": list(items), **more}


FORMULAS = [
    (all_of(named("A"), named("B")), "A"),
    (any_of(group("and", group("and", named("A")), group("and", named("B"))), group("and", named("C"))), "(A and B) or C"),
    (all_of(named("A"), exclude=(named("B"),)), "A - B"),
    (any_of(group("and", named("A")), group("or", named("B"))) | {"exclude": group("or", group("and", named("C")))},
     "(A or B) - C"),
    (any_of(group("and", named("A")), group("and", named("B"), **{"not": True})), "A or not B"),
    (all_of(named("A")) | {"exclude": group("or", group("and", named("B")), group("and", named("C")))}, "A - B - C"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), FORMULAS)
def test_the_formula_is_drawn_with_its_brackets(body, text):
    tree = read_definition(body)
    assert formula(tree) == text
    letters = [card.letter for card in cards(tree)]
    assert letters == sorted(set(text) & set("ABCDE"))
