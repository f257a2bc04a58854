"""The card's activity: what it tells, its filters, its pages, and what it says to values that mean nothing."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from cdp.engine import drain
from contacts.services.addresses import unsubscribe_address
from contacts.services.lifecycle import delete_contacts
from contacts.services.merging import merge_contacts
from events.engines import EventProcessing
from messaging.models import Delivery
from messaging.timeline import STAGES, WORDS, at_stage, stage_of
from tests.contacts.people import someone, upsert
from tests.events.inbox import accepted, event_type

pytestmark = pytest.mark.django_db
STEP = timedelta(minutes=1)


@pytest.fixture
def person():
    [outcome] = upsert(someone("X1", "E1", "P1"), now=timezone.now() - timedelta(days=2))
    return outcome.contact_id


def address(person, query=""):
    return f"/admin/contacts/contact/{person}/activity/{query}"


def titles(page):
    return [title.strip() for title in re.findall(r'<span class="ui-title">([^<]*)</span>', page.text)]


def events(key, *moments, **params):
    kind = event_type(key)
    for at in moments:
        accepted(kind, external_id="X1", event_at=at, received_at=at, params=params, key_value=f"{key}-key")
    drain(EventProcessing())


def delivery(person, at, **values):
    defaults = {
        "cause_month": datetime.now(UTC).date().replace(day=1), "cause_kind": "api", "cause_id": 1, "endpoint": "e1@example.com",
        "contact_id": person, "message_id": 1, "revision_id": 1, "not_before": at, "planned_at": at, "state": "sent",
        "subject": "Sale",
    } | values  # fmt: skip
    return Delivery.objects.create(**defaults)


def test_kinds_are_counted_and_each_opens_its_own(admin_client, person):
    now = timezone.now()
    events("productViewed", now - STEP, now - 2 * STEP)
    events(
        "orderCreated",
        now - 3 * STEP,
        externalOrderId="A-9",
        totalCost=12.5,
        currency="UAH",
        status="INITIALIZED",
    )
    delivery(person, now - 4 * STEP, clicked_at=now)
    whole = admin_client.get(address(person))
    assert titles(whole) == ["productViewed", "productViewed", "orderCreated", "?", "Contact created"]
    assert re.findall(r'class="ui-view[^>]*>([^<]+) <span class="ui-number">(\d+)', whole.text) == [
        ("All", "5"), ("Messages", "1"), ("Events", "3"), ("Orders", "1"), ("Launches", "0"), ("Changes", "1"),
    ]  # fmt: skip
    assert titles(admin_client.get(address(person, "?kind=messages"))) == ["?"]
    assert titles(admin_client.get(address(person, "?kind=contact"))) == ["Contact created"]
    orders = admin_client.get(address(person, "?kind=orders&period=1"))
    assert titles(orders) == ["orderCreated"]
    for words in ("A-9 · UAH\xa012.50", "Placed", "is always whole"):
        assert words in orders.text


def test_orders_are_whole_whatever_the_period(admin_client, person):
    events("PurchasedItems", timezone.now() - timedelta(days=300), OrderNumber="B-1", status="DELIVERED")
    assert titles(admin_client.get(address(person, "?period=1"))) == []
    assert "B-1" in admin_client.get(address(person, "?kind=orders&period=1")).text
    assert titles(admin_client.get(address(person, "?kind=orders&status=orders:DELIVERED"))) == [
        "PurchasedItems"
    ]
    assert titles(admin_client.get(address(person, "?kind=orders&status=orders:CANCELLED"))) == []


def test_own_dates_are_days_of_the_account_both_included(admin_client, person):
    at = datetime(2026, 5, 31, 23, 30, tzinfo=UTC)
    events("late", at)
    events("early", at - timedelta(days=1))
    whole = admin_client.get(address(person, "?kind=events&period=own&from=2026-05-30&to=2026-06-01"))
    assert titles(whole) == ["late", "early"]
    assert titles(admin_client.get(address(person, "?kind=events&period=own&to=2026-05-30"))) == ["early"]
    assert titles(admin_client.get(address(person, "?kind=events&period=own&from=2026-05-31"))) == ["late"]


STAGES_OF = (
    {}, {"delivered_at"}, {"opened_at"}, {"delivered_at", "clicked_at"}, {"failed_at"}, {"unsubscribed_at", "opened_at"},
    {"complained_at", "clicked_at"},
)  # fmt: skip


def test_the_state_of_a_message_is_found_as_it_is_shown(person):
    now = timezone.now()
    for stamps in STAGES_OF:
        delivery(
            person,
            now,
            cause_id=len(stamps) * 10 + hash(frozenset(stamps)) % 10**6,
            **dict.fromkeys(stamps, now),
        )
    for state in ("planned", "skipped", "failed"):
        delivery(person, now, cause_id=5, slot=state, state=state)
    shown = {row.pk: stage_of(row) for row in Delivery.objects.all()}
    for stage in {*WORDS.values(), *shown.values()}:
        found = set(Delivery.objects.filter(at_stage(stage)).values_list("pk", flat=True))
        assert found == {pk for pk, one in shown.items() if one == stage}, stage
    assert len(set(shown.values())) == len(STAGES) + 5


def test_channel_and_state_narrow(admin_client, person):
    now = timezone.now()
    delivery(person, now - STEP, clicked_at=now)
    delivery(person, now - STEP, cause_id=2, failed_at=now, last_error="550 5.1.1 no such mailbox")
    unsubscribe_address(kind="phone", value="380500000001", reason="too often", actor="ann", now=now)
    page = admin_client.get(address(person, "?status=messages:undelivered"))
    assert titles(page) == ["?"]
    assert "550 5.1.1 no such mailbox" in page.text
    assert len(titles(admin_client.get(address(person, "?channel=email")))) == 2
    sms = admin_client.get(address(person, "?channel=sms"))
    assert titles(sms) == ["Unsubscribed from everything"]
    assert "too often" in sms.text
    assert "ann" in sms.text
    nothing = admin_client.get(address(person, "?channel=telegram"))
    assert "Nothing fits these filters" in nothing.text
    assert nothing.status_code == 200


def test_merges_and_what_colleagues_did_are_told(admin_client, person):
    now = timezone.now()
    [other] = upsert(someone("X2", "E2"))
    merge_contacts(person, [other.contact_id], reason="twice", actor="ann", now=now)
    delete_contacts([person], now=now, actor="bob", reason="asked")
    page = admin_client.get(address(person, "?kind=contact"))
    assert "Another contact was merged into this one" in titles(page)
    assert titles(page).count("Contact deleted") == 1
    for words in (f"id {other.contact_id}", "twice · ann", "asked · bob"):
        assert words in page.text
    merges = admin_client.get(address(person, "?status=contact:merge"))
    assert titles(merges) == ["Another contact was merged into this one"]


def test_pages_go_on_by_key_through_equal_moments_of_every_kind(admin_client, person):
    now = timezone.now()
    same = now - STEP
    events("productViewed", *[same] * 70)
    for n in range(60):
        delivery(person, same, cause_id=n)
    seen, query = [], "?period=all"
    for _page in range(5):
        page = admin_client.get(address(person, query))
        seen += re.findall(r'id="entry-([^"]+)"', page.text)
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        if older is None:
            break
        query = older[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 131
    assert "Newest" in page.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kind=nonsense", "Show: “nonsense” is none of the choices."),
        ("period=31", "Period: “31” is none of the choices."),
        ("channel=pigeon", "Channel: “pigeon” is none of the choices."),
        ("status=clicked", "State: “clicked” is none of the choices."),
        ("status=messages:eaten", "State: “messages:eaten” is none of the choices."),
        ("period=own&from=2026-02-30", "From: “2026-02-30” is no day such as 2026-05-31"),
        ("period=own&to=31.05.2026", "To: “31.05.2026” is no day"),
        ("period=own&from=0001-01-01", "is no day"),
        ("period=own&from=2026-05-02&to=2026-05-01", "The first day is after the last one."),
        ("before=yesterday", "The link to this page is broken"),
        ("before=2026-01-01T00:00:00~x", "The link to this page is broken"),
        ("before=%00", "The link to this page is broken"),
        ("q=" + "a" * 101, "at most 100 characters"),
        ("kind=%00%27%3Cscript%3E", "is none of the choices"),
    ],
)
def test_values_that_mean_nothing_are_refused_in_words(admin_client, person, query, words):
    page = admin_client.get(address(person, f"?{query}"))
    assert page.status_code == 400
    assert words in page.text
    assert "<script>alert" not in page.text
    assert titles(page) == []


def test_without_the_right_no_personal_data_are_told(client, person):
    delivery(person, timezone.now() - STEP)
    events("orderCreated", timezone.now() - STEP, externalOrderId="A-9", totalCost=1)
    user = get_user_model().objects.create_user("bob", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_contact"))
    client.force_login(user)
    page = client.get(address(person))
    assert page.status_code == 200
    assert "Your role may not see personal data." in page.text
    assert not re.search("e1@example.com|A-9|Sale", page.text)
