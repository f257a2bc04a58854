"""Random workflows, random events, a clock that jumps: what must hold at run time holds (product document, 24.3)."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflows.flows import EVENT, NOW, contact, document, edge, event_type, happened, later, node, step
from workflows.definition import reading
from workflows.models import NodeTally, Run, RunStep
from workflows.services.compiled import compiled_version
from workflows.services.editing import create_workflow
from workflows.services.operating import activate
from workflows.services.signalling import Listeners, StoredEvent, waves

pytestmark = pytest.mark.django_db

KINDS = st.sampled_from(
    ["timer", "condition", "condition.split", "checkpoint", "contact.update", "condition.now"]
)
PARAMS = {
    "timer": {"wait": {"n": 30, "unit": "minute"}},
    "condition": {"tree": {"left": "event.x", "op": "gt", "right": 2}},
    "condition.split": {"ratio": 40},
    "checkpoint": {"name": "x"},
    "contact.update": {"changes": [{"field": "town", "value": "${x}"}]},
    "condition.now": {"start": "12:00", "end": "12:20"},
}
HANDLES = {"condition": ("yes", "no"), "condition.now": ("yes", "no"), "condition.split": ("a", "b")}


@st.composite
def definitions(draw):
    """A graph that only leads forward, every block reachable; some exits lead nowhere."""
    count = draw(st.integers(1, 7))
    names = [f"b{n}" for n in range(count)]
    nodes = [
        node("start"),
        *(node(kind, name, **PARAMS[kind]) for name in names if (kind := draw(KINDS))),
        node("end"),
    ]
    edges, reached = [edge("n_start", "b0")], {"b0"}
    for place, one in enumerate(nodes[1:-1]):
        for handle in HANDLES.get(one["type"], ("next",)):
            ahead = [*names[place + 1 :], "n_end"]
            unreached = [name for name in ahead[:-1] if name not in reached]
            target = unreached[0] if unreached else draw(st.sampled_from([*ahead, None]))
            if target is not None:
                edges.append(edge(one["id"], target, handle))
                reached.add(target)
    return document([one for one in nodes if one["id"] in reached | {"n_start", "n_end"}], edges)


MOMENTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=8
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=definitions(), moments=MOMENTS, solo=st.booleans())
def test_it_works(body, moments, solo):
    with transaction.atomic():
        body["start"] = {"kind": "event", "event": {"type": EVENT}, "skip_if_in_progress": solo}
        event_type(EVENT)
        compiled_version.cache_clear()
        if not any(one["target"] == "n_end" for one in body["edges"]):
            body["nodes"] = [one for one in body["nodes"] if one["id"] != "n_end"]
        saved = create_workflow(name="x", document=body, actor="t", now=NOW)
        assert saved.version is not None, [str(problem) for problem in saved.problems]
        activate(saved.workflow.pk, actor="t", now=NOW)
        people = [contact(f"p{n}") for n in range(4)]
        now = NOW
        for person, x, minutes in moments:
            now += timedelta(minutes=minutes)
            happened(people[person], at=now, x=x)
            step(now)
            check(saved.version.pk, body, solo, now)
        step(now + timedelta(days=1))
        for hours in range(1, 9):
            step(now + timedelta(days=1, hours=hours))
        assert not Run.objects.filter(state="running").exists()
        check(saved.version.pk, body, solo, now + timedelta(days=2))
        transaction.set_rollback(True)


def check(version_id: int, body, solo: bool, now) -> None:
    exits = {(one["source"], one["sourceHandle"]): one["target"] for one in body["edges"]}
    compiled = compiled_version(version_id)
    for run in Run.objects.all():
        rows = list(RunStep.objects.filter(run_id=run.pk).order_by("number"))
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))  # no step twice, none missing
        for row, following in zip(rows, [*rows[1:], None], strict=True):
            found = compiled.nodes[row.node]
            assert row.output in (*found.block.outputs(found.params), ""), row.output  # R03
            after = following.node if following else run.node if run.state == "running" else None
            if after is not None:
                assert exits[row.node, row.output] == after  # R04
            if found.node.type == "timer":
                assert row.at - row.entered_at >= timedelta(minutes=30)  # R10
        if run.state == "running":
            assert run.wake_at > now  # R05: it waits for a moment ahead, all that is due was done
    entered, left, here = (
        Counter(),
        Counter(),
        Counter(Run.objects.filter(state="running").values_list("node", flat=True)),
    )
    for name, what, count in NodeTally.objects.filter(version_id=version_id).values_list(
        "node", "what", "count"
    ):
        (entered if what == "entered" else left if what.startswith(("out:", "end:")) else Counter())[
            name
        ] += count
    assert entered == left + here  # R06
    if solo:
        open_by = Counter(Run.objects.filter(state="running").values_list("person_id", flat=True))
        assert not open_by or max(open_by.values()) == 1  # R07


@settings(max_examples=200, deadline=None)
@given(kinds=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), max_size=30))
def test_within_a_wave_starts_of_a_person_come_before_stops(kinds):
    """Types 1 and 2 start, 2 and 3 stop, 4 does neither."""
    listeners = Listeners({1: [None], 2: [None]}, {(1, 2): [None], (1, 3): [None]})
    events = [StoredEvent(str(n), who, kind, NOW, NOW, "", 0, {}) for n, (who, kind) in enumerate(kinds)]
    cut = waves(events, listeners)
    assert sorted((one for wave in cut for one in wave), key=lambda one: int(one.id)) == events
    for who in {event.person_id for event in events}:
        mine = [one for wave in cut for one in wave if one.person_id == who]
        assert [one.id for one in mine] == [one.id for one in events if one.person_id == who]
        for wave in cut:
            seen_stop = False
            for one in (one for one in wave if one.person_id == who):
                assert not (seen_stop and one.type_id in (1, 2))
                seen_stop = seen_stop or one.type_id in (2, 3)


@given(body=definitions())
def test_a_document_is_read_and_written_alike(body):
    read = reading.read(body)
    assert reading.read(reading.write(read)) == read
    assert later(hours=0) == NOW
