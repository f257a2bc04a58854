"""Random definitions over random people and events: full, partial and single evaluation agree, and so does the live path."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import Contact, ContactField
from messaging.models import Activity
from segments.models import Dirty, Segment
from segments.services.builds import work_build
from segments.services.clock import sweep
from segments.services.definitions import create_segment
from segments.services.evaluation import Pass, as_definition, evaluate
from segments.services.queue import mark_dirty
from tests.segments.making import condition, members, settle
from tests.segments.vector_world import NOW, add_event, make_world

pytestmark = pytest.mark.django_db

NAMES = st.sampled_from(["Ann", "ann ", "BOB", "Straße", "STRASSE", "", None])
AMOUNTS = st.sampled_from([1, "2", "2.0", 2, "n/a", None, 3.5, ["a", "B"], "-1e1"])
WINDOWS = st.one_of(
    st.just({"type": "all"}),
    st.builds(
        lambda kind, amount, unit: {"type": kind, "amount": amount, "unit": unit},
        st.sampled_from(["last", "ago", "older"]), st.integers(1, 3), st.sampled_from(["hour", "day", "week", "month"]),
    ),
    st.builds(lambda name: {"type": "period", "name": name}, st.sampled_from(["today", "this_week", "last_month"])),
    st.just({"type": "last", "amount": 5, "unit": "day", "zone": "contact", "align": "calendar"}),
    st.just({"type": "last", "amount": 40, "unit": "day", "time_of_day": {"from": "22:00", "to": "04:00"}, "weekdays": [1, 5, 7]}),
)  # fmt: skip
WHERE = st.one_of(
    st.builds(
        lambda cmp, value: {"param": "amount", "cmp": cmp, "value": value},
        st.sampled_from(["eq", "ne", "gt", "lte"]), st.integers(-2, 3),
    ),
    st.builds(
        lambda cmp, value: {"param": "name", "cmp": cmp, "value": value},
        st.sampled_from(["eq", "not_contains", "starts_with"]), st.sampled_from(["ann", "b", "strasse"]),
    ),
    st.just({"param": "amount", "cmp": "is_empty"}),
    st.just({"op": "or", "items": [{"param": "amount", "cmp": "is_empty"}, {"param": "name", "cmp": "eq", "value": "bob"}]}),
)  # fmt: skip
MEASURES = st.one_of(
    st.builds(
        lambda fn, cmp, value: {"measure": {"fn": fn}, "cmp": cmp, "value": value},
        st.sampled_from(["count", "distinct_days"]), st.sampled_from(["eq", "ne", "gt", "lt", "gte", "lte"]),
        st.integers(0, 3),
    ),
    st.builds(
        lambda fn, cmp, value: {"measure": {"fn": fn, "param": "amount"}, "cmp": cmp, "value": value},
        st.sampled_from(["sum", "avg", "min", "max", "first", "last", "distinct"]),
        st.sampled_from(["eq", "ne", "gt", "lt"]), st.integers(-2, 4),
    ),
    st.builds(
        lambda fn, cmp, window: {"measure": {"fn": fn}, "cmp": cmp, "value": window},
        st.sampled_from(["first_at", "last_at"]), st.sampled_from(["within", "not_within"]), WINDOWS,
    ),
)  # fmt: skip
EVENTS = st.sampled_from(["product_viewed", "purchase"])
EVENT_LEAVES = st.builds(
    lambda event, window, measure, where: condition("event", event=event, window=window, where=where, **measure),
    EVENTS, WINDOWS, MEASURES, st.lists(WHERE, max_size=1),
)  # fmt: skip
MESSAGE_LEAVES = st.builds(
    lambda activity, window, fn, cmp, value: condition(
        "message", activity=activity, window=window, measure={"fn": fn}, cmp=cmp, value=value
    ),
    st.sampled_from(["opened", "clicked"]), WINDOWS, st.sampled_from(["count", "distinct_days"]),
    st.sampled_from(["eq", "ne", "gt", "lt", "gte", "lte"]), st.integers(0, 3),
)  # fmt: skip
LEAVES = st.one_of(
    EVENT_LEAVES,
    MESSAGE_LEAVES,
    st.builds(
        lambda cmp, value: condition("field", field="first_name", cmp=cmp, value=value),
        st.sampled_from(["eq", "ne", "contains", "not_starts_with", "ends_with"]), st.sampled_from(["ann", "S", "strasse"]),
    ),
    st.builds(
        lambda cmp, value: condition("field", field="LOYALTY.BONUSES", cmp=cmp, value=value),
        st.sampled_from(["eq", "ne", "gt", "lte"]), st.integers(0, 200),
    ),
    st.builds(
        lambda mode, days, zone: condition(
            "field", field="PERSONAL.BIRTHDAY", cmp="anniversary", value={"mode": mode, "days": days, "zone": zone}
        ),
        st.sampled_from(["in", "ago", "within_next", "within_last"]), st.integers(0, 9), st.sampled_from(["account", "contact"]),
    ),
    st.builds(lambda cmp: condition("list", cmp=cmp, value=[1, 2]), st.sampled_from(["in_any", "in_all", "in_none"])),
    st.builds(lambda cmp: condition("category", cmp=cmp, value=["promo"]), st.sampled_from(["subscribed", "opted_out", "no_choice"])),
    st.builds(lambda low: condition("random", salt="s", **{"from": low, "to": low + 3000}), st.integers(0, 5000)),
)  # fmt: skip


def levels(node: dict) -> int:
    """Levels of groups; wrapped by the laws below, they stay within the limit."""
    return 1 + max(map(levels, node["items"])) if "op" in node else 0


NODES = st.recursive(
    st.builds(lambda leaf, no: leaf | {"not": no}, LEAVES, st.booleans()),
    lambda inner: st.builds(
        lambda op, items, no: {"op": op, "items": items, "not": no},
        st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3), st.booleans(),
    ),
    max_leaves=6,
).filter(lambda node: levels(node) <= 2)  # fmt: skip
PEOPLE = st.lists(
    st.tuples(NAMES, st.sampled_from([None, 0, 100, 150]), st.sampled_from([None, "1999-06-14", "2000-02-29"]),
              st.sampled_from([None, "Asia/Tokyo", "America/New_York"])), min_size=1, max_size=4,
)  # fmt: skip
HOURS = st.one_of(st.integers(0, 80), st.integers(100, 180), st.integers(0, 80 * 24))
HAPPENED = st.lists(st.tuples(st.integers(0, 13), EVENTS, HOURS, AMOUNTS, NAMES), min_size=3, max_size=12)


class RollBackError(Exception):
    pass


def populate(people, happened) -> list[int]:
    bonuses = str(ContactField.objects.get(key="BONUSES").pk)
    birthday = str(ContactField.objects.get(key="BIRTHDAY").pk)
    for place, (name, bonus, born, zone) in enumerate(people):
        data = {key: value for key, value in ((bonuses, bonus), (birthday, born)) if value is not None}
        Contact.objects.create(
            pk=100 + place,
            first_name=name,
            data=data,
            time_zone=zone,
            source="api",
            created_at=NOW,
            updated_at=NOW,
        )
    ids = sorted(Contact.objects.values_list("pk", flat=True))
    for place, (who, key, hours, amount, name) in enumerate(happened):
        params = {k: v for k, v in (("amount", amount), ("name", name)) if v is not None}
        add_event(ids[who % len(ids)], key, NOW - timedelta(hours=hours), params, seq=place)
        if place % 2:
            add_activity(ids[who % len(ids)], place, NOW - timedelta(hours=hours))
    return ids


def add_activity(person: int, number: int, at) -> None:
    Activity.objects.create(
        at=at, person_id=person, delivery_id=number, cause_month=at.date().replace(day=1), cause_kind="campaign",
        cause_id=1, message_id=1, kind="clicked" if number % 3 == 0 else "opened",
    )  # fmt: skip


def body_of(include, exclude):
    body = {"version": 1, "include": {"op": "and", "items": [include]}}
    return body | ({"exclude": {"op": "or", "items": [exclude]}} if exclude else {})


def in_rolled_back(work) -> None:
    with suppress(RollBackError), transaction.atomic():
        work()
        raise RollBackError


SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@given(include=NODES, exclude=st.none() | NODES, people=PEOPLE, happened=HAPPENED)
@SETTINGS
def check_evaluations(include, exclude, people, happened):
    def work():
        ids = populate(people, happened)
        body = body_of(include, exclude)
        full = set(evaluate(body, now=NOW))
        assert set(evaluate(body, now=NOW, among=ids)) == full
        assert {one for one in ids if evaluate(body, now=NOW, among=[one])} == full
        twice = {"op": "and", "items": [{"op": "and", "items": [include], "not": True}], "not": True}
        assert set(evaluate(body_of(twice, exclude), now=NOW)) == full
        if exclude is not None:
            assert not full & set(evaluate(body_of(exclude, None), now=NOW))
            universe = set(Pass(now=NOW).universe)
            neither = {"op": "or", "items": [include, exclude], "not": True}
            both_not = [{"op": "and", "items": [node], "not": True} for node in (include, exclude)]
            left = set(evaluate(body_of(neither, None), now=NOW))
            assert left == set(evaluate(body_of({"op": "and", "items": both_not}, None), now=NOW))
            assert left <= universe

    in_rolled_back(work)


@given(
    include=NODES | EVENT_LEAVES | MESSAGE_LEAVES,
    people=PEOPLE,
    happened=HAPPENED,
    minutes=st.integers(1, 3 * 24 * 60),
)
@SETTINGS
def check_live(include, people, happened, minutes):
    def work():
        create_segment(name="Random", definition=body_of(include, None), actor="t", now=NOW)
        Dirty.objects.all().delete()
        work_build(now=NOW)
        ids = populate(people, happened)
        mark_dirty([("*", person) for person in ids if person >= 100], now=NOW)
        touched = {ids[who % len(ids)] for who, *_rest in happened}
        mark_dirty([("*", person) for person in touched], now=NOW)
        settle(now=NOW)
        segment = Segment.objects.get()
        assert members(segment) == set(evaluate(segment.definition, now=NOW))
        later = NOW + timedelta(minutes=minutes)
        sweep(now=later)
        settle(now=later)
        assert members(segment) == set(evaluate(segment.definition, now=later))

    in_rolled_back(work)


@given(leaves=st.lists(LEAVES, min_size=2, max_size=8), people=PEOPLE, happened=HAPPENED)
@SETTINGS
def check_together(leaves, people, happened):
    """Many conditions asked in one pass, as the live path asks them, answer as each does alone."""

    def work():
        ids = populate(people, happened)
        trees = [as_definition(body_of(leaf, None)) for leaf in leaves]
        together = Pass(now=NOW, among=ids)
        together.prefetch(trees)
        for tree in trees:
            assert set(together.evaluate(tree)) == set(evaluate(tree, now=NOW)), tree.as_json()

    in_rolled_back(work)


NEAR = st.one_of(
    st.builds(
        lambda kind, amount: {"type": kind, "amount": amount, "unit": "day"},
        st.sampled_from(["last", "ago", "older"]), st.integers(1, 3),
    ),
    st.builds(
        lambda zone: {"type": "last", "amount": 2, "unit": "day", "align": "calendar", "zone": zone},
        st.sampled_from(["account", "contact"]),
    ),
    st.builds(
        lambda low, high: {"type": "between_ago", "from": {"amount": low + high, "unit": "hour"}, "to": {"amount": high, "unit": "hour"}},
        st.integers(1, 40), st.integers(1, 40),
    ),
    st.builds(lambda name: {"type": "period", "name": name}, st.sampled_from(["today", "yesterday", "last_week"])),
)  # fmt: skip
CLOCKED = st.one_of(
    st.builds(
        lambda window, value: condition("event", event="purchase", window=window, cmp="gte", value=value),
        NEAR, st.integers(1, 2),
    ),
    st.builds(
        lambda fn, window: condition("event", event="purchase", measure={"fn": fn}, cmp="within", value=window),
        st.sampled_from(["first_at", "last_at"]), NEAR,
    ),
    st.builds(lambda window: condition("list", cmp="in_any", value=[1, 2], added=window), NEAR.filter(lambda w: "zone" not in w)),
    st.builds(
        lambda days, zone: condition("field", field="PERSONAL.BIRTHDAY", cmp="anniversary", value={"mode": "in", "days": days, "zone": zone}),
        st.integers(0, 4), st.sampled_from(["account", "contact"]),
    ),
)  # fmt: skip
# A spread of events over the windows, and some long steps, so that edges are crossed in most examples.
RECENT = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 80)), min_size=12, max_size=18)
MOVES: list[bool] = []
STEPS = st.tuples(st.integers(1, 1500), st.integers(700, 1500), st.integers(700, 1500))


@given(leaf=CLOCKED, people=PEOPLE, happened=RECENT, steps=STEPS)
@SETTINGS
def check_clock(leaf, people, happened, steps):
    def work():
        populate(people, [(who, "purchase", hours, 1, None) for who, hours in happened])
        create_segment(name="Clocked", definition=body_of(leaf, None), actor="t", now=NOW)
        work_build(now=NOW)
        moment = NOW
        for minutes in steps:
            moment += timedelta(minutes=minutes)
            before = members(Segment.objects.get())
            sweep(now=moment)
            settle(now=moment)
            after = members(Segment.objects.get())
            assert after == set(evaluate(body_of(leaf, None), now=moment))
            MOVES.append(before != after)

    in_rolled_back(work)


def test_full_partial_and_single_evaluation_agree():
    make_world()
    check_evaluations()


def test_conditions_asked_together_answer_as_each_alone():
    make_world()
    check_together()


def test_the_live_path_agrees_with_a_full_evaluation_as_data_and_time_go_on():
    make_world()
    check_live()


def test_the_clock_alone_moves_people_as_a_full_evaluation_would():
    make_world()
    MOVES.clear()
    check_clock()
    assert sum(MOVES) > len(MOVES) / 10  # the examples are about something
