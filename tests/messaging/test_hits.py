"""Hits become activity: once, by the rules of rank, with machines told apart and found out later."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cdp.hooks import MessageActivity, message_activity
from contacts.models import Contact
from messaging.models import Activity, Delivery, Hit
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.hits import HOLD, forget_hits, process_hits
from messaging.tracking.hits import NewHit, store_hits
from tests.contacts.mmdb import BOXFORD, KYIV, NETWORKS, write_mmdb
from tests.messaging.sent import CHROME, NOW, sent

pytestmark = pytest.mark.django_db


def hit(row: Delivery, seconds: float, kind: str = "c", link: int | None = None, **rest) -> NewHit:
    values = {"url": "", "user_agent": CHROME, "address": "192.0.2.77", "signals": 0} | rest
    return NewHit(NOW + timedelta(seconds=seconds), kind, row.pk, row.cause_month, link, **values)


def activity(row: Delivery, kind: str, seconds: float = 60, **rest) -> ActivityRow:
    return ActivityRow(
        row.pk, row.cause_month, row.cause_kind, row.cause_id, row.contact_id, row.message_id, kind,
        NOW + timedelta(seconds=seconds), **rest,
    )  # fmt: skip


def times(row: Delivery) -> dict[str, float]:
    row.refresh_from_db()
    names = ("delivered_at", "opened_at", "clicked_at", "unsubscribed_at", "complained_at", "failed_at")
    return {
        name.removesuffix("_at"): (getattr(row, name) - NOW).total_seconds()
        for name in names
        if getattr(row, name)
    }


def test_it_works() -> None:
    row, links = sent()
    store_hits([hit(row, 60, "o"), hit(row, 90, "c", links[0].pk, url=links[0].url)])
    told: list[MessageActivity] = []
    message_activity.connect(told.append)
    try:
        assert process_hits(now=NOW + timedelta(seconds=91)) == 2
    finally:
        message_activity.disconnect(told.append)
    opened, clicked = Activity.objects.order_by("at")
    assert (opened.kind, clicked.kind, clicked.link_id, clicked.url) == (
        "opened",
        "clicked",
        links[0].pk,
        links[0].url,
    )
    assert clicked.details == {
        "browser": "Chrome",
        "os": "Windows",
        "device": "desktop",
        "network": "192.0.2.0/24",
    }
    assert times(row) == {"delivered": 60, "opened": 60, "clicked": 90}
    assert [(batch.kinds, batch.contact_ids) for batch in told] == [
        (["opened", "clicked"], [row.contact_id] * 2)
    ]
    assert process_hits(now=NOW + timedelta(seconds=92)) == 0
    assert Activity.objects.count() == 2


def test_a_click_implies_an_open_on_the_delivery_but_makes_no_row_of_it() -> None:
    row, links = sent()
    store_hits([hit(row, 90, "c", links[0].pk)])
    process_hits(now=NOW)
    assert times(row) == {"delivered": 90, "opened": 90, "clicked": 90}
    assert [found.kind for found in Activity.objects.all()] == ["clicked"]


def test_machines_are_recorded_and_fill_no_time() -> None:
    row, links = sent()
    store_hits([hit(row, 5, "o", user_agent="Mozilla/5.0"), hit(row, 6, "c", links[0].pk, signals=1)])
    process_hits(now=NOW)
    assert sorted(found.machine for found in Activity.objects.all()) == ["privacy_proxy", "scanner"]
    assert times(row) == {}


def test_a_click_that_turns_out_to_be_a_scanners_is_taken_back() -> None:
    row, links = sent()
    store_hits([hit(row, 60, "c", links[0].pk)])
    process_hits(now=NOW + timedelta(seconds=60))
    assert times(row)["clicked"] == 60
    told: list[MessageActivity] = []
    message_activity.connect(told.append)
    try:
        store_hits(
            [
                hit(row, 60.5, "c", links[1].pk),
                hit(row, 61, "c", links[2].pk),
                hit(row, 400, "c", links[2].pk),
            ]
        )
        process_hits(now=NOW + timedelta(seconds=401))
    finally:
        message_activity.disconnect(told.append)
    assert [found.machine for found in Activity.objects.order_by("at")] == ["scanner"] * 3 + [""]
    assert times(row)["clicked"] == times(row)["opened"] == 400
    assert sum(len(batch.kinds) for batch in told) == 4  # three new, one changed
    assert Activity.objects.order_by("at").first().details["rule"] == "burst"


def test_after_ten_minutes_a_verdict_stands() -> None:
    row, links = sent()
    store_hits([hit(row, 60, "c", links[0].pk)])
    process_hits(now=NOW + timedelta(seconds=60))
    assert forget_hits(now=NOW + HOLD) == 0
    assert forget_hits(now=NOW + timedelta(seconds=61) + HOLD) == 1
    store_hits([hit(row, 60, "c", 0)])
    process_hits(now=NOW + timedelta(seconds=62) + HOLD)
    assert times(row)["clicked"] == 60


def test_the_trap_link_makes_no_click_by_a_human() -> None:
    row, _ = sent()
    store_hits([hit(row, 60, "c", 0)])
    process_hits(now=NOW)
    assert [found.machine for found in Activity.objects.all()] == ["scanner"]


def test_a_hit_on_a_delivery_that_is_gone_is_dropped() -> None:
    row, links = sent()
    store_hits([hit(row, 60, "c", links[0].pk)])
    Delivery.objects.all().delete()
    assert process_hits(now=NOW) == 1
    assert (Activity.objects.count(), Hit.objects.filter(processed_at=None).count()) == (0, 0)


def test_the_number_of_statements_does_not_grow_with_the_batch() -> None:
    counts = []
    for size in (3, 30):
        rows = [sent(f"p{size}-{n}") for n in range(size)]
        store_hits([hit(row, 60, "c", links[0].pk) for row, links in rows])
        with CaptureQueriesContext(connection) as done:
            assert process_hits(now=NOW) == size
        counts.append(len(done))
    assert counts[0] == counts[1] <= 20


@pytest.mark.parametrize(
    ("signals", "left"),
    [
        (["delivered:5", "opened:9"], {"delivered": 5, "opened": 9}),
        (["opened:9", "delivered:20"], {"delivered": 9, "opened": 9}),
        (["delivered:5", "error:9"], {"failed": 9}),
        (["error:9", "delivered:20"], {"failed": 9}),
        (["opened:9", "error:20"], {"delivered": 9, "opened": 9}),
        (["error:9", "opened:20"], {"delivered": 20, "opened": 20}),
        (["spam:9"], {"delivered": 9, "complained": 9}),
        (["unsubscribed:9", "unsubscribed:7"], {"delivered": 7, "unsubscribed": 7}),
    ],
)
def test_ranks_hold_in_any_order(signals: list[str], left: dict[str, float]) -> None:
    for order in (signals, signals[::-1]):
        row, _ = sent(f"o{order is signals}")
        for signal in order:
            kind, _, seconds = signal.partition(":")
            record_activity(
                [activity(row, kind, float(seconds), reason="unrecognised" * (kind == "error"))], now=NOW
            )
        assert times(row) == left


def test_anything_heard_of_an_unknown_delivery_shows_it_was_sent() -> None:
    row, _ = sent(state="unknown", sent_at=None)
    record_activity([activity(row, "delivered")], now=NOW)
    row.refresh_from_db()
    assert (row.state, row.sent_at) == ("sent", NOW)


def test_a_providers_event_twice_is_once() -> None:
    row, _ = sent()
    rows = [activity(row, "delivered", source_key="esp:1")] * 2
    assert record_activity(rows, now=NOW) == 1
    assert record_activity(rows, now=NOW) == 0
    assert Activity.objects.count() == 1


def test_a_click_tells_where_the_contact_is_once_it_is_surely_a_humans(settings, tmp_path) -> None:
    settings.CDP_GEO_FILE = str(write_mmdb(tmp_path / "places.mmdb", NETWORKS))
    row, links = sent()
    bob, bobs = sent("bob")
    robot, robots = sent("robot")
    store_hits(
        [
            hit(row, 60, "c", links[0].pk, address=KYIV),
            hit(row, 90, "c", links[0].pk, address=BOXFORD),
            hit(bob, 60, "o", None, address=KYIV),  # an open is no click
            hit(bob, 61, "c", bobs[0].pk, address=None),
            hit(robot, 1, "c", robots[0].pk, address=KYIV),  # sooner than anybody reads
        ]
    )
    process_hits(now=NOW + timedelta(seconds=91))
    assert not Contact.objects.exclude(location={}).exists()
    assert forget_hits(now=NOW + timedelta(seconds=91) + HOLD) == 5
    contact = Contact.objects.exclude(location={}).get()
    assert contact.pk == row.contact_id
    assert contact.location == {"country": "GB", "region": "England", "city": "Boxford"}
    assert contact.time_zone == "Europe/Kyiv"  # of the first click
