"""Pages of deliveries that a filter without an index narrows: bounded, and the same rows as an unbounded read."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cdp.ui import bounded
from cdp.ui.admin import estimate_of
from messaging.models import Delivery, Message
from tests.messaging.mail import message, people, plan

pytestmark = pytest.mark.django_db
LIST = "/admin/messaging/delivery/"
COUNT = 60


@pytest.fixture
def rows():
    """Of 60 deliveries every seventh was a complaint; the latest first."""
    now = timezone.now()
    plan(message(), people(COUNT))
    for place, row in enumerate(Delivery.objects.order_by("pk")):
        row.planned_at = now - timedelta(hours=place)
        row.state, row.complained_at = "sent", now if place % 7 == 3 else None
        row.save(update_fields=["planned_at", "state", "complained_at"])
    found = Delivery.objects.filter(complained_at__isnull=False).order_by("-planned_at", "-id")
    return list(found.values_list("pk", flat=True))


def page(client, **asked):
    reply = client.get(LIST, asked)
    assert reply.status_code == 200
    return reply.context_data["cl"], reply.text


def test_a_rare_outcome_is_found_whole_when_that_is_cheap(admin_client, rows):
    found, text = page(admin_client, period="all", stage="spam")
    assert [row.pk for row in found.result_list] == rows
    assert "search stopped" not in text


def test_a_walk_that_is_given_up_says_so_goes_on_and_offers_the_whole(admin_client, rows, monkeypatch):
    for name, value in {"FIRST": 10, "FEW": 10, "GIVE_UP": 20, "MOST_WALKED": 20, "MOST_COST": 0}.items():
        monkeypatch.setattr(bounded, name, value)
    with CaptureQueriesContext(connection) as asked:
        found, text = page(admin_client, period="all", stage="spam")
    assert [row.pk for row in found.result_list] == [
        pk for pk in rows if pk in rows[: len(found.result_list)]
    ]
    assert 0 < len(found.result_list) < len(rows)
    assert "the search stopped after 20 deliveries, and found" in text
    walks = [one["sql"] for one in asked if "fitting" in one["sql"]]
    assert walks
    assert all("LIMIT" in sql for sql in walks)
    seen, link = [row.pk for row in found.result_list], found.older_link
    while link:
        found = admin_client.get(f"{LIST}{link}").context_data["cl"]
        seen += [row.pk for row in found.result_list]
        link = found.older_link
    assert seen == rows
    whole, text = page(admin_client, period="all", stage="spam", whole="1")
    assert [row.pk for row in whole.result_list] == rows
    assert "the search stopped" not in text


def test_the_period_and_the_view_narrow_too(admin_client, rows):
    found, _text = page(admin_client, period="1", stage="spam")
    assert [row.pk for row in found.result_list] == rows[:3]  # 3, 10 and 17 hours ago
    found, _text = page(admin_client, period="all", stage="spam", view="failed")
    assert found.result_list == []
    found, _text = page(admin_client, period="7", cause="campaign:", view="sent")
    assert len(found.result_list) == min(COUNT, found.list_per_page)


def test_the_partitions_tell_how_many_there_are(rows):
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM messaging_delivery")
        for (name,) in cursor.fetchall():
            cursor.execute(f"ANALYZE {name}")
    assert estimate_of(Delivery) == COUNT
    assert estimate_of(Message) <= 1
