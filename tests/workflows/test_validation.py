"""Faults of definitions, each with its code and its place."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.messaging.mail import message
from tests.workflows.flows import EVENT, HOUR, NOW, chain, document, edge, event_type, node, row_of
from workflows.blocks.base import registry
from workflows.definition import reading
from workflows.definition.conditions import OPERATORS, Subject, evaluate, read_tree
from workflows.definition.problems import DefinitionRefused
from workflows.definition.values import render
from workflows.services.validation import validate

GOOD = row_of(node("timer", wait=HOUR))


def changed(path: str, value) -> dict:
    """The good document with one place changed; a path such as `nodes.1.data.params`."""
    body = deepcopy(GOOD)
    *way, last = path.split(".")
    at = body
    for name in way:
        at = at[int(name)] if name.isdigit() else at[name]
    at[int(last) if last.isdigit() else last] = value
    return body


def found(body: dict) -> set[tuple[str, str]]:
    event_type(EVENT)
    return {(problem.code, problem.path) for problem in validate(reading.read(body), now=NOW)}


def faults(body: dict) -> list[tuple[str, str]]:
    with pytest.raises(DefinitionRefused) as refused:
        reading.read(body)
    return [(problem.path, problem.text) for problem in refused.value.problems]


@pytest.mark.django_db
def test_it_works():
    assert found(GOOD) == set()


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        ("colour", "red", "", "unknown field `colour`"),
        ("start.when", 1, "start", "unknown field `when`"),
        ("nodes.1.data.speed", 1, "nodes[1].data", "unknown field `speed`"),
        ("nodes.1.id", 7, "nodes[1].id", "Expected `str`"),
        ("edges.0.sources", "x", "edges[0]", "unknown field `sources`"),
        ("schema", "workflow/2", "schema", "Invalid enum value"),
        ("name", "", "name", "length >= 1"),
        ("nodes", {}, "nodes", "Expected `array`"),
        ("stop", {"exit_rules": [{"id": "x"}]}, "stop.exit_rules[0]", "missing required field `on`"),
    ],
)
def test_a_document_that_is_none_is_refused_with_its_path(path, value, where, words):
    [(place, text)] = faults(changed(path, value))
    assert place == where
    assert words in text


def test_text_that_is_no_json_names_line_and_column():
    with pytest.raises(DefinitionRefused, match="line 2 column 1"):
        reading.read_text('{"name":\n}')


def test_too_many_blocks_are_refused():
    body = GOOD | {"nodes": [node("checkpoint", f"n{n}", name="x") for n in range(201)]}
    assert ("nodes", "at most 200 are possible") in faults(body)


def test_several_faults_are_told_at_once():
    body = changed("nodes.1.data.speed", 1)
    body["edges"][0]["colour"] = "red"
    assert [place for place, _ in faults(body)] == ["nodes[1].data", "edges[0]"]


CASES = {
    "no start": (changed("nodes.0.type", "timer"), "E01", "nodes"),
    "into start": (changed("edges.1.target", "n_start"), "E01", "edges[1]"),
    "an id twice": (changed("nodes.2.id", "n_timer"), "E02", "nodes[2].id"),
    "a dangling edge": (changed("edges.1.target", "n_gone"), "E02", "edges[1].target"),
    "no such exit": (changed("edges.1.sourceHandle", "yes"), "E02", "edges[1].sourceHandle"),
    "an odd id": (changed("nodes.2.id", "n end"), "E02", "nodes[2].id"),
    "an unknown block": (changed("nodes.1.type", "message.pigeon"), "E05", "nodes[1].type"),
    "a missing parameter": (changed("nodes.1.type", "checkpoint"), "E05", "nodes[1].data.params"),
    "an unknown parameter": (changed("nodes.1.data.params.colour", 1), "E05", "nodes[1].data.params"),
    "a wrong type inside": (changed("nodes.1.data.params.wait.n", "one"), "E05", "nodes[1].data.params.wait.n"),
    "no wait": (changed("nodes.1.data.params", {}), "E08", "nodes[1].data.params"),
    "too long a wait": (changed("nodes.1.data.params.wait", {"n": 13, "unit": "month"}), "E08", "nodes[1].data.params.wait"),
    "no such event": (changed("start.event.type", "Nope"), "E06", "start.event.type"),
    "no such list": (
        changed("stop", {"exit_rules": [{"id": "x", "on": "segment", "segment": {"ref": "list", "id": 99}}]}),
        "E06", "stop.exit_rules[0].segment",
    ),
    "stops by its own event": (
        changed("stop", {"exit_rules": [{"id": "x", "on": "event", "types": [EVENT]}]}), "E17", "stop.exit_rules[0].types",
    ),
    "a bad filter": (changed("start.event.filters", {"left": "event.x", "op": "likes", "right": 1}), "E12", "start.event.filters.op"),
    "a bad pattern": (
        changed("start.contact_filters", {"any": [{"left": "contact.town", "op": "matches", "right": "("}]}),
        "E12", "start.contact_filters.any[0].right",
    ),
    "an error exit of what cannot fail": (changed("nodes.1.data.on_error", "branch"), "E05", "nodes[1].data.on_error"),
    "allowed hours that are none": (changed("settings", {"allowed_hours": {"mon": [["18:00", "25:00"]]}}), "E05", "settings.allowed_hours.mon[0]"),
    "goals, which nothing acts on": (changed("settings", {"goals": [{"id": "g"}]}), "E05", "settings.goals"),
    "a stop date gone by": (changed("stop", {"at": "2020-01-01T00:00:00Z"}), "E05", "stop.at"),
    "a branch without end": (changed("nodes.2", node("checkpoint", "n_end", name="x")), "W01", "nodes[2]"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "code", "path"), CASES.values(), ids=CASES)
def test_a_fault_is_told_with_its_code_and_place(body, code, path):
    if "nodes" in body:
        for one in body["nodes"]:
            if one["type"] not in ("timer", "checkpoint") and one["data"]["params"] == {"wait": HOUR}:
                one["data"]["params"] = {}
    assert (code, path) in found(body)


@pytest.mark.django_db
def test_a_circle_without_a_wait():
    nodes = [
        node("start"),
        node("checkpoint", "a", name="a"),
        node("condition", "b", tree={"left": "event.x", "op": "is_set"}),
    ]
    edges = [edge("n_start", "a"), edge("a", "b"), edge("b", "a", "no")]
    problems = validate(reading.read(document(nodes, edges)), now=NOW)
    [circle] = [problem for problem in problems if problem.code == "E04"]
    assert (circle.path, circle.edge) == ("edges[2]", "b-no-a")
    assert circle.text == "leads in a circle without a wait: a → b → a"


@pytest.mark.django_db
def test_nothing_but_start_and_end_and_what_nothing_leads_to():
    body = document([node("start"), node("end"), node("timer", wait=HOUR)], [edge("n_start", "n_end")])
    assert ("E03", "nodes[2]") in found(body)
    assert ("E20", "nodes") in found(document([node("start"), node("end")], [edge("n_start", "n_end")]))


@pytest.mark.django_db
def test_messages_must_exist_and_be_ready():
    event_type(EVENT)
    ready, draft = message(name="a"), message(name="b")
    type(draft).objects.filter(pk=draft.pk).update(state="draft")
    for pk, words in (
        (ready.pk, None),
        (draft.pk, "is a draft"),
        (ready.pk + 99, "it was deleted or never made"),
    ):
        body = row_of(node("message.email", message={"ref": "message", "id": pk}))
        texts = [p.text for p in validate(reading.read(body), now=NOW) if p.is_error]
        assert (words in texts[0]) if words else not texts


@pytest.mark.django_db
def test_a_status_check_needs_its_message_on_every_path():
    mail = node("message.email", "mail", message={"ref": "message", "id": message().pk})
    fork = node("condition", "fork", tree={"left": "event.x", "op": "is_set"})
    nodes = [node("start"), fork, mail, node("condition.opened", "ask"), node("end")]
    edges = [
        edge("n_start", "fork"),
        edge("fork", "mail", "yes"),
        edge("mail", "ask"),
        edge("ask", "n_end", "yes"),
        edge("ask", "n_end", "no"),
    ]
    assert ("E07", "nodes[3]") not in found(document(nodes, [*edges, edge("fork", "n_end", "no")]))
    assert ("E07", "nodes[3]") in found(document(nodes, [*edges, edge("fork", "ask", "no")]))


@pytest.mark.django_db
def test_warnings():
    mail = {"ref": "message", "id": message().pk}
    kind = event_type(EVENT)
    kind.structure = {"total": "number"}
    kind.save()
    mails = [node("message.email", f"m{n}", message=mail, email="${adress}") for n in range(3)]
    body = row_of(*mails, node("condition.opened", "ask"))
    body["edges"] = [*chain(*body["nodes"][:-1]), edge("ask", "n_end", "yes")]
    codes = {code for code, _ in found(body)}
    assert {"W02", "W03", "W04", "W05"} <= codes
    assert not {code for code in codes if code.startswith("E")}


def test_the_palette_comes_from_the_registry():
    assert {
        "start",
        "end",
        "timer",
        "message.email",
        "condition",
        "condition.opened",
        "contact.update",
    } <= registry.keys()
    schema = json.dumps(registry["message.email"].schema)
    assert '"x-editor": "message"' in schema
    assert '"additionalProperties": false' in schema


@pytest.mark.parametrize("kind", sorted(kind for kind in registry if not kind.startswith("test.")))
def test_the_parameters_of_every_block_can_be_read_and_described(kind):
    block = registry[kind]
    assert block.schema["$defs"]
    with pytest.raises(DefinitionRefused, match=r"unknown field `nonsense`|missing required field"):
        reading.read_part({"nonsense": 1}, block.params, "params")


@pytest.mark.django_db
def test_the_workflow_of_the_documentation_is_valid():
    text = (Path(__file__).parents[2] / "docs" / "workflows.md").read_text()
    body = json.loads(text.split("```json")[1].split("```")[0])
    body["nodes"][2]["data"]["params"]["message"]["id"] = message().pk
    event_type("OrderCreated")
    assert {code for code, _ in found(body)} == set()


TREES = st.recursive(
    st.sampled_from([
        {"left": "event.a", "op": "eq", "right": 1}, {"left": "event.b", "op": "is_set"},
        {"left": "contact.town", "op": "contains", "right": "v"}, {"left": "event.c[].x", "op": "gt", "right": 2},
    ]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)  # fmt: skip
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([0, 1, "1", None]),
        "b": st.just("x"),
        "c": st.lists(st.fixed_dictionaries({"x": st.integers(0, 4)})),
    },
)


def depth_of(tree) -> int:
    inner = tree.get("all") or tree.get("any") or [tree["not"]] if "left" not in tree else []
    return 1 + max((depth_of(part) for part in inner), default=0)


@given(tree=TREES, values=VALUES, town=st.sampled_from(["Lviv", "Kyiv", ""]))
def test_noting_what_was_seen_changes_no_verdict(tree, values, town):
    assume(depth_of(tree) < 5)
    read = read_tree(tree, "t")
    subject = Subject(values, {"town": town}, {})
    assert evaluate(read, subject, now=NOW) == evaluate(read, subject, now=NOW, seen=[])
    assert evaluate(read_tree({"not": tree}, "t"), subject, now=NOW) != evaluate(read, subject, now=NOW)


@pytest.mark.parametrize(
    ("op", "value", "right", "verdict"),
    [
        ("eq", "10.0", 10, True), ("eq", " Lviv ", "lviv", True), ("ne", "a", "b", True), ("contains", "Green TEA", "tea", True),
        ("not_contains", "coffee", "tea", True), ("starts_with", "Tea", "te", True), ("not_ends_with", "Tea", "a", False),
        ("one_of", "b", ["a", "B"], True), ("not_one_of", "c", ["a", "b"], True), ("gt", "9", 10, False), ("between", 5, [1, 5], True),
        ("before", "2026-01-01", "2026-01-02", True), ("after", "2026-01-03T00:00:00Z", "2026-01-02", True), ("gt", "abc", 1, False),
        ("in_last", "2026-03-09T12:00:00Z", {"n": 1, "unit": "day"}, True), ("in_next", "2026-03-10T13:00:00Z", {"n": 30, "unit": "minute"}, False),
        ("matches", "Catalog London", "London", True), ("matches", "london", "^London$", False), ("is_empty", "", None, True),
        ("is_set", 0, None, True), ("ne", None, "x", False), ("is_empty", None, None, True), ("eq", True, "true", True),
    ],
)  # fmt: skip
def test_operators(op, value, right, verdict):
    leaf = {"left": "event.x", "op": op} | ({} if right is None else {"right": right})
    assert op in OPERATORS
    assert evaluate(read_tree(leaf, ""), Subject({"x": value}, {}, {}), now=NOW) is verdict


@pytest.mark.parametrize(
    ("template", "value", "undefined"),
    [
        ("${city}", "Lviv", []), ("to ${city}!", "to Lviv!", []), ("${order.items[0].name}", "tea", []), ("${items[].n}", [1, 2], []),
        ("${gone}", None, ["gone"]), ("a ${gone|b} c", "a b c", []), ("${emailAddress}", "a@x.io", []), ("${City}", None, ["City"]),
        ({"k": ["${total}", "x"]}, {"k": [1.5, "x"]}, []), ("${order.items[9].name|none}", "none", []),
    ],
)  # fmt: skip
def test_variables(template, value, undefined):
    values = {
        "city": "Lviv", "total": 1.5, "items": [{"n": 1}, {"n": 2}], "order": '{"items": [{"name": "tea"}]}', "UserEmail": "a@x.io",
    }  # fmt: skip
    assert (render(template, values).value, render(template, values).undefined) == (value, undefined)
