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
        ({"activity": "seen"}, "/activity"), ({"activity": "opened", "filter": {"workflow": 3}}, "/filter/workflow"),
        ({"activity": "opened", "filter": {"url": {"cmp": "eq", "value": "x"}}}, "/filter"),
        ({"activity": "opened", "window": {"type": "next", "amount": 1, "unit": "day"}}, "/window"),
        ({"activity": "opened", "measure": {"fn": "sum", "param": "x"}}, "/measure/fn"),
        ({"activity": "clicked", "filter": {"url": {"cmp": "matches", "value": 3}}}, "/filter/url/value"),
        ({"activity": "clicked", "filter": {"channel": ["pigeon"]}}, "/filter/channel"),
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
