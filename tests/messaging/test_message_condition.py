"""The segment condition about messages: recorded activity, the unopened, machines left out, live as well as built."""

from datetime import timedelta

import pytest

from messaging.models import Delivery
from messaging.services.activity import ActivityRow, record_activity
from segments.catalogue import Catalogue
from segments.rules.errors import BrokenReference, DefinitionError
from segments.rules.reading import read_definition
from segments.services.clock import sweep
from tests.messaging.sent import NOW, contact, delivery, message
from tests.segments.making import all_of, build_all, condition, make_segment, members, settle
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


def happens(row: Delivery, *kinds: str, days_ago: float = 0, **rest) -> None:
    at = NOW - timedelta(days=days_ago)
    record_activity(
        [
            ActivityRow(
                row.pk,
                row.cause_month,
                row.cause_kind,
                row.cause_id,
                row.contact_id,
                row.message_id,
                kind,
                at,
                **rest,
            )
            for kind in kinds
        ],
        now=NOW,
    )


def sent_to(name: str, *kinds: str, **rest) -> int:
    """A contact with one sent message of its own, to which the kinds happened; returns the contact."""
    made = rest.pop("made", None) or message(f"To {name}")[0]
    row = delivery(contact(name), made, endpoint=f"{name}@example.com", **rest)
    happens(row, "sent", *kinds)
    return row.contact_id


def about(activity: str, **members) -> dict:
    return condition("message", activity=activity, **members)


def found(activity: str, **rest) -> set[int]:
    return members(make_segment(about(activity, **rest), now=NOW))


def test_it_works() -> None:
    opened, clicked = sent_to("ann", "opened"), sent_to("bob", "opened", "clicked")
    ignored, bounced = sent_to("cyd"), sent_to("dan", "error")
    contact("never")
    assert found("sent") == {opened, clicked, ignored, bounced}
    assert found("delivered") == {opened, clicked, ignored}
    assert found("opened") == {opened, clicked}
    assert found("clicked") == {clicked}
    assert found("error") == {bounced}
    assert found("unopened") == {ignored}
    assert found("unclicked") == {opened, ignored}


def test_not_opened_is_larger_than_unopened() -> None:
    ignored, never = sent_to("cyd"), contact("never")
    sent_to("ann", "opened")
    assert found("opened", cmp="eq", value=0) == {ignored, never}
    assert found("unopened") == {ignored}


def test_machines_count_only_when_asked_for() -> None:
    row = delivery(contact("ann"), message()[0])
    happens(row, "sent")
    happens(row, "opened", machine="privacy_proxy")
    assert found("opened") == set()
    assert found("unopened") == {row.contact_id}
    assert found("opened", filter={"machine": True}) == {row.contact_id}


def test_tests_are_not_counted() -> None:
    sent_to("ann", "opened", is_test=True, cause_kind="test")
    assert found("opened") == found("sent") == found("unopened") == set()


def test_messages_whose_opens_are_not_tracked_are_never_unopened() -> None:
    made, _ = message()
    made.tracks_opens = False
    made.save()
    person = sent_to("ann", made=made)
    assert found("unopened") == set()
    assert found("unclicked") == {person}


def test_filters() -> None:
    made, links = message("Big sale")
    made.tags = ["promo", "autumn"]
    made.save()
    row = delivery(contact("ann"), made, cause_id=7, endpoint="ann@gmail.com", language="uk")
    happens(row, "sent")
    happens(row, "clicked", link_id=links[0].pk, url="https://shop.example.com/Sale?x=1")
    happens(row, "unsubscribed", reason="too_often")
    other = sent_to("bob", "clicked", cause_id=8)
    ann = {row.contact_id}
    for which in (
        {"message": [made.pk]}, {"campaign": 7}, {"tag": "promo"}, {"language": ["uk"]}, {"domain": "GMAIL.com"},
        {"url": {"cmp": "contains", "value": "/sale"}}, {"message": made.pk, "campaign": [7, 9]},
    ):  # fmt: skip
        assert found("clicked", filter=which) == ann, which
    assert found("clicked", filter={"url": {"cmp": "not_contains", "value": "/sale"}}) == {other}
    assert found("clicked", filter={"campaign_type": "campaign", "channel": "email"}) == ann | {other}
    assert found("clicked", filter={"campaign_type": "workflow"}) == set()
    assert found("unsubscribed", filter={"reason": "too_often"}) == ann
    assert found("clicked", filter={"campaign": 7, "tag": "other"}) == set()


def test_events_and_messages_are_counted_apart() -> None:
    row = delivery(contact("ann"), message()[0])
    happens(row, "sent", "opened", "opened", "opened")
    assert found("opened", cmp="eq", value=3) == {row.contact_id}
    assert found("opened", measure={"fn": "messages"}, cmp="eq", value=1) == {row.contact_id}


def rate(activity: str, cmp: str, value=None, base: str = "", **rest) -> set[int]:
    measure = {"fn": "rate"} | ({"base": base} if base else {})
    compared = {"cmp": cmp} | ({} if value is None else {"value": value})
    return found(activity, measure=measure, **compared, **rest)


def test_rates() -> None:
    """Ann: three delivered, two opened, one of them clicked; Bob: one of two bounced; Cyd was never sent any."""
    ann, bob, cyd = contact("ann"), contact("bob"), contact("cyd")
    rows = [delivery(ann, message(f"A{n}")[0], cause_id=n) for n in range(3)]
    happens(rows[0], "sent", "opened", "clicked")
    happens(rows[1], "sent", "opened")
    happens(rows[2], "sent")
    rows = [delivery(bob, message(f"B{n}")[0], cause_id=n) for n in range(2)]
    happens(rows[0], "sent", "error")
    happens(rows[1], "sent")
    assert rate("delivered", "eq", 50) == {bob}
    assert rate("delivered", "gte", 50) == {ann, bob}
    assert rate("opened", "gt", 66.6) == {ann}
    assert rate("opened", "gt", 66.7) == set()
    assert rate("opened", "eq", 0) == {bob}
    assert rate("clicked", "between", [33, 34]) == {ann}
    assert rate("clicked", "eq", 50, base="opened") == {ann}
    assert rate("clicked", "lt", 1, base="opened") == set(), "Bob opened none: there is no rate"
    assert rate("opened", "is_empty") == {cyd}
    assert rate("opened", "not_between", [0, 100]) == {cyd}, "a negative is the complement"


def test_a_rate_moves_live_and_with_the_clock() -> None:
    person = contact("ann")
    older, newer, *more = (delivery(person, message(f"M{n}")[0], cause_id=n) for n in range(4))
    happens(older, "sent", "opened", days_ago=9.5)
    happens(newer, "sent", days_ago=1)
    window = {"type": "last", "amount": 10, "unit": "day"}
    half = make_segment(about("opened", measure={"fn": "rate"}, cmp="eq", value=50, window=window), now=NOW)
    assert members(half) == {person}
    happens(newer, "opened")
    settle(now=NOW)
    assert members(half) == set()
    for row in more:
        happens(row, "sent")
    settle(now=NOW)
    assert members(half) == {person}
    sweep(now=NOW)
    sweep(now=NOW + timedelta(days=1))
    settle(now=NOW + timedelta(days=1))
    assert members(half) == set(), "of the three messages left one was opened"


def test_messages_of_a_workflow() -> None:
    [made, other] = [
        Workflow.objects.create(name=name, draft={}, created_at=NOW, updated_at=NOW) for name in "ab"
    ]
    ann = sent_to("ann", cause_kind="workflow", context={"workflow": {"workflowId": made.pk}})
    sent_to("bob", cause_kind="workflow", context={"workflow": {"workflowId": other.pk}})
    sent_to("cyd", cause_id=made.pk)
    assert found("sent", filter={"workflow": made.pk}) == {ann}
    with pytest.raises(DefinitionError, match="no workflow with the id 99"):
        found("sent", filter={"workflow": [made.pk, 99]})


def test_the_time_from_sending_to_opening() -> None:
    quick, slow = (
        delivery(contact(name), message(name)[0], sent_at=NOW - timedelta(days=3)) for name in ("ann", "bob")
    )
    happens(quick, "sent", "opened", days_ago=3 - 0.5 / 24)
    happens(slow, "sent", "opened", days_ago=1)
    within = {"read_delay": {"cmp": "lte", "value": 1, "unit": "hour"}}
    assert found("opened", filter=within) == {quick.contact_id}
    assert found("opened", filter={"read_delay": {"cmp": "gt", "value": 60, "unit": "minute"}}) == {
        slow.contact_id
    }
    assert found("opened", filter={"read_delay": {"cmp": "between", "value": [1, 3], "unit": "day"}}) == {
        slow.contact_id
    }


def test_the_words_of_a_rate() -> None:
    measure = {"fn": "rate", "base": "opened"}
    definition = read_definition(
        all_of(about("clicked", measure=measure, cmp="gte", value=60, filter={"tag": "promo"}))
    )
    [one] = definition.conditions()
    assert (
        one.leaf.words(Catalogue())
        == "percentage of messages opened with link clicked (tag promo) is at least 60"
    )


def test_a_window_moves_with_the_clock() -> None:
    row = delivery(contact("ann"), message()[0])
    happens(row, "opened", days_ago=6.5)
    segment = make_segment(about("opened", window={"type": "last", "amount": 7, "unit": "day"}), now=NOW)
    assert members(segment) == {row.contact_id}
    sweep(now=NOW)
    sweep(now=NOW + timedelta(days=1))
    settle(now=NOW + timedelta(days=1))
    assert members(segment) == set()


def test_activity_brings_people_in_and_out_live() -> None:
    row = delivery(contact("ann"), message()[0])
    happens(row, "sent")
    opened, unopened = make_segment(about("opened"), now=NOW), make_segment(about("unopened"), now=NOW)
    assert (members(opened), members(unopened)) == (set(), {row.contact_id})
    happens(row, "clicked")
    happens(row, "opened")
    settle(now=NOW)
    assert (members(opened), members(unopened)) == ({row.contact_id}, set())
    build_all(now=NOW)
    assert (members(opened), members(unopened)) == ({row.contact_id}, set())


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"activity": "seen"}, "/activity"), ({"activity": "opened", "filter": {"strategy_segment": 3}}, "/filter/strategy_segment"),
        ({"activity": "opened", "filter": {"read_delay": {"cmp": "lt", "value": "x", "unit": "hour"}}}, "/read_delay/value"),
        ({"activity": "opened", "filter": {"read_delay": {"cmp": "lt", "value": 1, "unit": "year"}}}, "/read_delay/unit"),
        ({"activity": "sent", "filter": {"read_delay": {"cmp": "lt", "value": 1, "unit": "hour"}}}, "/filter"),
        ({"activity": "opened", "filter": {"url": {"cmp": "eq", "value": "x"}}}, "/filter"),
        ({"activity": "opened", "window": {"type": "next", "amount": 1, "unit": "day"}}, "/window"),
        ({"activity": "opened", "measure": {"fn": "sum", "param": "x"}}, "/measure/fn"),
        ({"activity": "clicked", "filter": {"url": {"cmp": "matches", "value": 3}}}, "/filter/url/value"),
        ({"activity": "clicked", "filter": {"channel": ["pigeon"]}}, "/filter/channel"),
        ({"activity": "error", "measure": {"fn": "rate"}, "cmp": "gt", "value": 1}, "/measure"),
        ({"activity": "opened", "measure": {"fn": "rate"}}, "/cmp"),
        ({"activity": "opened", "measure": {"fn": "rate"}, "cmp": "gt", "value": "many"}, "/value"),
        ({"activity": "opened", "measure": {"fn": "rate", "base": "opened"}, "cmp": "gt", "value": 1}, "/measure/base"),
        ({"activity": "opened", "measure": {"fn": "rate", "param": "x"}, "cmp": "gt", "value": 1}, "/measure/param"),
        ({"activity": "opened", "filter": {"machine": True}, "measure": {"fn": "rate"}, "cmp": "gt", "value": 1}, "/filter"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_place(members: dict, path: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        read_definition(all_of(condition("message", **members)))
    assert raised.value.faults[0].path.endswith(path)


def test_a_message_that_is_gone_breaks_the_condition() -> None:
    definition = read_definition(all_of(about("opened", filter={"message": [999_999]})))
    [found] = definition.conditions()
    with pytest.raises(BrokenReference, match="no message with the id 999999"):
        found.leaf.check(Catalogue())
