"""Pixels and clicks, by the bare application and by the views: the same answers, and never an open redirect."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from cdp.asgi import application, tracking
from messaging.models import Delivery, Hit, Link, Priority
from messaging.rendering.revisions import OCCURRENCE_BITS
from messaging.services.connections import ensure_defaults
from messaging.services.sending import send_due
from messaging.tracking.app import TrackingApp
from messaging.tracking.destinations import CONTEXT_KEY
from messaging.tracking.replies import GIF
from messaging.tracking.tokens import TRAP_LINK, click_url, open_url
from tests.messaging.mail import message, person, plan
from tests.messaging.sent import CHROME, sent

HEADERS = {"user-agent": CHROME, "accept-language": "en", "x-forwarded-for": "198.51.100.1, 203.0.113.5"}


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


async def call(
    app: Any, url: str, method: str = "GET", headers: dict[str, str] = HEADERS
) -> tuple[int, dict, bytes]:
    path, _, query = url.partition("?")
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "client": ("127.0.0.1", 9),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    await app(scope, receive, send)
    start = said[0]
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], found, b"".join(part.get("body", b"") for part in said[1:])


def close_connections(app: TrackingApp) -> None:
    """Those of all its threads: each waits until the others have come too."""
    threads = app.buffer._executor
    all_there = threading.Barrier(threads._max_workers)

    def close() -> None:
        all_there.wait(5)
        connections.close_all()

    for closing in [threads.submit(close) for _ in range(threads._max_workers)]:
        closing.result()


def ask(*urls: str, **options: Any) -> list[tuple[int, dict, bytes]]:
    """Ask the application for addresses at once, and let it store what it took in."""

    async def all_of_them() -> list[Any]:
        app = TrackingApp()
        found = await asyncio.gather(*[call(app, url, **options) for url in urls])
        await app.finish()
        close_connections(app)
        app.buffer._executor.shutdown()
        return list(found)

    return asyncio.run(all_of_them())


@pytest.mark.django_db(transaction=True)
def test_it_works() -> None:
    row, links = sent()
    [opened, clicked] = ask(
        path_of(open_url(row.pk, row.cause_month)), path_of(click_url(row.pk, row.cause_month, links[0].pk))
    )
    assert (opened[0], opened[1]["content-type"], opened[2]) == (200, "image/gif", GIF)
    assert (clicked[0], clicked[1]["location"]) == (302, links[0].url)
    assert "no-store" in opened[1]["cache-control"]
    assert "no-store" in clicked[1]["cache-control"]
    hits = {hit.kind: hit for hit in Hit.objects.all()}
    assert (hits["c"].link_id, hits["c"].url, hits["c"].address) == (links[0].pk, links[0].url, "203.0.113.5")
    assert (hits["o"].delivery_id, hits["o"].user_agent, hits["o"].signals) == (row.pk, CHROME, 0)


@pytest.mark.django_db(transaction=True)
def test_the_root_application_serves_them_in_every_role() -> None:
    async def root() -> Any:
        return await call(application, "/c/abc")

    assert asyncio.run(root())[0] == 404
    close_connections(tracking)


@pytest.mark.django_db(transaction=True)
def test_no_parameter_makes_a_redirect_an_open_one() -> None:
    row, links = sent()
    good = path_of(click_url(row.pk, row.cause_month, links[1].pk))
    evil = "https://evil.example.net/"
    names = ("r", "url", "u", "to", "next", "redirect", "link", "destination", "utm_source")
    found = ask(
        *[f"{good}?{name}={evil}" for name in names],
        headers=HEADERS | {"referer": evil, "host": "evil.example.net"},
    )
    assert {reply[1]["location"] for reply in found} == {links[1].url}


@pytest.mark.django_db(transaction=True)
def test_tampered_tokens_lead_nowhere_and_are_not_stored() -> None:
    row, links = sent()
    good = path_of(click_url(row.pk, row.cause_month, links[0].pk))
    opened = path_of(open_url(row.pk, row.cause_month))
    for url in (
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good + "x",
        opened.replace("/o/", "/c/")[:-4],
        "/o/x.gif",
    ):
        [(status, headers, body)] = ask(url)
        assert (status, "location" in headers) == (404, False)
        assert b"leads nowhere" in body
    assert not Hit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_link_that_depends_on_the_recipient_leads_where_it_was_rendered() -> None:
    row, links = sent(urls=("https://shop.example.com/{{ event.sku }}",))
    click = links[0].pk | 1 << OCCURRENCE_BITS
    context = {
        CONTEXT_KEY: {
            str(links[0].pk): "https://shop.example.com/A",
            str(click): "https://shop.example.com/ключ",
        }
    }
    Delivery.objects.filter(pk=row.pk).update(context=context)
    found = ask(
        *[
            path_of(click_url(row.pk, row.cause_month, number))
            for number in (links[0].pk, click, click + (1 << 32))
        ]
    )
    assert [reply[1].get("location") for reply in found] == [
        "https://shop.example.com/A", "https://shop.example.com/%D0%BA%D0%BB%D1%8E%D1%87", None,
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example.net", "ftp://example.com/", "/x"]
)
def test_only_web_addresses_are_redirected_to(url: str) -> None:
    row, links = sent(urls=(url,))
    [(status, _, _)] = ask(path_of(click_url(row.pk, row.cause_month, links[0].pk)))
    assert status == 404


@pytest.mark.django_db(transaction=True)
def test_head_prefetch_and_the_trap_are_stored_with_what_they_are() -> None:
    row, links = sent()
    good = path_of(click_url(row.pk, row.cause_month, links[0].pk))
    [(status, headers, body)] = ask(
        good,
        method="HEAD",
        headers={
            "sec-purpose": "prefetch;prerender",
            "user-agent": "x\ud800".encode("utf-8", "replace").decode(),
        },
    )
    assert (status, headers["location"], body) == (302, links[0].url, b"")
    assert ask(path_of(click_url(row.pk, row.cause_month, TRAP_LINK)))[0][0] == 404
    assert [(hit.link_id, hit.signals) for hit in Hit.objects.order_by("id")] == [(links[0].pk, 7), (0, 0)]


@pytest.mark.django_db(transaction=True)
def test_opens_of_those_who_ask_not_to_be_tracked_are_not_stored() -> None:
    row, links = sent()
    ask(
        path_of(open_url(row.pk, row.cause_month)), path_of(click_url(row.pk, row.cause_month, links[0].pk)),
        headers=HEADERS | {"sec-gpc": "1"},
    )  # fmt: skip
    assert [hit.kind for hit in Hit.objects.all()] == ["c"]


@pytest.mark.django_db(transaction=True)
def test_a_pixel_needs_no_database_and_hits_wait_for_it(monkeypatch) -> None:
    row, _ = sent()
    from messaging.tracking import app

    real, failures = app.store_hits, [1, 1]

    def away_twice(batch: Any) -> None:
        if failures:
            failures.pop()
            raise connections["default"].Database.OperationalError("away")
        real(batch)

    monkeypatch.setattr(app, "store_hits", away_twice)
    monkeypatch.setattr(app, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(app, "DatabaseError", connections["default"].Database.OperationalError)
    assert ask(path_of(open_url(row.pk, row.cause_month)))[0][0] == 200
    assert Hit.objects.count() == 1


@pytest.mark.django_db
def test_the_views_answer_alike(client) -> None:
    row, links = sent()
    opened = client.get(path_of(open_url(row.pk, row.cause_month)), HTTP_USER_AGENT=CHROME)
    assert (opened.status_code, opened.content, opened["Content-Type"]) == (200, GIF, "image/gif")
    clicked = client.get(
        path_of(click_url(row.pk, row.cause_month, links[0].pk)) + "?r=https://evil.example.net"
    )
    assert (clicked.status_code, clicked["Location"]) == (302, links[0].url)
    assert "no-store" in clicked["Cache-Control"]
    assert client.post(path_of(open_url(row.pk, row.cause_month))).status_code == 405
    assert client.get("/c/abc").status_code == 404
    assert sorted(hit.kind for hit in Hit.objects.all()) == ["c", "o"]
    assert settings.CDP_PUBLIC_URL in open_url(row.pk, row.cause_month)


@pytest.mark.django_db
def test_what_sending_stores_is_what_a_click_finds(client, settings, tmp_path) -> None:
    settings.DATA_DIR = tmp_path
    now = datetime.now(UTC)
    source = '<html><body><a href="https://shop.example/{{ event.sku }}?a=1&b=2">yours</a></body></html>'
    made = message(source, now=now, utm={"off": True})
    connection, _sender = ensure_defaults(now=now)
    [outcome] = plan(made, [person("ann@example.com", now=now)], now=now, context={"event": {"sku": "A-7"}})
    assert send_due(connection, priorities=[Priority.BULK], now=now) == 1
    [link] = Link.objects.all()
    row = Delivery.objects.get(pk=outcome.delivery_id)
    clicked = client.get(path_of(click_url(row.pk, row.cause_month, link.pk)))
    assert (clicked.status_code, clicked["Location"]) == (302, "https://shop.example/A-7?a=1&b=2")
