"""The product's event vectors E1–E24, as far as they concern taking events in and storing them."""

from datetime import UTC, datetime, timedelta

import pytest

from contacts.models import Contact, Source
from contacts.services.inputs import ContactInput, Policy
from contacts.services.upsert import upsert_contacts
from events.intake import accept, diary
from events.models import (
    DedupKey,
    Event,
    EventFlag,
    EventParameter,
    EventType,
    InboxEvent,
    QuarantinedEvent,
    RejectedEvent,
    TypeHour,
)
from events.services import processing
from events.services.processing import process_lane
from events.services.registry import bump_version, forget_cache
from partners.services import cache, create_api_key
from tests.events.wire import post

pytestmark = pytest.mark.django_db(transaction=True)
BATCH = "/api/v2/events/batch"


@pytest.fixture(autouse=True)
def _fresh(settings, monkeypatch):
    settings.API_RATE_LIMITS = False
    cache.clear()
    forget_cache()
    accept._rules.read_at = float("-inf")
    monkeypatch.setattr(diary, "WRITE_EVERY", 0.0)


@pytest.fixture
def key():
    return create_api_key(name="shop", rights=["full"], now=datetime.now(UTC))[1]


def contact(**values):
    if "email" in values:
        values["email_norm"] = values["email"].lower()
    made = upsert_contacts(
        [ContactInput(**values)], policy=Policy.ADD, source=Source.API, actor="test", now=datetime.now(UTC)
    )
    return made[0].contact_id


def event(type_key="PageRead", key_value=None, params=(), **rest):
    body = {"eventTypeKey": type_key, "params": [{"name": name, "value": value} for name, value in params]}
    return body | ({"keyValue": key_value} if key_value else {}) | rest


def stored():
    while process_lane(0, limit=1_000, now=datetime.now(UTC)):
        pass
    return list(Event.objects.order_by("seq"))


def flags(row):
    return EventFlag(row.flags)


def ago(**span):
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def test_e1_email_matches_without_case_and_the_type_makes_itself(key):
    known = contact(email="a@x.io")
    assert post(event(params=[("Email", "A@x.io")]), key).headers["x-event-status"] == "accepted"
    [row] = stored()
    assert (row.key_value, row.person_id) == ("A@x.io", known)
    kind = EventType.objects.get(key="PageRead")
    assert (kind.origin, kind.category) == ("auto", "other")


def test_e2_nobody_is_meant(key):
    EventType.objects.create(key="PageRead", name="PageRead", created_at=datetime.now(UTC))
    bump_version()
    reply = post(event(params=[("city", "Lviv")]), key)
    assert reply.status == 400
    assert stored() == []
    refused = RejectedEvent.objects.get()
    assert (refused.code, refused.event_type_key, refused.actor) == ("identity_missing", "PageRead", "shop")
    assert '"Lviv"' in refused.body
    assert TypeHour.objects.get().rejected == 1


def test_e3_an_external_id_null_is_no_external_id(key):
    known = contact(email="b@x.io", external_id="77")
    before = Contact.objects.filter(pk=known).values().get()
    post(event(params=[("email", "b@x.io"), ("externalCustomerId", "null")]), key)
    [row] = stored()
    assert (row.key_value, row.person_id) == ("b@x.io", known)
    assert Contact.objects.filter(pk=known).values().get() == before


def test_e4_the_external_id_is_the_key_before_the_phone(key):
    post(event(params=[("phone", "380501112233"), ("externalCustomerId", "C9")]), key)
    assert stored()[0].key_value == "C9"


def test_e5_a_strict_type(key):
    kind = EventType.objects.create(
        key="Paid", name="Paid", created_at=datetime.now(UTC), validation_mode="strict"
    )
    EventParameter.objects.create(event_type=kind, name="orderId", is_required=True)
    bump_version()
    reply = post(event("Paid", "k"), key)
    assert (reply.status, '{"name": "orderId", "required": true}' in reply.text) == (400, True)
    assert stored() == []
    assert TypeHour.objects.get(event_type=kind).rejected == 1
    assert post(event("Paid", "k", [("orderId", "7")]), key).status == 200


@pytest.mark.parametrize("minutes", [0, 30, 71 * 60])
def test_e6_and_e21_the_same_event_id_again(key, minutes):
    first = post(event("Seen", "k", eventId="k1"), key)
    DedupKey.objects.update(received_at=datetime.now(UTC) - timedelta(minutes=minutes))
    assert len(stored()) == 1
    second = post(event("Seen", "k", eventId="k1"), key)
    assert (second.status, second.body, second.headers["x-event-status"]) == (200, b"", "duplicate")
    assert second.headers["x-event-id"] == first.headers["x-event-id"]
    assert len(stored()) == 1


def test_e7_the_same_without_an_event_id_are_two(key):
    for _ in range(2):
        post(event(params=[("email", "a@x.io")]), key)
    assert len(stored()) == 2


def test_e8_a_batch_with_one_bad_event(key):
    twice = event("Seen", "k", [("x", 1), ("x", 2)])
    body = post(
        {"events": [event("Seen", "k"), event("Seen", "k"), twice, event("Seen", "k")]}, key, BATCH
    ).json()
    assert (body["accepted"], body["rejected"]) == (3, 1)
    [bad] = [item for item in body["items"] if item["status"] == "rejected"]
    assert (bad["i"], bad["code"]) == (2, "param_name_duplicate")
    assert len(stored()) == 3


def test_e11_a_slow_clock_is_corrected(key):
    started = datetime.now(UTC)
    claim = {"occurred": ago(hours=2, minutes=5), "sentAt": ago(hours=2)}
    post(event("Seen", "k", **claim), key)
    [row] = stored()
    assert abs(row.event_at - (row.received_at - timedelta(minutes=5))) < timedelta(seconds=1)
    assert row.received_at >= started
    assert flags(row) == EventFlag.UNMATCHED


def test_e12_a_claim_from_the_future_becomes_now(key):
    post(event("Seen", "k", occurred=ago(hours=-3)), key)
    [row] = stored()
    assert row.event_at == row.received_at
    assert flags(row) == EventFlag.FUTURE_CLAMPED | EventFlag.UNMATCHED


def test_e13_a_late_event_is_stored_and_marked(key):
    post(event("Seen", "k", occurred=ago(hours=30)), key)
    [row] = stored()
    assert flags(row) == EventFlag.LATE | EventFlag.UNMATCHED
    assert row.received_at - row.event_at > timedelta(hours=29)


def test_e22_a_poison_among_a_thousand(key, monkeypatch):
    real = processing._process

    def fragile(lane, *, ids, limit, now):
        chosen = InboxEvent.objects.filter(pk__in=ids) if ids is not None else InboxEvent.objects.all()
        if chosen.filter(key_value="poison").exists():
            raise ValueError("the normaliser breaks")
        return real(lane, ids=ids, limit=limit, now=now)

    monkeypatch.setattr(processing, "_process", fragile)
    post(event("Seen", "poison"), key)
    for _ in range(2):
        post({"events": [event("Seen", f"k{number}") for number in range(500)]}, key, BATCH)
    assert len(stored()) == 1_000
    assert QuarantinedEvent.objects.get().envelope["key_value"] == "poison"
    assert not InboxEvent.objects.exists()


def test_e23_an_ip_and_a_country(key):
    params = [("email", "a@x.io"), ("ip", "192.0.2.1"), ("countryCode", "UA")]
    known = contact(email="a@x.io")
    post(event(params=params), key)
    assert stored()[0].params == dict(params)
    assert Contact.objects.get(pk=known).location == {}


def test_e24_21_000_bytes(key):
    reply = post(event("Seen", "k", [("x", "y" * 21_000)]), key)
    assert (reply.status, reply.json()["status"]) == (413, 413)
    assert stored() == []
    assert RejectedEvent.objects.get().code == "too_large"
