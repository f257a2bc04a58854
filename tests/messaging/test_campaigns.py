"""A campaign: counted, started, planned in chunks, paused, resumed, cancelled, finished; stopped by its breaker."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from contacts.models import Address, ContactList
from contacts.services.lists import add_to_list, ensure_lists
from messaging.engines import Campaigns, Sending
from messaging.models import Campaign, CampaignAudience, Delivery
from messaging.services import launching
from messaging.services.campaigns import (
    CampaignRefused,
    cancel_campaign,
    count_audience,
    launch_campaign,
    pause_campaign,
    resume_campaign,
    save_campaign,
)
from tests.contacts.people import NOW
from tests.messaging.mail import connection, message, people, person, plan, states
from tests.messaging.sink import running_sink
from tests.segments.making import condition, make_segment, named

pytestmark = pytest.mark.django_db


def members(name: str, ids: list[int]) -> dict[str, object]:
    number = ensure_lists([name], now=NOW)[name]
    add_to_list(number, ids, now=NOW)
    return {"kind": "list", "id": number}


def campaign(include, exclude=(), **rest) -> Campaign:
    made = Campaign(
        name="Sale",
        message=rest.pop("message", None) or message(),
        include=include,
        exclude=list(exclude),
        **rest,
    )
    return save_campaign(campaign=made, now=NOW)


def engines(now: datetime, rounds: int = 3) -> None:
    for _ in range(rounds):
        Campaigns().work(now)
        Sending("sending", "bulk", (2,), 100).work(now)
        now += timedelta(seconds=3)
    Campaigns().work(now)


def test_it_works(tmp_path):
    with running_sink(tmp_path) as sink:
        connection(sink.port)
        ids = people(6)
        Address.objects.filter(value="p1@example.com").update(status="unsubscribed")
        made = campaign([members("all", ids)], [members("bought", ids[4:])])
        count = count_audience(made, now=NOW)
        assert (count.total, count.sendable, count.reasons) == (4, 3, {"unsubscribed": 1})
        launch_campaign(campaign_id=made.pk, now=NOW)
        engines(NOW)
        assert sorted(sink.counts()) == ["p0@example.com", "p2@example.com", "p3@example.com"]
    made.refresh_from_db()
    assert (made.state, made.audience_count, made.planned_count) == ("finished", 4, 4)
    assert states() == {"sent": 3, "skipped": 1}
    assert not CampaignAudience.objects.exists()


def test_refusals():
    ids = people(1)
    part = members("all", ids)
    with pytest.raises(Exception, match="include"):
        campaign([{"kind": "list", "id": 999}])
    with pytest.raises(Exception, match=r"include\[0\]"):
        campaign([{"kind": "tribe", "id": 1}])
    with pytest.raises(CampaignRefused, match="Include"):
        launch_campaign(campaign_id=campaign([]).pk, now=NOW)
    with pytest.raises(CampaignRefused, match="past"):
        launch_campaign(campaign_id=campaign([part], starts_at=NOW - timedelta(hours=1)).pk, now=NOW)
    started = campaign([part])
    launch_campaign(campaign_id=started.pk, now=NOW)
    with pytest.raises(CampaignRefused, match="Only a draft"):
        launch_campaign(campaign_id=started.pk, now=NOW)
    launching.start_due(now=NOW)
    with pytest.raises(CampaignRefused, match="cannot be edited"):
        save_campaign(campaign=started, now=NOW)


def test_why_it_failed_is_kept_in_english_and_counted_in_ukrainian(ukrainian):
    number = ensure_lists(["gone"], now=NOW)["gone"]
    segment = make_segment(condition("list", cmp="in_any", value=[number]))
    made = campaign([{"kind": "segment", "id": segment.pk}])
    ContactList.objects.get(pk=number).delete()
    page = ukrainian.get(f"/admin/messaging/campaign/{made.pk}/change/").text
    assert f"немає списку з id {number}" in page
    Campaign.objects.update(state="scheduled", starts_at=NOW)
    with translation.override("uk"):
        assert launching.start_due(now=NOW) == 1
    made.refresh_from_db()
    assert (made.state, made.reason) == ("failed", f"there is no list with the id {number}")


def test_planning_goes_on_where_it_stopped(monkeypatch):
    monkeypatch.setattr(launching, "CHUNK", 4)
    connection(1)
    made = campaign([members("all", people(10))])
    launch_campaign(campaign_id=made.pk, now=NOW)
    launching.start_due(now=NOW)
    assert launching.plan_chunk(now=NOW) == 4
    assert Delivery.objects.count() == 4
    monkeypatch.setattr(launching, "CHUNK", 5)
    while launching.plan_chunk(now=NOW) and Campaign.objects.get().state == "preparing":
        pass
    assert Delivery.objects.count() == 10
    assert Campaign.objects.get().state == "sending"


def test_pausing_and_going_on(tmp_path):
    with running_sink(tmp_path) as sink:
        connection(sink.port)
        made = campaign([members("all", people(10))])
        launch_campaign(campaign_id=made.pk, now=NOW)
        Campaigns().work(NOW)
        assert pause_campaign(campaign_id=made.pk, reason="by hand", now=NOW)
        Sending("sending", "bulk", (2,), 100).work(NOW)
        assert sink.counts() == {}
        assert states() == {"planned": 10}
        other = plan(message(), [person("z@example.com")], kind="workflow")
        Sending("sending", "bulk", (0, 1, 2), 100).work(NOW)
        assert list(sink.counts()) == ["z@example.com"], "a paused campaign holds up nobody"
        assert other[0].state == "planned"
        resume_campaign(campaign_id=made.pk, now=NOW)
        engines(NOW)
        assert len(sink.counts()) == 11
    assert Campaign.objects.get().state == "finished"


def test_cancelling():
    connection(1)
    made = campaign([members("all", people(10))])
    launch_campaign(campaign_id=made.pk, now=NOW)
    Campaigns().work(NOW)
    assert cancel_campaign(campaign_id=made.pk, now=NOW)
    assert not cancel_campaign(campaign_id=made.pk, now=NOW)
    Campaigns().work(NOW)
    assert states() == {"cancelled": 10}


def test_a_rate_spreads_the_send():
    connection(1)
    made = campaign([members("all", people(10))], rate=4, rate_seconds=60)
    launch_campaign(campaign_id=made.pk, now=NOW)
    Campaigns().work(NOW)
    waits = [(row.not_before - NOW).total_seconds() for row in Delivery.objects.order_by("contact_id")]
    assert waits == [0] * 4 + [60] * 4 + [120] * 2
    pause_campaign(campaign_id=made.pk, reason="by hand", now=NOW)
    later = NOW + timedelta(hours=5)
    Campaign.objects.update(rate=5)
    resume_campaign(campaign_id=made.pk, now=later)
    waits = [(row.not_before - later).total_seconds() for row in Delivery.objects.order_by("pk")]
    assert waits == [0] * 5 + [60] * 5


def test_pausing_and_going_on_sends_no_more_than_the_rate():
    connection(1)
    made = campaign([members("all", people(10))], rate=4, rate_seconds=60)
    launch_campaign(campaign_id=made.pk, now=NOW)
    Campaigns().work(NOW)
    gone = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:3])
    Delivery.objects.filter(pk__in=gone).update(state="sent", handed_at=NOW, sent_at=NOW)
    later = NOW + timedelta(seconds=9)
    pause_campaign(campaign_id=made.pk, reason="by hand", now=later)
    resume_campaign(campaign_id=made.pk, now=later)
    rest = Delivery.objects.filter(state="planned").order_by("pk")
    waits = [(row.not_before - later).total_seconds() for row in rest]
    assert waits == [0] + [60] * 4 + [120] * 2


def test_the_clock_of_each_contact():
    """Over the night in which Kyiv's clocks go forward, 29 March 2026."""
    connection(1)
    zones = {"Pacific/Auckland": 0, "Europe/Kyiv": 0, "America/New_York": 0, "Nowhere/Else": 0}
    for number, zone in enumerate(zones):
        zones[zone] = person(f"z{number}@example.com", time_zone=zone)
    start = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)
    made = campaign([members("all", list(zones.values()))], starts_at=start, in_contact_zone=True)
    launch_campaign(campaign_id=made.pk, now=NOW)
    assert launching.start_due(now=start - timedelta(hours=15)) == 0
    Campaigns().work(start - timedelta(hours=14))
    found = dict(Delivery.objects.values_list("contact_id", "not_before"))
    assert found[zones["Pacific/Auckland"]] == datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
    assert found[zones["Europe/Kyiv"]] == datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
    assert found[zones["America/New_York"]] == datetime(2026, 3, 29, 14, 0, tzinfo=UTC)
    assert found[zones["Nowhere/Else"]] == start


def test_a_start_that_was_missed_asks_first():
    made = campaign([members("all", people(1))], starts_at=NOW + timedelta(hours=1))
    launch_campaign(campaign_id=made.pk, now=NOW)
    Campaigns().work(NOW + timedelta(hours=4))
    made.refresh_from_db()
    assert (made.state, made.reason) == ("paused", "late")
    resume_campaign(campaign_id=made.pk, now=NOW + timedelta(hours=4))
    Campaigns().work(NOW + timedelta(hours=4))
    assert Delivery.objects.count() == 1


def test_the_breaker_stops_a_send_that_cannot_be_rendered(tmp_path):
    with running_sink(tmp_path) as sink:
        connection(sink.port)
        made = campaign([members("all", people(60))], message=message("<p>{{ event.nothing }}</p>"))
        launch_campaign(campaign_id=made.pk, now=NOW)
        Campaigns().work(NOW)
        Sending("sending", "bulk", (2,), 30).work(NOW)
        Campaigns().work(NOW + timedelta(seconds=5))
    made.refresh_from_db()
    assert (made.state, made.reason) == ("paused", "rendering")


def test_a_segment_as_audience():
    people(3)
    segment = make_segment(named("Name 1"))
    made = campaign([{"kind": "segment", "id": segment.pk}])
    assert count_audience(made, now=NOW).total == 1
