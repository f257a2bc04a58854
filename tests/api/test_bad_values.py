"""Naughty words in every field at every door; the standard tables of addresses, phones and names; a bad value per type."""

import json

import pytest

from cdp.engine import drain, registry
from contacts.field_types import read_value
from contacts.models import Contact, ContactField, FieldGroup, FieldType
from contacts.normalise import InvalidValue, normalise_email, normalise_name, normalise_phone
from contacts.wire import Catalogue, normalise_token
from events.intake import accept
from events.models import Event, InboxEvent, QuarantinedEvent
from events.services.processing import process_lane
from partners.services import create_api_key
from tests.contacts.people import NOW
from tests.contacts.words import BAD_EMAILS, BAD_PHONES, GOOD_EMAILS, NAMES, NAUGHTY, PHONES
from tests.events.wire import post

pytestmark = pytest.mark.django_db
WORDS = pytest.mark.parametrize("word", NAUGHTY.values(), ids=NAUGHTY)


@pytest.fixture
def fields():
    """A field of every type, by type."""
    group = FieldGroup.objects.get(key="PERSONAL")
    rows = {}
    for place, kind in enumerate(FieldType.values):
        options = ["S", "M"] if kind in ("select", "multiselect") else []
        rows[kind] = ContactField.objects.create(group=group, name=kind, key=f"F_{kind.upper()}", type=kind, options=options,
                                                 position=place)  # fmt: skip
    return rows


def everywhere(word, fields):
    """A contact for every place a word may stand in, each with an address of its own."""
    places = [
        {"firstName": word}, {"lastName": word}, {"externalCustomerId": word}, {"contactKey": word}, {"languageCode": word},
        {"timeZone": word}, {"address": {"town": word, "region": word, "address": word, "postcode": word}},
        {"channels": [{"type": "email", "value": word}]}, {"channels": [{"type": "sms", "value": word}]},
        {"channels": [{"type": "mobilepush", "value": word, "device": {"appId": word, "os": word}}]},
        {"ordersInfo": {"lastDate": word}}, {word: word},
        *({"fields": [{"id": field.pk, "value": word}]} for field in fields.values()),
    ]  # fmt: skip
    for number, place in enumerate(places):
        own = {"type": "email", "value": f"p{number}@example.com"}
        yield place | {"channels": [own, *place.get("channels", ())]}


def kept_texts():
    def texts(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for part in value.values() if isinstance(value, dict) else value:
                yield from texts(part)

    for row in Contact.objects.values():
        yield from texts(row)


def check_kept():
    for text in kept_texts():
        assert "\0" not in text
        text.encode()  # no lone surrogate


@WORDS
def test_the_api_keeps_a_word_or_says_where_it_is_wrong(api, fields, word):
    for body in everywhere(word, fields):
        reply = api.post("contact", body)
        assert reply.status_code in (200, 400), (body, reply.text)
        if reply.status_code == 200:
            assert api.get(f"contact/{reply.json()['id']}").status_code == 200
        else:
            assert reply.text
    check_kept()


@WORDS
def test_bulk_keeps_a_word_or_names_the_contact(api, fields, word):
    bodies = list(everywhere(word, fields))
    reply = api.post(
        "contacts",
        {"contacts": bodies, "customFieldsIDs": [field.pk for field in fields.values()], "dedupeOn": "email"},
    )
    assert reply.status_code in (200, 400), reply.text
    if reply.status_code == 200:
        drain(registry["contact_imports"])
        failed = reply.json().get("failedContacts", [])
        failed = [failed] if isinstance(failed, dict) else failed
        assert all(one["error"] for one in failed)
        status = api.get(f"importstatus/{reply.json()['asyncSessionId']}").json()
        assert status["status"] == "FINISHED"
    check_kept()


@WORDS
def test_the_admin_keeps_a_word_or_says_so_at_its_field_and_shows_it_as_text(admin_client, fields, word):
    names = ("first_name", "last_name", "external_id", "contact_key", "town", "phone", "language", "time_zone",
             f"field_{fields['text'].pk}", f"field_{fields['textarea'].pk}", f"field_{fields['json'].pk}")  # fmt: skip
    for number, name in enumerate(names):
        form = {
            "email": f"a{number}@example.com",
            "consent": "on",
            name: word.encode("utf-8", "replace").decode(),
        }
        page = admin_client.post("/admin/contacts/contact/add/", form)
        assert page.status_code in (200, 302, 400), name
        if page.status_code == 302:
            page = admin_client.get(page["Location"])
            assert page.status_code == 200
        assert "<script>alert(1)" not in page.text
        assert "onerror=alert(1)>" not in page.text.replace("&lt;img src=x onerror=alert(1)&gt;", "")
    assert (
        admin_client.get(
            "/admin/contacts/contact/", {"q": word.encode("utf-8", "replace").decode()[:300]}
        ).status_code
        == 200
    )
    check_kept()


@pytest.mark.django_db(transaction=True)
def test_an_event_keeps_a_word_or_is_refused():
    key = create_api_key(name="shop", rights=["full"], now=NOW)[1]
    accept._rules.read_at = float("-inf")
    names = ("email", "phone", "externalCustomerId", "contactId", "pushToken", "contactKey", "ip", "note")
    for word in NAUGHTY.values():
        for name in names:
            reply = post(
                {"eventTypeKey": "Seen", "keyValue": "k", "params": [{"name": name, "value": word}]}, key
            )
            assert reply.status in (200, 400, 413), (name, reply.text)
        reply = post({"eventTypeKey": word, "keyValue": word, "params": [{"name": word, "value": "1"}]}, key)
        assert reply.status in (200, 400, 413), reply.text
    while process_lane(0, limit=1_000, now=NOW):
        pass
    assert not InboxEvent.objects.exists()
    assert not QuarantinedEvent.objects.exists()
    assert Event.objects.exists()
    check_kept()


@pytest.mark.parametrize("text", GOOD_EMAILS)
def test_a_good_email(text):
    kept, matched = normalise_email(text)
    assert matched == kept.lower()
    assert normalise_email(kept) == (kept, matched)  # once normal, always normal


@pytest.mark.parametrize("text", BAD_EMAILS)
def test_a_bad_email(text):
    with pytest.raises(InvalidValue) as caught:
        normalise_email(text)
    assert caught.value.code == "bad_email"


@pytest.mark.parametrize(("text", "region", "digits", "capable"), PHONES)
def test_a_good_phone(text, region, digits, capable):
    phone = normalise_phone(text, region)
    assert (phone.digits, phone.is_sms_capable) == (digits, capable)
    assert normalise_phone(phone.digits, region) == phone


@pytest.mark.parametrize("text", BAD_PHONES)
def test_a_bad_phone(text):
    with pytest.raises(InvalidValue) as caught:
        normalise_phone(text, "UA")
    assert caught.value.code == "bad_phone"


@pytest.mark.parametrize(("text", "first", "last"), NAMES)
def test_a_name(text, first, last):
    for is_last, allowed in ((False, first), (True, last)):
        if allowed:
            assert normalise_name(text, last=is_last) == text
        else:
            with pytest.raises(InvalidValue):
                normalise_name(text, last=is_last)


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("text", "x" * 1_001, "too_long"),
        ("textarea", "x" * 5_001, "too_long"),
        ("integer", "12.5", "bad_number"),
        ("integer", str(2**31), "out_of_range"),
        ("decimal", "twelve", "bad_number"),
        ("decimal", "NaN", "bad_number"),
        ("date", "30.02.2026", "bad_date"),
        ("date", "1899-12-31", "bad_date"),
        ("datetime", "2026-01-01T25:00", "bad_date"),
        ("select", "XXL", "unknown_option"),
        ("multiselect", "S,XXL", "unknown_option"),
        ("boolean", "maybe", "bad_value"),
        ("json", "{", "bad_json"),
        ("json", "[[[[[[1]]]]]]", "bad_json"),
        ("json", json.dumps(["x" * 17_000]), "too_long"),
        ("url", "javascript:alert(1)", "bad_url"),
        ("email", "nobody", "bad_email"),
        ("phone", "12ab", "bad_phone"),
    ],
)
def test_a_bad_value_of_each_type_is_refused_with_its_reason_at_every_door(
    api, admin_client, fields, kind, value, code
):
    field = fields[kind]
    own = {
        "channels": [{"type": "email", "value": "a@example.com"}],
        "fields": [{"id": field.pk, "value": value}],
    }
    reply = api.post("contact", own)
    assert reply.status_code == 400
    assert "fields[0].value" in reply.text
    found = api.post("contacts", {"contacts": [own, own], "customFieldsIDs": [field.pk]}).json()
    assert all(kind in one["error"] for one in found["failedContacts"])
    form = {"email": "a@example.com", "consent": "on", f"field_{field.pk}": value}
    page = admin_client.post("/admin/contacts/contact/add/", form)
    assert page.status_code in (200, 400)
    assert not Contact.objects.exists()
    with pytest.raises(InvalidValue) as caught:
        read_value(field, value, Catalogue.load().rules)
    assert caught.value.code == code


def test_a_token_of_bad_letters():
    with pytest.raises(InvalidValue):
        normalise_token("a\ud800" * 200, frozenset())
