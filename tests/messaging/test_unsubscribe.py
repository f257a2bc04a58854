"""Opting out by header and page, in again by the contact's own act; reading never changes anything."""

import pytest
from django.db import OperationalError
from django.test import Client

from contacts.models import Address, AddressChange, ContactList, SubscriptionCategory
from contacts.services.subscriptions import subscribe_to, subscribed_categories
from messaging.models import Activity, Hit
from messaging.services.hits import process_hits
from messaging.tracking import views
from messaging.tracking.tokens import TokenKind, click_url, make_token, open_url, unsubscribe_url
from tests.messaging.sent import CHROME, MONTH, NOW, sent

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BROWSER = {"HTTP_USER_AGENT": CHROME, "HTTP_ACCEPT_LANGUAGE": "en", "REMOTE_ADDR": "192.0.2.77"}


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def status(row) -> str:
    return Address.objects.get(value=row.endpoint).status


def category(key: str, contact_id: int | None = None) -> SubscriptionCategory:
    of = ContactList.objects.create(name=key.title(), created_at=NOW, updated_at=NOW)
    made = SubscriptionCategory.objects.create(
        name=key.title(), key=key, list=of, created_at=NOW, updated_at=NOW
    )
    if contact_id:
        subscribe_to(contact_id, [made], actor="test", now=NOW)
    return made


def test_it_works() -> None:
    row, _ = sent()
    path = path_of(unsubscribe_url(row.pk, row.cause_month))
    reply = Client(enforce_csrf_checks=True).post(path, ONE_CLICK, **BROWSER)
    assert (reply.status_code, reply.content) == (200, b"")
    assert status(row) == "unsubscribed"
    row.refresh_from_db()
    assert row.unsubscribed_at is not None
    [found] = Activity.objects.all()
    assert (found.kind, found.details["way"], found.details["network"]) == (
        "unsubscribed",
        "one_click",
        "192.0.2.0/24",
    )
    [change] = AddressChange.objects.all()
    assert (change.signal, change.actor, change.person_id) == ("unsubscribed", "contact", row.contact_id)
    assert change.details == {
        "message": row.message_id, "delivery": row.pk, "network": "192.0.2.0/24", "agent": CHROME, "way": "one_click",
    }  # fmt: skip


def test_one_click_as_a_multipart_form_and_again(client) -> None:
    row, _ = sent()
    path = path_of(unsubscribe_url(row.pk, row.cause_month))
    for _again in range(2):
        reply = client.post(
            path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
        assert reply.status_code == 200
    assert (status(row), Activity.objects.count(), AddressChange.objects.count()) == ("unsubscribed", 1, 1)


@pytest.mark.parametrize("token", ["x", "a" * 36, make_token(TokenKind.UNSUBSCRIBE, 999_999, MONTH)])
def test_one_click_tells_nothing_about_tokens(client, token: str) -> None:
    reply = client.post(f"/u/{token}", ONE_CLICK)
    assert (reply.status_code, reply.content) == (200, b"")


def test_one_click_asks_to_try_again_when_the_fault_is_ours(client, monkeypatch) -> None:
    def away(*_args, **_named):
        raise OperationalError("away")

    row, _ = sent()
    monkeypatch.setattr(views, "unsubscribe", away)
    assert client.post(path_of(unsubscribe_url(row.pk, row.cause_month)), ONE_CLICK).status_code == 503


def test_reading_never_changes_anything_even_every_link_by_a_scanner(client) -> None:
    row, links = sent()
    category("news", row.contact_id)
    urls = [unsubscribe_url(row.pk, row.cause_month), open_url(row.pk, row.cause_month)]
    urls += [click_url(row.pk, row.cause_month, number) for number in (0, *[link.pk for link in links])]
    for url in urls:
        for method in (client.get, client.head):
            assert method(path_of(url), **BROWSER).status_code in (200, 302, 404)
    assert Hit.objects.count() == 2 * len(urls)
    process_hits(now=NOW)
    row.refresh_from_db()
    assert (status(row), row.clicked_at) == ("active", None)
    assert [found.key for found in subscribed_categories(row.contact_id)] == ["news"]
    assert not AddressChange.objects.exists()
    assert not Activity.objects.filter(kind="unsubscribed").exists()


def test_the_page_takes_two_clicks_and_a_reason_and_offers_the_way_back(client) -> None:
    row, _ = sent()
    path = path_of(unsubscribe_url(row.pk, row.cause_month))
    shown = client.get(path)
    assert b"Unsubscribe from all messages" in shown.content
    assert "no-store" in shown["Cache-Control"]
    assert shown["X-Robots-Tag"] == "noindex"
    done = client.post(path, {"action": "unsubscribe", "reason": "too_often", "comment": "Daily!\0"})
    assert b"You are unsubscribed" in done.content
    [change] = AddressChange.objects.all()
    assert (change.reason, change.comment, status(row)) == ("Too many messages", "Daily!", "unsubscribed")
    assert Activity.objects.get().reason == "too_often"
    assert b"Subscribe again" in client.get(path).content
    client.post(path, {"action": "resubscribe"})
    assert status(row) == "active"
    assert [found.signal for found in AddressChange.objects.order_by("id")] == [
        "unsubscribed",
        "resubscribed",
    ]


def test_a_complaint_is_not_taken_back_by_the_page(client) -> None:
    row, _ = sent()
    Address.objects.filter(value=row.endpoint).update(status="spam")
    path = path_of(unsubscribe_url(row.pk, row.cause_month))
    assert b"Subscribe again" not in client.get(path).content
    client.post(path, {"action": "resubscribe"})
    assert status(row) == "spam"


def test_categories_are_left_and_joined_and_the_address_stays(client) -> None:
    row, _ = sent()
    category("news", row.contact_id)
    category("sales", row.contact_id)
    category("events")
    path = path_of(unsubscribe_url(row.pk, row.cause_month))
    reply = client.post(path, {"action": "choose", "category": ["sales", "events", "nonsense"]})
    assert b"Saved" in reply.content
    assert {found.key for found in subscribed_categories(row.contact_id)} == {"sales", "events"}
    assert status(row) == "active"
    assert Activity.objects.get(kind="unsubscribed").details["categories"] == ["news"]
    client.post(path, {"action": "choose", "category": ["sales", "events"]})
    assert Activity.objects.count() == 1


def test_a_full_opt_out_keeps_the_choices_for_the_way_back(client) -> None:
    row, _ = sent()
    category("news", row.contact_id)
    path = path_of(unsubscribe_url(row.pk, row.cause_month))
    client.post(path, {"action": "unsubscribe"})
    client.post(path, {"action": "resubscribe"})
    assert [found.key for found in subscribed_categories(row.contact_id)] == ["news"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_page_refuses_tokens_that_are_not_its(client, method: str) -> None:
    row, _ = sent()
    opened = open_url(row.pk, row.cause_month).rpartition("/")[2].removesuffix(".gif")
    good = unsubscribe_url(row.pk, row.cause_month).rpartition("/")[2]
    for token in (opened, good[:-1] + ("A" if good[-1] != "A" else "B"), "x"):
        assert getattr(client, method)(f"/u/{token}", {"action": "unsubscribe"}).status_code == 404
    assert status(row) == "active"


def test_an_unknown_act_is_refused(client) -> None:
    row, _ = sent()
    assert (
        client.post(path_of(unsubscribe_url(row.pk, row.cause_month)), {"action": "erase"}).status_code == 400
    )
