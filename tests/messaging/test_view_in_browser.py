"""A sent message as a page: what was sent, sealed off, for ninety days, and only by its own link."""

from datetime import UTC, datetime, timedelta

import pytest

from messaging.models import Activity, Delivery, Hit
from messaging.services.hits import process_hits
from messaging.tracking.tokens import open_url, view_url
from tests.messaging.mail import message, person
from tests.messaging.sent import CHROME

pytestmark = pytest.mark.django_db
BROWSER = {"HTTP_USER_AGENT": CHROME, "HTTP_ACCEPT_LANGUAGE": "en"}


def sent(**rest) -> Delivery:
    now = datetime.now(UTC)
    made = message(now=now)
    handed_at = rest.pop("handed_at", now - timedelta(minutes=5))
    values = {
        "cause_month": now.date().replace(day=1), "cause_kind": "api", "cause_id": 1, "endpoint": "ann@example.com",
        "contact_id": person("ann@example.com", now=now, first_name="Ann"), "message_id": made.pk, "revision_id": made.revision_id,
        "language": "en", "state": "sent", "not_before": now, "planned_at": now, "handed_at": handed_at,
    }  # fmt: skip
    row = Delivery.objects.create(**(values | rest))
    row.refresh_from_db()
    return row


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def test_it_works(client) -> None:
    row = sent()
    reply = client.get(path_of(view_url(row.pk, row.cause_month)), **BROWSER)
    text = reply.content.decode()
    assert reply.status_code == 200
    assert "Hello Ann" in text
    assert "/c/" in text
    assert path_of(open_url(row.pk, row.cause_month)) not in text
    assert "noindex" in reply["X-Robots-Tag"]
    assert reply["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-scripts" not in reply["Content-Security-Policy"]
    assert "allow-same-origin" not in reply["Content-Security-Policy"]


def test_reading_it_is_an_open(client) -> None:
    row = sent()
    client.get(path_of(view_url(row.pk, row.cause_month)), **BROWSER)
    assert [hit.kind for hit in Hit.objects.all()] == ["v"]
    process_hits(now=datetime.now(UTC))
    [found] = Activity.objects.all()
    assert (found.kind, found.machine, found.details["via"]) == ("opened", "", "browser")


@pytest.mark.parametrize(
    "change", [{"handed_at": None}, {"handed_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"language": "xx"}]
)
def test_what_cannot_be_shown_is_not_found(client, change: dict) -> None:
    row = sent(**change)
    assert client.get(path_of(view_url(row.pk, row.cause_month))).status_code == 404
    assert not Hit.objects.exists()


def test_only_its_own_link_shows_it(client) -> None:
    row = sent()
    opened = path_of(open_url(row.pk, row.cause_month)).rpartition("/")[2].removesuffix(".gif")
    for token in (opened, "abc"):
        assert client.get(f"/v/{token}").status_code == 404
    assert client.post(path_of(view_url(row.pk, row.cause_month))).status_code == 405
