"""Reports: figures counted from what happened, human opens only, every number a door, pages of a fixed cost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.admin.reports import by_link, filled, link_rows, placed
from messaging.models import Campaign, Delivery, MessageReport, ReportMark
from messaging.reports.figures import Figures, Subject, count_figures
from messaging.reports.indicators import percent
from messaging.reports.keeping import count_marked, count_report, mark_subjects
from messaging.reports.people import people_behind
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.hits import process_hits
from messaging.tracking.hits import NewHit, store_hits
from tests.messaging.sent import CHROME, MONTH, NOW, contact, delivery, message
from tests.messaging.test_classification import GMAIL

pytestmark = pytest.mark.django_db
MPP = "Mozilla/5.0"


class Sale:
    """A campaign with a message of three links; people are added by what happened to their copy."""

    def __init__(self) -> None:
        self.message, self.links = message("Sale")
        self.campaign = Campaign.objects.create(
            name="Autumn", message=self.message, state="finished", created_at=NOW, updated_at=NOW
        )
        self.count = 0

    def to(self, *kinds: str, **rest) -> Delivery:
        self.count += 1
        name = f"p{self.count}"
        row = delivery(
            contact(name), self.message, cause_id=self.campaign.pk, endpoint=f"{name}@example.com", **rest
        )
        if row.state == "sent":
            self.happens(row, "sent", *kinds)
        return row

    def happens(self, row: Delivery, *kinds: str, **rest) -> None:
        record_activity(
            [
                ActivityRow(
                    row.pk, row.cause_month, "campaign", self.campaign.pk, row.contact_id, row.message_id, kind,
                    NOW + timedelta(hours=1), **rest,
                )
                for kind in kinds
            ],
            now=NOW,
        )  # fmt: skip

    def hits(
        self, row: Delivery, seconds: float, kind: str = "o", agent: str = CHROME, link=None, signals: int = 0
    ):
        hit = NewHit(
            NOW + timedelta(seconds=seconds), kind, row.pk, MONTH, link and link.pk, link.url if link else "", agent,
            "192.0.2.7", signals,
        )  # fmt: skip
        store_hits([hit])

    @property
    def subject(self) -> Subject:
        return Subject("campaign", self.campaign.pk, MONTH)

    def figures(self) -> Figures:
        return count_figures(self.subject)

    @property
    def url(self) -> str:
        return f"/admin/messaging/messagereport/campaign/{self.campaign.pk}/"


def test_it_works() -> None:
    sale = Sale()
    sale.to()
    sale.to("opened")
    clicked = sale.to("opened", "opened")
    sale.happens(clicked, "clicked", "clicked", link_id=sale.links[0].pk, url=sale.links[0].url)
    bounced = sale.to()
    sale.happens(bounced, "error", reason="mailbox_full")
    left = sale.to("opened")
    sale.happens(left, "unsubscribed", reason="too_often", details={"comment": "Daily!"})
    sale.happens(sale.to(), "spam")
    sale.to(state="skipped", reason="unsubscribed", sent_at=None)
    sale.to(state="failed", reason="provider", sent_at=None)
    sale.to(state="unknown", sent_at=None)
    sale.to(state="planned", sent_at=None)
    found = sale.figures()
    assert (found.audience, found.sent, found.bounced, found.delivered) == (10, 6, 1, 5)
    assert (found.skipped, found.failed, found.unknown, found.waiting) == (1, 1, 1, 1)
    assert (found.opened, found.clicked, found.unsubscribed, found.complained) == (3, 1, 1, 1)
    assert (found.opens_total, found.clicks_total) == (4, 2)
    assert found.links == [(sale.links[0].pk, sale.links[0].url, 2, 1, 0)]
    assert (found.skip_reasons, found.failures) == ([("unsubscribed", 1)], [("mailbox_full", 1)])
    assert (found.bounce_kinds, found.leave_reasons) == ({"soft": 1}, [("too_often", 1)])
    assert [text for _at, text in found.comments] == ["Daily!"]
    assert found.domains == [("example.com", 6, 5, 3, 1)]
    assert count_figures(Subject("message", sale.message.pk)) == found


def test_human_opens_leave_proxies_and_scanners_out_and_keep_gmail() -> None:
    sale = Sale()
    proxy, gmail, scanner, plain = (sale.to() for _ in range(4))
    sale.hits(proxy, 3, agent=MPP)
    sale.hits(gmail, 90, agent=GMAIL)
    for place, link in enumerate(sale.links):
        sale.hits(scanner, 60 + place / 2, "c", link=link)
    sale.hits(plain, 120)
    sale.hits(plain, 130, "c", link=sale.links[1])
    process_hits(now=NOW + timedelta(minutes=5))
    found = sale.figures()
    assert (found.opened, found.clicked) == (2, 1)
    assert (found.machine_opens, found.machine_only, found.machine_clicks) == (1, 1, 3)
    assert [row[1:] for row in found.links if row[2]] == [(sale.links[1].url, 1, 1, 1)]


def test_a_hit_found_to_be_a_machines_leaves_the_figures() -> None:
    sale = Sale()
    row = sale.to()
    sale.hits(row, 60, "c", link=sale.links[0])
    process_hits(now=NOW + timedelta(seconds=61))
    assert sale.figures().clicked == 1
    sale.hits(row, 61, "c", link=sale.links[1])
    sale.hits(row, 61.5, "c", link=sale.links[2])
    process_hits(now=NOW + timedelta(seconds=62))
    assert (sale.figures().clicked, sale.figures().opened) == (0, 0)


def test_tests_are_left_out() -> None:
    sale = Sale()
    sale.to("opened", is_test=True)
    assert sale.figures() == Figures()


def test_activity_asks_for_a_count_and_counts_are_not_made_too_often() -> None:
    sale = Sale()
    sale.to("opened")
    assert count_marked(now=NOW) == 2  # the campaign and the message
    assert not ReportMark.objects.exists()
    assert count_marked(now=NOW) == 0
    sale.to("opened")
    assert count_marked(now=NOW + timedelta(seconds=3)) == 0
    assert count_marked(now=NOW + timedelta(seconds=6)) == 2
    report = MessageReport.objects.get(subject_kind="campaign")
    assert Figures.from_json(report.figures).opened == 2
    MessageReport.objects.update(seconds=3.0)
    mark_subjects([("campaign", sale.campaign.pk)], now=NOW)
    assert count_marked(now=NOW + timedelta(seconds=50)) == 0
    assert count_marked(now=NOW + timedelta(seconds=70)) == 1


@pytest.mark.parametrize(
    ("figure", "reason", "expected"),
    [
        ("all", None, 5), ("sent", None, 4), ("delivered", None, 3), ("opened", None, 2), ("clicked", None, 1),
        ("bounced", None, 1), ("bounced", "mailbox_full", 1), ("bounced", "temporary", 0), ("skipped", "category", 1),
        ("skipped", "expired", 0), ("unsubscribed", "too_often", 1), ("complained", None, 0), ("unsubscribed", "", 0),
    ],
)  # fmt: skip
def test_a_door_opens_exactly_whom_its_number_counts(figure: str, reason: str | None, expected: int) -> None:
    sale = Sale()
    sale.to()
    clicked = sale.to()
    sale.happens(clicked, "clicked", link_id=sale.links[0].pk)
    sale.happens(sale.to(), "error", reason="mailbox_full")
    sale.happens(sale.to("opened"), "unsubscribed", reason="too_often")
    sale.to(state="skipped", reason="category", sent_at=None)
    assert people_behind(sale.subject, figure, reason=reason).count() == expected
    counts = {"all": "audience"}
    if reason is None:
        assert getattr(sale.figures(), counts.get(figure, figure)) == expected
    by_link = people_behind(sale.subject, "clicked", link_id=sale.links[0].pk)
    assert [row.pk for row in by_link] == [clicked.pk]
    assert not people_behind(sale.subject, "clicked", link_id=sale.links[1].pk).exists()


def staff(*permissions: str) -> User:
    user = User.objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def test_the_page_shows_rates_and_doors(client, admin_user) -> None:
    sale = Sale()
    sale.happens(sale.to("opened"), "clicked", link_id=sale.links[0].pk, url=sale.links[0].url)
    sale.to()
    client.force_login(admin_user)
    page = client.get(sale.url)
    text = page.content.decode()
    assert page.status_code == 200
    assert "50.0 %" in text
    assert f"{sale.url}people/?figure=opened" in text
    assert 'class="ui-plot"' in text
    assert 'class="ui-bars"' in text
    assert "Show numbers" in text
    people = client.get(f"{sale.url}people/?figure=opened")
    assert b"p1@example.com" in people.content
    assert b"p2@example.com" not in people.content


def test_without_the_right_to_contacts_numbers_are_plain_and_addresses_hidden(client) -> None:
    sale = Sale()
    sale.to("opened")
    client.force_login(staff("view_messagereport"))
    assert "people/" not in client.get(sale.url).content.decode()
    assert client.get(f"{sale.url}people/").status_code == 403
    User.objects.get(username="kim").user_permissions.add(Permission.objects.get(codename="view_contact"))
    assert b"p1@example.com" not in client.get(f"{sale.url}people/").content


def test_without_the_right_to_reports_there_is_none(client) -> None:
    sale = Sale()
    client.force_login(staff("view_contact"))
    assert client.get(sale.url).status_code == 403
    assert client.get(f"{sale.url}people/").status_code == 403


@pytest.mark.parametrize("tail", ["campaign/999999/", "pigeon/1/", "campaign/{pk}/people/?figure=none"])
def test_what_is_not_there_is_not_found(client, admin_user, tail: str) -> None:
    sale = Sale()
    client.force_login(admin_user)
    assert client.get(f"/admin/messaging/messagereport/{tail.format(pk=sale.campaign.pk)}").status_code == 404


def test_pages_cost_the_same_for_any_size(client, admin_user) -> None:
    client.force_login(admin_user)
    sale = Sale()
    costs = []
    for size in (2, 20):
        for _again in range(size):
            sale.to("opened")
        count_report("campaign", sale.campaign.pk, now=NOW)
        found = []
        for url in (sale.url, f"{sale.url}people/?figure=opened", "/admin/messaging/messagereport/"):
            client.get(url)
            with CaptureQueriesContext(connection) as done:
                assert client.get(url).status_code == 200
            found.append(len(done))
        costs.append(found)
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 12


def test_rates_are_written_with_care() -> None:
    assert [percent(*pair) for pair in ((0, 0), (0, 10), (1, 3), (1, 10_000), (5, None))] == [
        "—", "0.0 %", "33.3 %", "< 0.1 %", "—",
    ]  # fmt: skip


def test_hours_in_which_nothing_was_are_drawn_and_days_are_not_split() -> None:
    first = datetime(2026, 3, 1, 9, tzinfo=UTC)
    times = {(first + timedelta(hours=hour)).isoformat(): {"opened": 1} for hour in (0, 3, 24 * 5)}
    found = filled(times)
    assert [int((at - first) / timedelta(hours=1)) for at in found] == [0, 1, 2, 3, 120]
    assert [counts.get("opened", 0) for counts in found.values()] == [1, 0, 0, 1, 1]
    assert filled({}) == {}
    assert len(filled({first.isoformat(): {"opened": 1}})) == 3, "one alone would be a dot"


def test_an_address_in_two_languages_is_one_bar_and_is_shown_without_what_tracking_added() -> None:
    address = "https://shop.example/tea?size=2&utm_source=us&utm_campaign=x"
    figures = Figures(
        links=[(1, address, 3, 2, 0), (2, address, 2, 2, 0), (3, "https://shop.example/", 4, 4, 0)]
    )
    chart = by_link(figures, "/people/")
    assert [(bar.label, bar.value, bar.link) for bar in chart.bars] == [
        ("shop.example/tea", 5, ""), ("shop.example/", 4, "/people/?figure=clicked&link=3"),
    ]  # fmt: skip
    assert link_rows(figures)[0]["url"] == "https://shop.example/tea?size=2"


def test_the_same_address_in_several_places_is_told_apart():
    _message, links = message("Sale")
    rows = placed(link_rows(Figures(links=[(link.pk, "https://shop.example/", 1, 1, 0) for link in links])))
    assert [(row["language"], row["place"]) for row in rows] == [
        (link.language, link.number + 1) for link in links
    ]
    assert placed(link_rows(Figures(links=[(987654, "https://shop.example/", 1, 1, 0)])))[0]["place"] == ""
