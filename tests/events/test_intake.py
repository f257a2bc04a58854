"""The event routes: what is accepted is committed, what is refused says why, and nobody spoils another's request."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from cdp.models import Account
from contacts.models import ContactField
from events.intake import accept, app, writer
from events.models import DedupKey, EventFlag, EventParameter, EventType, InboxEvent
from events.services.registry import bump_version, forget_cache
from partners.models import ApiKey
from partners.services import authenticate, cache, create_api_key
from tests.events.wire import post, send

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
GOOD = {"eventTypeKey": "PageRead", "params": [{"name": "Email", "value": "A@x.io"}]}


@pytest.fixture(autouse=True)
def _fresh_caches():
    cache.clear()
    forget_cache()
    accept._rules.read_at = float("-inf")


@pytest.fixture
def key():
    return create_api_key(name="shop", rights=["full"], now=NOW)[1]


def test_it_works(key):
    reply = post(GOOD, key)
    assert (reply.status, reply.body, reply.headers["x-event-status"]) == (200, b"", "accepted")
    assert reply.headers["content-length"] == "0"
    waiting = InboxEvent.objects.get()
    assert str(waiting.event_id) == reply.headers["x-event-id"]
    assert (waiting.key_value, waiting.email, waiting.email_norm) == ("A@x.io", "A@x.io", "a@x.io")
    kind = EventType.objects.get(key="PageRead")
    assert (kind.origin, kind.category, kind.use_for_segmentation) == ("auto", "other", True)


@pytest.mark.parametrize("path", ["/api/v1/event", "/api/v2/event/", "/api/v3/event"])
def test_every_version_and_an_optional_slash(key, path):
    assert post(GOOD, key, path).status == 200


def test_version_1_reads_escaped_json(key):
    post(
        GOOD
        | {"params": [{"name": "email", "value": "a@x.io"}, {"name": "items", "value": '[{"id": "7"}]'}]},
        key,
        "/api/v1/event",
    )
    assert InboxEvent.objects.get().params["items"] == [{"id": "7"}]


def test_version_3_takes_an_object(key):
    post({"eventTypeKey": "PageRead", "params": {"externalCustomerId": 17, "x": 1.10}}, key, "/api/v3/event")
    waiting = InboxEvent.objects.get()
    assert (waiting.external_id, waiting.key_value, waiting.params) == (
        "17",
        "17",
        {"externalCustomerId": 17, "x": 1.1},
    )


def test_a_null_external_id_is_absent_and_the_email_counts(key):
    params = [{"name": "email", "value": "b@x.io"}, {"name": "externalCustomerId", "value": "null"}]
    post(GOOD | {"params": params}, key)
    waiting = InboxEvent.objects.get()
    assert (waiting.key_value, waiting.external_id) == ("b@x.io", None)


def test_the_external_id_is_the_key_before_the_phone(key):
    params = [{"name": "phone", "value": "380501112233"}, {"name": "externalCustomerId", "value": "C9"}]
    post(GOOD | {"params": params}, key)
    assert InboxEvent.objects.get().key_value == "C9"


BAD = [
    ("malformed", b'{"eventTypeKey":', 400, "not valid JSON"),
    ("a lone surrogate", b'{"eventTypeKey":"A","keyValue":"k","params":[{"name":"x","value":"\\ud800"}]}', 400, "JSON"),
    ("a list", b"[]", 400, "request body: must be a JSON object"),
    ("NaN", b'{"eventTypeKey":"A","keyValue":"k","params":[{"name":"x","value":NaN}]}', 400, "JSON"),
    ("broken UTF-8", b'{"eventTypeKey":"A","keyValue":"\xff"}', 400, "JSON"),
    ("NUL", GOOD | {"params": [{"name": "email", "value": "a@x.io"}, {"name": "x", "value": "a\0b"}]}, 400, "params[1].value: must not hold the character NUL"),
    ("a number beyond numeric", b'{"eventTypeKey":"A","keyValue":"k","params":[{"name":"x","value":1e200000}]}', 400, "params[0].value"),
    ("nested 5000 deep", b'{"eventTypeKey":"A","keyValue":"k","params":[{"name":"x","value":' + b"[" * 5000 + b"]" * 5000 + b"}]}", 400, "not valid JSON"),
    ("a number without end", b'{"eventTypeKey":"A","keyValue":"k","params":[{"name":"x","value":1e99999999999999999999}]}', 400, "JSON"),
    ("no type", {"keyValue": "k"}, 400, "eventTypeKey: is required"),
    ("a type of the wrong kind", {"eventTypeKey": ["A"], "keyValue": "k"}, 400, "eventTypeKey: must be a string"),
    ("a forbidden character", {"eventTypeKey": "A<b", "keyValue": "k"}, 400, "eventTypeKey: must not hold"),
    ("a forbidden character in the key", {"eventTypeKey": "A", "keyValue": "a;b"}, 400, "keyValue: must not hold"),
    ("a long type", {"eventTypeKey": "A" * 101, "keyValue": "k"}, 400, "eventTypeKey: must be at most 100"),
    ("a long key", {"eventTypeKey": "A", "keyValue": "k" * 301}, 400, "keyValue: must be at most 300"),
    ("params of the wrong kind", {"eventTypeKey": "A", "keyValue": "k", "params": "x"}, 400, "params: must be a list"),
    ("a param without value", {"eventTypeKey": "A", "keyValue": "k", "params": [{"name": "x"}]}, 400, "params[0]: needs both"),
    ("a name twice", {"eventTypeKey": "A", "keyValue": "k", "params": [{"name": "x", "value": 1}, {"name": "x", "value": 2}]}, 400, "params[1].name: 'x' is given twice"),
    ("a long name", {"eventTypeKey": "A", "keyValue": "k", "params": [{"name": "x" * 101, "value": 1}]}, 400, "params[0].name"),
    ("no valid identifier", {"eventTypeKey": "A", "params": [{"name": "Email", "value": "bad@"}, {"name": "SMS", "value": "12"}]}, 400, "pushToken; Email is not a valid email; SMS is not a valid phone"),
    ("a number that swells", b'{"eventTypeKey":"A","keyValue":"k","params":[{"name":"x","value":[1e1300]}]}', 400, "params[0].value[0]: is a number too large"),
    ("nobody", {"eventTypeKey": "A", "params": [{"name": "city", "value": "Lviv"}]}, 400, "needs keyValue"),
    ("20 KB and a byte", b" " * (20 * 1024) + b"1", 413, "larger than 20480 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_refused(key, body, status, words):
    reply = post(body, key)
    assert (reply.status, words in reply.text) == (status, True), reply.text
    expected = "application/json;charset=UTF-8" if status == 413 else "text/plain;charset=UTF-8"
    assert reply.headers["content-type"] == expected
    assert not InboxEvent.objects.exists()
    assert not EventType.objects.filter(origin="auto").exists()


@pytest.mark.parametrize(
    ("claim", "flag"),
    [
        ({"occurred": "9999-12-31T23:59:59-14:00"}, EventFlag.BAD_TIMESTAMP),
        ({"occurred": "2001-01-01", "sentAt": "9998-12-31T00:00:00Z"}, EventFlag.BAD_TIMESTAMP),
        ({"occurred": "yesterday"}, EventFlag.BAD_TIMESTAMP),
        ({"occurred": "2500-01-01T10:00"}, EventFlag.FUTURE_CLAMPED),
        (
            {"occurred": (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S.7022176+00:00")},
            EventFlag.LATE,
        ),
    ],
)
def test_a_clock_never_refuses_an_event_nor_delays_others(key, claim, flag):
    replies = send(("/api/v2/event", GOOD | claim), ("/api/v2/event", GOOD), key=key)
    assert [reply.status for reply in replies] == [200, 200]
    assert sorted(InboxEvent.objects.values_list("flags", flat=True)) == sorted([0, int(flag)])


@pytest.mark.parametrize(
    "header",
    [{}, {"authorization": "Basic eA=="}, {"authorization": "Bearer x"}, {"authorization": "Basic ???"}],
)
def test_wrong_credentials(header):
    [reply] = send(("/api/v2/event", GOOD), **header)
    assert (reply.status, reply.json()["status"], reply.json()["path"]) == (401, 401, "/api/v2/event")
    assert reply.headers["www-authenticate"].startswith("Basic realm=")


def test_a_wrong_key_and_a_disabled_key(key):
    assert post(GOOD, "WRONG").status == 401
    ApiKey.objects.update(is_enabled=False)
    assert post(GOOD, key).status == 401


def test_a_key_without_the_right():
    _, secret = create_api_key(name="mail", rights=["messages"], now=NOW)
    reply = post(GOOD, secret)
    assert (reply.status, reply.json()["error"]) == (403, "Forbidden")


def test_another_media_type_and_method(key):
    assert post(b"a=b", key, content_type="application/x-www-form-urlencoded").status == 415
    reply = post(GOOD, key, method="GET")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_the_351st_event_in_a_second_is_too_many(key, settings, monkeypatch):
    settings.API_RATE_LIMITS = True
    monkeypatch.setattr(app.RateLimit, "clock", staticmethod(lambda: 7.5))
    replies = send(*[("/api/v2/event", GOOD)] * 352, key=key)
    statuses = [reply.status for reply in replies]
    assert (statuses.count(200), statuses.count(429)) == (350, 2)
    assert InboxEvent.objects.count() == 350
    assert next(reply for reply in replies if reply.status == 429).headers["retry-after"] == "1"


def test_a_new_second_brings_new_room():
    limit = app.RateLimit()
    limit.clock = iter([7.1, 7.9, 8.0]).__next__
    assert [limit.take("event", 1) for _ in range(3)] == [True, False, True]


def test_the_same_event_id_twice_is_one_event(key):
    event = GOOD | {"eventId": "k1"}
    first, second = post(event, key), post(event | {"keyValue": "other"}, key)
    assert (second.status, second.headers["x-event-status"]) == (200, "duplicate")
    assert first.headers["x-event-id"] == second.headers["x-event-id"]
    assert InboxEvent.objects.count() == DedupKey.objects.count() == 1


def test_the_same_event_id_at_the_same_moment_is_one_event(key):
    replies = send(*[("/api/v2/event", GOOD | {"eventId": "k1"})] * 10, key=key)
    assert sorted(reply.headers["x-event-status"] for reply in replies) == ["accepted"] + ["duplicate"] * 9
    assert len({reply.headers["x-event-id"] for reply in replies}) == 1
    assert InboxEvent.objects.count() == 1


@pytest.mark.parametrize("member", ["eventId", "messageId", "Idempotency-Key"])
def test_an_id_of_the_sender_by_any_name(key, member):
    sent, headers = (
        (GOOD, {member.lower(): " q 1 "}) if member == "Idempotency-Key" else (GOOD | {member: "q 1"}, {})
    )
    found = [post(body, key, **headers) for body in (sent, sent)] + [post(GOOD | {"eventId": "q 1"}, key)]
    assert [reply.headers["x-event-status"] for reply in found] == ["accepted", "duplicate", "duplicate"]
    assert len({reply.headers["x-event-id"] for reply in found}) == InboxEvent.objects.count() == 1


def test_another_event_under_the_same_id_is_warned_of(key):
    event = GOOD | {"eventId": "k1"}
    assert "x-event-warning" not in post(event, key).headers
    assert "x-event-warning" not in post(event, key).headers
    reply = post(event | {"params": [{"name": "Email", "value": "b@x.io"}]}, key)
    assert (reply.headers["x-event-status"], reply.headers["x-event-warning"]) == (
        "duplicate",
        "payload_mismatch",
    )
    assert InboxEvent.objects.get().email == "A@x.io"
    items = post({"events": [event, event | {"keyValue": "x"}]}, key, "/api/v2/events/batch").json()["items"]
    assert [item.get("warning") for item in items] == [None, "payload_mismatch"]


@pytest.mark.parametrize("name", ["eventId", "messageId"])
@pytest.mark.parametrize(
    ("value", "words"), [(["a"], "must be a string"), ("a" * 301, "at most 300"), ("a\n", "control")]
)
def test_an_id_that_is_none(key, name, value, words):
    reply = post(GOOD | {name: value if value != "a\n" else "a\nb"}, key)
    assert (reply.status, reply.text.startswith(f"{name}: "), words in reply.text) == (400, True, True)


def test_two_events_without_an_event_id_are_two(key):
    send(*[("/api/v2/event", GOOD)] * 2, key=key)
    assert InboxEvent.objects.count() == 2


def test_a_bad_event_does_not_spoil_the_others_of_its_commit(key):
    bad = {"eventTypeKey": "A", "params": [{"name": "city", "value": "Lviv"}]}
    replies = send(*[("/api/v2/event", GOOD), ("/api/v2/event", bad)] * 20, key=key)
    assert [reply.status for reply in replies] == [200, 400] * 20
    assert InboxEvent.objects.count() == 20


def test_an_event_older_than_the_retention_is_refused_at_the_door(key):
    Account.objects.update(event_retention_days=30)
    accept._rules.read_at = float("-inf")
    old = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    replies = send(("/api/v2/event", GOOD | {"occurred": old}), ("/api/v2/event", GOOD), key=key)
    assert [reply.status for reply in replies] == [422, 200]
    assert replies[0].text == "occurred: is older than the 30 days events are kept"


def test_a_fault_in_one_request_leaves_the_others_of_its_commit(key, monkeypatch):
    whole = accept._row

    def fragile(event, *arguments, **values):
        if event.key_value == "boom":
            raise ZeroDivisionError
        return whole(event, *arguments, **values)

    monkeypatch.setattr(accept, "_row", fragile)
    replies = send(*[("/api/v2/event", GOOD | {"keyValue": word}) for word in ("a", "boom", "b")], key=key)
    assert [reply.status for reply in replies] == [200, 500, 200]
    assert InboxEvent.objects.count() == 2


def test_a_database_that_is_away_is_never_a_false_200(key, monkeypatch):
    def away(*arguments, **values):
        raise OperationalError("the connection is lost")

    authenticate(f"Basic {base64.b64encode(f'any:{key}'.encode()).decode()}", now=NOW)
    monkeypatch.setattr(writer, "accept_many", away)
    reply = post(GOOD, key)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


def test_a_strict_type_names_its_structure(key):
    kind = EventType.objects.create(key="Paid", name="Paid", created_at=NOW, validation_mode="strict")
    EventParameter.objects.create(event_type=kind, name="orderId", type="string", is_required=True)
    EventParameter.objects.create(event_type=kind, name="total", type="number")
    bump_version()
    reply = post({"eventTypeKey": "Paid", "keyValue": "k"}, key)
    assert reply.status == 400
    assert reply.text == (
        'The event should have the following params: [{"name": "orderId", "required": true},'
        '{"name": "total", "required": false}]'
    )
    good = {"eventTypeKey": "Paid", "keyValue": "k", "params": {"orderId": 7, "total": "754 USD"}}
    assert post(good, key).status == 200


def test_a_batch_gives_a_verdict_for_each(key):
    twice = {
        "eventTypeKey": "A",
        "keyValue": "k",
        "params": [{"name": "x", "value": 1}, {"name": "x", "value": 2}],
    }
    reply = post(
        {"events": [GOOD, GOOD | {"eventId": "a"}, twice, GOOD | {"eventId": "a"}]},
        key,
        "/api/v2/events/batch",
    )
    body = reply.json()
    assert (body["accepted"], body["duplicates"], body["rejected"]) == (2, 1, 1)
    assert [item["status"] for item in body["items"]] == ["accepted", "accepted", "rejected", "duplicate"]
    assert body["items"][2] == {
        "i": 2, "status": "rejected", "code": "param_name_duplicate", "path": "params[1].name", "message": "'x' is given twice",
    }  # fmt: skip
    assert body["items"][1]["eventId"] == body["items"][3]["eventId"]
    assert InboxEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("events", "words"), [([GOOD] * 501, "at most 500"), ([], "1 to 500"), ("x", "1 to 500")]
)
def test_a_batch_that_is_no_batch(key, events, words):
    reply = post({"events": events}, key, "/api/v2/events/batch")
    assert (reply.status, words in reply.text) == (400, True)
    assert not InboxEvent.objects.exists()


CONTACT = {
    "firstname": "Olena", "sms": "380501112233", "timeZone": "Europe/Kyiv", "languageCode": "uk", "confirmed": "true",
    "town": "Lviv", "profileInputs": [],
}  # fmt: skip


def with_contact(value):
    return GOOD | {"params": [*GOOD["params"], {"name": "contactJson", "value": value}]}


def test_a_contact_inside_an_event(key):
    number = ContactField.objects.get(key="BIRTHDAY").pk
    inputs = [{"profileInputId": number, "value": "2000-01-31"}]
    for value in (CONTACT, json.dumps(CONTACT), CONTACT | {"profileInputs": inputs}, "", {}):
        assert post(with_contact(value), key).status == 200
    assert post(with_contact({"sms": "x"}), key, "/api/v1/event").status == 200


def test_a_contact_inside_an_event_names_every_fault(key):
    number = ContactField.objects.get(key="BIRTHDAY").pk
    wrong = {
        "firstname": "12345", "sms": "x", "timeZone": "Mars", "languageCode": "xx", "confirmed": "maybe", "town": "x" * 301,
        "profileInputs": [{"profileInputId": 0, "value": "x"}, {"profileInputId": number, "value": "soon"}, 5],
    }  # fmt: skip
    reply = post(with_contact(wrong), key)
    assert reply.status == 400
    faults = [fault.partition(": ")[0] for fault in reply.text.removeprefix("params: ").split("; ")]
    assert [fault.removeprefix("contactJson.") for fault in faults if fault.startswith("contactJson")] == [
        "firstname", "sms", "timeZone", "languageCode", "town", "confirmed", "profileInputs[0].profileInputId",
        "profileInputs[1].value", "profileInputs[2]",
    ]  # fmt: skip
    for value in ("{", "[]", [1], 5):
        assert post(with_contact(value), key).text == "params: contactJson: must be a JSON object"
    assert not InboxEvent.objects.exists()


def test_another_charset_and_a_packed_body(key):
    body = json.dumps({"eventTypeKey": "Подія", "keyValue": "k"}, ensure_ascii=False)
    assert (
        post(body.encode("cp1251"), key, content_type="application/json; charset=windows-1251").status == 200
    )
    assert post(gzip.compress(body.encode()), key, content_encoding="gzip").status == 200
    assert set(EventType.objects.filter(origin="auto").values_list("key", flat=True)) == {"Подія"}
    assert post(gzip.compress(b" " * 21_000), key, content_encoding="gzip").status == 413


def test_a_long_reply_is_packed_when_asked_for(key):
    batch = ("/api/v2/events/batch", {"events": [GOOD] * 20})
    [packed] = send(batch, key=key, accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body))["accepted"] == 20
    [plain] = send(batch, key=key)
    assert "content-encoding" not in plain.headers


def test_the_largest_event_is_a_setting(key, settings):
    body = json.dumps(GOOD).encode() + b" " * 2_000
    settings.API_EVENT_BYTES = 2_000
    assert post(body, key).status == 413
    settings.API_EVENT_BYTES = 4_000
    assert post(body, key).status == 200


def test_numbers_keep_their_digits(key):
    body = (
        b'{"eventTypeKey":"A","keyValue":"k","params":[{"name":"x","value":12345678901234567890.123456789}]}'
    )
    post(body, key)
    with connection.cursor() as cursor:
        cursor.execute("SELECT params ->> 'x' FROM events_inboxevent")
        assert cursor.fetchone() == ("12345678901234567890.123456789",)
