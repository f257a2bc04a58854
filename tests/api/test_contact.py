"""Routes of one contact (API document, 9.4 to 9.8, 10)."""

from datetime import UTC, datetime

import pytest

from contacts.models import Address, Contact, ContactField, ContactList, IdentifierChange, Key, ListMember
from contacts.services.merging import merge_contacts
from events.models import InboxEvent
from partners.models import RequestFingerprint

pytestmark = pytest.mark.django_db

OLENA = {
    "firstName": "Olena",
    "lastName": "Kovalenko",
    "channels": [
        {"type": "email", "value": "Olena@Example.com"},
        {"type": "sms", "value": "+38 (050) 000-00-01"},
    ],
    "address": {"region": "Kyiv", "town": "Kyiv", "address": "Main st. 1", "postcode": "01001"},
    "externalCustomerId": 17,
    "contactKey": "old-17",
    "languageCode": "UK",
    "timeZone": "Europe/Kiev",
    "ordersInfo": {"lastDate": "2026-02-03T04:05:06", "count": "3", "sum": 12.5},
}


def field(key, **values):
    row, _ = ContactField.objects.update_or_create(
        key=key, defaults={"group_id": 1, "name": key.title(), "position": 50, **values}
    )
    return row


def add(api, **body):
    reply = api.post("contact", body)
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


def test_it_works(api):
    made = add(api, **OLENA)
    found = api.get(f"contact/{made}").json()
    assert found == {
        "firstName": "Olena",
        "lastName": "Kovalenko",
        "channels": [
            {"type": "email", "value": "Olena@example.com"},
            {"type": "sms", "value": "380500000001"},
        ],
        "address": {"region": "Kyiv", "town": "Kyiv", "address": "Main st. 1", "postcode": "01001"},
        "addressBookId": 1,
        "id": made,
        "externalCustomerId": "17",
        "contactKey": "old-17",
        "ordersInfo": {"lastDate": "2026-02-03T04:05:06", "count": 3, "sum": 12.5},
        "languageCode": "uk",
        "timeZone": "Europe/Kyiv",
    }
    assert list(found) == [name for name in (
        "firstName", "lastName", "channels", "address", "fields", "addressBookId", "id", "externalCustomerId",
        "contactKey", "ordersInfo", "groups", "languageCode", "timeZone",
    ) if name in found]  # fmt: skip
    assert Contact.objects.get().source == "api"
    assert not InboxEvent.objects.exists()


def test_the_same_person_is_updated(api):
    first = add(api, externalCustomerId="17", channels=[{"type": "email", "value": "a@b.com"}])
    assert add(api, externalCustomerId="17", firstName="Olena") == first
    assert add(api, channels={"type": "email", "value": "A@B.com"}, lastName="K") == first
    found = api.get(f"contact/{first}").json()
    assert (found["firstName"], found["lastName"]) == ("Olena", "K")


def test_nulls_blanks_and_unknown_members_say_nothing(api):
    made = add(api, **OLENA)
    body = {
        "externalCustomerId": "17", "firstName": None, "lastName": "  ", "address": None, "channels": [],
        "fields": None, "groups": None, "whatever": {"deep": [1]}, "ordersInfo": None, "languageCode": "", "timeZone": "",
    }  # fmt: skip
    assert add(api, **body) == made
    assert api.get(f"contact/{made}").json()["lastName"] == "Kovalenko"


def test_a_blank_channel_is_not_given(api):
    made = add(api, channels=[{"type": "email", "value": " "}, {"type": "sms", "value": "380500000001"}])
    assert api.get(f"contact/{made}").json()["channels"] == [{"type": "sms", "value": "380500000001"}]


def test_of_two_addresses_the_first_counts_and_tokens_are_all_kept(api):
    made = add(api, channels=[
        {"type": "email", "value": "one@b.com"}, {"type": "email", "value": "two@b.com"},
        {"type": "mobilepush", "value": "T1", "device": {"appId": "8b2e65d9", "os": "iOS", "active": False}},
        {"type": "mobilepush", "value": "T2"}, {"type": "webpush", "value": "W1"}, {"type": "telegram", "value": 5500},
    ])  # fmt: skip
    assert sorted(api.get(f"contact/{made}").json()["channels"], key=lambda channel: channel["value"]) == [
        {"type": "telegram", "value": "5500"},
        {"type": "mobilepush", "value": "T1", "device": {"appId": "8b2e65d9", "os": "iOS", "active": False}},
        {"type": "mobilepush", "value": "T2"},
        {"type": "webpush", "value": "W1"},
        {"type": "email", "value": "one@b.com"},
    ]


REFUSALS = [
    ({}, "channels"),
    ({"firstName": "Olena"}, "channels"),
    ({"channels": [{"type": "fax", "value": "1"}]}, "channels[0].type"),
    ({"channels": ["a@b.com"]}, "channels[0]"),
    ({"channels": [{"type": "email", "value": "x@"}]}, "channels[0].value: 'x@' is not valid email"),
    ({"channels": [{"type": "sms", "value": "12ab"}]}, "channels[0].value"),
    ({"channels": [{"type": "email", "value": f"a{n}@b.com"} for n in range(3)]}, "channels[2]"),
    ({"channels": [{"type": "email", "value": ["a@b.com"]}]}, "channels[0].value: must be a string"),
    ({"externalCustomerId": "a\0b"}, "externalCustomerId: must not hold the character NUL"),
    ({"externalCustomerId": "x" * 256}, "externalCustomerId"),
    ({"externalCustomerId": True}, "externalCustomerId"),
    ({"externalCustomerId": "1", "firstName": "x" * 41}, "firstName: must be at most 40 characters"),
    ({"externalCustomerId": "1", "firstName": "<b>"}, "firstName"),
    ({"externalCustomerId": "1", "lastName": "123"}, "lastName"),
    ({"externalCustomerId": "1", "languageCode": "ua"}, "did you mean 'uk'"),
    ({"externalCustomerId": "1", "timeZone": "+03:00"}, "timeZone"),
    ({"externalCustomerId": "1", "address": "Kyiv"}, "address: must be a JSON object"),
    ({"externalCustomerId": "1", "fields": [{"id": 999999, "value": "x"}]}, "fields[0].id"),
    ({"externalCustomerId": "1", "fields": [{"value": "x"}]}, "fields[0].id: is required"),
    ({"externalCustomerId": "1", "fields": [{"id": "abc", "value": "x"}]}, "fields[0].id"),
    ({"externalCustomerId": "1", "ordersInfo": {"count": "many"}}, "ordersInfo.count"),
    ({"externalCustomerId": "1", "ordersInfo": {"lastDate": "yesterday"}}, "ordersInfo.lastDate"),
    ({"externalCustomerId": "1", "groups": [{"id": 999999}]}, "groups[0].id"),
]


@pytest.mark.parametrize(("body", "words"), REFUSALS)
def test_what_breaks_a_rule_is_refused_whole(api, body, words):
    reply = api.post("contact", body)
    assert reply.status_code == 400
    assert reply["Content-Type"] == "text/plain;charset=UTF-8"
    assert words in reply.text
    assert not Contact.objects.exists()
    assert not Key.objects.exists()
    assert not Address.objects.exists()
    assert not RequestFingerprint.objects.exists()


VALUES = [
    ("text", {}, " Шум\u0007 ", "Шум"),
    ("integer", {"least": 1, "most": 10}, "7", "7"),
    ("decimal", {}, "12,50", "12.5"),
    ("decimal", {}, 258.0, "258"),
    ("date", {}, "31.01.99", "1999-01-31"),
    ("datetime", {}, "2026-01-31T10:20:30+02:00", "2026-01-31T08:20"),
    ("select", {"options": ["Gold", "Silver"]}, "gold", "Gold"),
    ("multiselect", {"options": ["a", "b", "c"]}, "c, a", "a,c"),
    ("boolean", {}, "TRUE", "true"),
    ("url", {}, "https://example.com/x", "https://example.com/x"),
    ("email", {}, "A@B.com", "A@b.com"),
    ("phone", {}, "+380500000001", "380500000001"),
    ("json", {}, {"a": [1, 2.5]}, '{"a": [1, 2.5]}'),
]


@pytest.mark.parametrize(("kind", "limits", "given", "kept"), VALUES)
def test_additional_fields_of_every_type(api, kind, limits, given, kept):
    one = field("ONE", type=kind, **limits)
    made = add(api, externalCustomerId="1", fields=[{"id": str(one.pk), "value": given}])
    assert api.get(f"contact/{made}").json()["fields"] == [{"id": one.pk, "value": kept}]


WRONG_VALUES = [
    ("text", {}, "x" * 1001, "at most 1000"),
    ("integer", {"least": 1}, "0", "at least 1"),
    ("integer", {}, "1.5", "whole number"),
    ("integer", {}, str(2**31), "must be from"),
    ("decimal", {}, "abc", "is not a number"),
    ("decimal", {}, "NaN", "is not a number"),
    ("date", {}, "31.02.2026", "is not a date"),
    ("datetime", {}, "soon", "is not a date"),
    ("select", {"options": ["Gold"]}, "Bronze", "not one of the options: Gold"),
    ("boolean", {}, "perhaps", "must be true or false"),
    ("url", {}, "javascript:alert(1)", "must be an address"),
    ("email", {}, "x@", "not valid email"),
    ("phone", {}, "call me", "not valid phone"),
    ("json", {}, "{", "must be JSON"),
    ("json", {}, '"' + "x" * 17_000 + '"', "bytes of JSON"),
    ("json", {}, "[[[[[[1]]]]]]", "at most 5 levels"),
    ("text", {}, {"a": 1}, "single value"),
]


@pytest.mark.parametrize(("kind", "limits", "given", "words"), WRONG_VALUES)
def test_a_wrong_value_of_an_additional_field(api, kind, limits, given, words):
    one = field("ONE", type=kind, **limits)
    reply = api.post("contact", {"externalCustomerId": "1", "fields": [{"id": one.pk, "value": given}]})
    assert reply.status_code == 400
    assert "fields[0].value" in reply.text
    assert words in reply.text
    assert not Contact.objects.exists()


def test_groups_are_joined_by_id_or_name_and_made_when_missing(api):
    vip = ContactList.objects.create(
        name="VIP", created_at="2026-01-01T00:00Z", updated_at="2026-01-01T00:00Z"
    )
    made = add(api, externalCustomerId="1", groups=[{"id": vip.pk}, {"name": "New", "type": "Static"}])
    found = api.get(f"contact/{made}").json()["groups"]
    assert [group["name"] for group in found] == ["VIP", "New"]
    assert all(set(group) == {"id", "name", "type"} and group["type"] == "Static" for group in found)


def test_a_repeat_within_a_minute(api, settings):
    assert api.post("contact", OLENA).status_code == 200
    reply = api.post("contact", OLENA)
    assert reply.status_code == 409
    assert "Duplicated request" in reply.text
    assert api.post("contact/", OLENA).status_code == 200  # another address
    RequestFingerprint.objects.update(seen_at="2026-01-01T00:00Z")
    assert api.post("contact", OLENA).status_code == 200
    settings.API_DUPLICATE_GUARD = False
    assert api.post("contact", OLENA).status_code == 200


def test_put_says_the_recorded_sentence_and_replaces_channels_of_the_types_given(api):
    made = add(api, channels=[
        {"type": "email", "value": "a@b.com"}, {"type": "sms", "value": "380500000001"},
        {"type": "mobilepush", "value": "T1"}, {"type": "mobilepush", "value": "T2"},
    ])  # fmt: skip
    body = {"channels": [{"type": "email", "value": "new@b.com"}, {"type": "mobilepush", "value": "T2"}]}
    reply = api.put(f"contact/{made}", body)
    assert reply.status_code == 200
    assert reply.text == f"Contact with id='{made}' has been updated"
    assert reply["Content-Type"] == "application/json;charset=UTF-8"
    channels = {(c["type"], c["value"]) for c in api.get(f"contact/{made}").json()["channels"]}
    assert channels == {("email", "new@b.com"), ("sms", "380500000001"), ("mobilepush", "T2")}
    assert IdentifierChange.objects.filter(person_id=made, value="a@b.com", reason="replaced").exists()


@pytest.mark.parametrize("body", [{}, {"contact": {"firstName": "X"}, "groups": None, "formType": None},
                                  {"channels": [], "fields": [], "groups": []}])  # fmt: skip
def test_put_with_nothing_useful_changes_nothing(api, body):
    made = add(api, **OLENA)
    before = api.get(f"contact/{made}").json()
    assert api.put(f"contact/{made}", body).status_code == 200
    assert api.get(f"contact/{made}").json() == before


@pytest.mark.parametrize("number", ["999999", "9999999999999999999"])
def test_nobody_has_this_id(api, number):
    for reply in (api.get(f"contact/{number}"), api.put(f"contact/{number}", {"firstName": "X"}),
                  api.delete(f"contact/{number}")):  # fmt: skip
        assert reply.status_code == 404
        assert reply.text == f"Contact with id='{number}' not found"
        assert reply["Content-Type"] == "text/plain;charset=UTF-8"


def test_external_ids_are_not_taken_and_not_changed(api):
    one, two = add(api, externalCustomerId="1"), add(api, externalCustomerId="2")
    taken = api.put(f"contact/{two}", {"externalCustomerId": "1"})
    changed = api.put(f"contact/{two}", {"externalCustomerId": "3", "firstName": "Olena"})
    assert (taken.status_code, changed.status_code) == (400, 400)
    assert taken.text.startswith("externalCustomerId")
    assert "cannot be changed" in changed.text
    assert "firstName" not in api.get(f"contact/{two}").json()
    assert api.get(f"contact/{one}").json()["externalCustomerId"] == "1"


def test_delete_and_restore(api):
    made = add(api, externalCustomerId="1", firstName="Olena")
    reply = api.delete(f"contact/{made}")
    assert (reply.status_code, reply.text) == (200, f"Contact with id='{made}' has been deleted")
    assert api.get(f"contact/{made}").status_code == 404
    assert api.delete(f"contact/{made}").status_code == 404
    assert api.put(f"contact/{made}", {"lastName": "K"}).status_code == 200
    assert api.get(f"contact/{made}").json()["firstName"] == "Olena"
    api.delete(f"contact/{made}")
    assert add(api, externalCustomerId="1", lastName="L") == made


def test_erase_is_final(api):
    made = add(api, **OLENA)
    api.delete(f"contact/{made}")
    assert api.delete(f"contact/{made}?erase=true").status_code == 200
    assert Contact.objects.get(pk=made).state == "erased"
    assert add(api, externalCustomerId="17") != made


@pytest.mark.parametrize("where", ["query", "body"])
def test_delete_by_external_id(api, where):
    made = add(api, externalCustomerId="A 7")
    path = "contact?externalCustomerId=A%207&erase=false" if where == "query" else "contact"
    body = "[]" if where == "query" else {"externalCustomerId": "A 7", "erase": True}
    reply = api.delete(path, body)
    assert (reply.status_code, reply.content) == (200, b"")
    assert Contact.objects.get(pk=made).state == ("deleted" if where == "query" else "erased")
    gone = api.delete(path, body)
    assert gone.status_code == 404
    assert "not found" in gone.text


def test_delete_without_an_id(api):
    reply = api.delete("contact")
    assert reply.status_code == 400
    assert "externalCustomerId" in reply.text


def test_queries_of_a_contact_do_not_grow(api, django_assert_max_num_queries):
    made = add(api, **OLENA)
    ListMember.objects.bulk_create(
        ListMember(contact_id=made, list=group, added_at="2026-01-01T00:00Z")
        for group in [
            ContactList.objects.create(
                name=f"L{n}", created_at="2026-01-01T00:00Z", updated_at="2026-01-01T00:00Z"
            )
            for n in range(30)
        ]
    )
    with django_assert_max_num_queries(6):
        assert len(api.get(f"contact/{made}").json()["groups"]) == 30


def test_the_id_of_a_merged_contact_answers_the_one_kept(api):
    kept = add(api, externalCustomerId="A", channels=[{"type": "email", "value": "a@example.com"}])
    merged = add(api, channels=[{"type": "email", "value": "b@example.com"}])
    merge_contacts(kept, [merged], reason="", actor="ann", now=datetime.now(UTC))
    found = api.get(f"contact/{merged}").json()
    assert (found["id"], found["mergedInto"]) == (kept, kept)
    assert "mergedInto" not in api.get(f"contact/{kept}").json()
    assert api.put(f"contact/{merged}", {"firstName": "Ann"}).status_code == 200
    assert Contact.objects.get(pk=kept).first_name == "Ann"
    assert api.delete(f"contact/{merged}").status_code == 404
