"""`POST contacts` and `GET importstatus/{sessionId}` (API document, 9.1, 9.2)."""

import json

import pytest

from cdp.engine import drain, registry
from contacts.models import Contact, ContactList, ImportSession, ListMember
from events.models import EventType, InboxEvent
from tests.api.test_contact import add, field

pytestmark = pytest.mark.django_db


def mail(text):
    return {"channels": [{"type": "email", "value": text}]}


def bulk(api, *contacts, **rest):
    reply = api.post("contacts", {"contacts": list(contacts), **rest})
    assert reply.status_code == 200, reply.text
    return reply.json()


def done(api, *contacts, **rest):
    found = bulk(api, *contacts, **rest)
    drain(registry["contact_imports"])
    status = api.get(f"importstatus/{found['asyncSessionId']}").json()
    assert status["status"] == "FINISHED", status
    return status


def test_it_works(api):
    found = bulk(api, mail("a@b.com") | {"firstName": "Ann"}, mail("b@b.com"), groupNames=["Import"])
    assert found["id"] == 0
    assert set(found) == {"id", "asyncSessionId"}
    path = f"importstatus/{found['asyncSessionId']}"
    waiting = api.get(path).json()
    assert waiting["status"] == "STARTED"
    assert "mapping" not in waiting
    drain(registry["contact_imports"])
    status = api.get(path).json()
    assert status["status"] == "FINISHED"
    assert [row["dedupeValue"] for row in status["mapping"]] == ["a@b.com", "b@b.com"]
    assert all(set(row) == {"dedupeValue", "contactId"} for row in status["mapping"])
    assert len(status["timestamp"]) == 19
    assert Contact.objects.get(first_name="Ann").source == "import"
    assert ListMember.objects.filter(list__name="Import").count() == 2
    assert ImportSession.objects.get().request == {}


def test_a_lone_contact_is_mapped_by_an_object(api, settings):
    status = done(api, mail("A@b.com"))
    assert status["mapping"] == {"dedupeValue": "A@b.com", "contactId": Contact.objects.get().pk}
    settings.API_UNWRAP_SINGLETONS = False
    assert isinstance(done(api, mail("A@b.com"))["mapping"], list)


def test_contacts_that_cannot_be_taken_come_back_and_the_rest_is_done(api):
    found = bulk(api, mail("x@"), mail("good@b.com"), {"firstName": "Nobody"}, "text")
    failed = found["failedContacts"]
    assert [entry.get("channels") for entry in failed] == [mail("x@")["channels"], None, None]
    assert "contacts[0].channels[0].value: 'x@' is not valid email" in failed[0]["error"]
    assert "contacts[2]" in failed[1]["error"]
    drain(registry["contact_imports"])
    assert Contact.objects.get().email == "good@b.com"


def test_a_lone_failure_is_an_object_and_a_session_of_none_is_finished(api):
    found = bulk(api, mail("x@"))
    assert isinstance(found["failedContacts"], dict)
    assert api.get(f"importstatus/{found['asyncSessionId']}").json()["status"] == "FINISHED"


def test_names_of_the_wire_limit_what_is_written_and_clear_what_is_absent(api):
    made = add(api, firstName="Ann", lastName="Lee", channels=[
        {"type": "email", "value": "a@b.com"}, {"type": "sms", "value": "380500000001"},
    ])  # fmt: skip
    done(api, mail("a@b.com") | {"firstName": "Bea", "lastName": "Other"}, contactFields=["firstName", "sms"])
    found = api.get(f"contact/{made}").json()
    assert (found["firstName"], found["lastName"]) == ("Bea", "Lee")
    assert [channel["type"] for channel in found["channels"]] == ["email"]


def test_without_names_given_fields_are_written_and_nothing_is_cleared(api):
    made = add(api, firstName="Ann", lastName="Lee", channels=[{"type": "email", "value": "a@b.com"}])
    done(api, mail("A@B.com") | {"firstName": "Bea"})
    found = api.get(f"contact/{made}").json()
    assert (found["firstName"], found["lastName"]) == ("Bea", "Lee")
    assert found["channels"][0]["value"] == "a@b.com"  # the key of the match is not updated


def test_additional_fields_are_written_only_when_named(api):
    one, two = field("ONE"), field("TWO")
    values = [{"id": one.pk, "value": "1"}, {"id": two.pk, "value": "2"}]
    made = add(
        api,
        channels=mail("a@b.com")["channels"],
        fields=[{"id": one.pk, "value": "old"}, {"id": two.pk, "value": "old"}],
    )
    done(api, mail("a@b.com") | {"fields": values}, customFieldsIDs=[two.pk])
    assert api.get(f"contact/{made}").json()["fields"] == [
        {"id": one.pk, "value": "old"}, {"id": two.pk, "value": "2"},
    ]  # fmt: skip
    done(api, mail("a@b.com"), customFieldsIDs=[one.pk])
    assert api.get(f"contact/{made}").json()["fields"] == [{"id": two.pk, "value": "2"}]


def test_every_dedupe_key(api):
    code = field("CODE")
    made = add(
        api, externalCustomerId="X1", fields=[{"id": code.pk, "value": "K-1"}],
        channels=[
            {"type": "email", "value": "a@b.com"}, {"type": "sms", "value": "380500000001"},
            {"type": "mobilepush", "value": "T1"}, {"type": "webpush", "value": "W1"},
        ],
    )  # fmt: skip
    phone, token = {"type": "sms", "value": "+380500000001"}, {"type": "mobilepush", "value": "T1"}
    for body, name, value in (
        (mail("a@b.com"), "email", "a@b.com"),
        ({"channels": [phone]}, "sms", "+380500000001"),
        ({"channels": [*mail("other@b.com")["channels"], phone]}, "email_or_sms", "+380500000001"),
        ({"channels": [token]}, "push", "T1"),
        ({"channels": {"type": "webpush", "value": "W1"}}, "webpush", "W1"),
        ({"id": str(made)}, "id", str(made)),
        ({"fields": [{"id": code.pk, "value": "K-1"}]}, "fieldId", "K-1"),
        ({"externalCustomerId": "X1"}, "externalCustomerId", "X1"),
    ):
        status = done(api, body | {"lastName": "L" + name.replace("_", "")}, dedupeOn=name, fieldId=code.pk)
        assert status["mapping"] == {"dedupeValue": value, "contactId": made}, name
        assert api.get(f"contact/{made}").json()["lastName"] == "L" + name.replace("_", "")
    assert Contact.objects.count() == 1


def test_an_unknown_id_makes_nobody(api):
    status = done(api, {"id": 424242, "firstName": "X"}, dedupeOn="id")
    assert "mapping" not in status
    assert not Contact.objects.exists()


def test_a_field_that_nobody_has_makes_nobody(api):
    code = field("CODE")
    done(api, {"fields": [{"id": code.pk, "value": "K-9"}]}, dedupeOn="fieldId", fieldId=code.pk)
    assert ImportSession.objects.get().counts == {"failed": 1}
    assert not Contact.objects.exists()


def test_deleted_contacts_are_skipped_or_restored(api):
    made = add(api, externalCustomerId="X1")
    api.delete(f"contact/{made}")
    done(api, {"externalCustomerId": "X1", "firstName": "Ann"})
    assert ImportSession.objects.get().counts == {"skipped": 1}
    assert api.get(f"contact/{made}").status_code == 404
    done(api, {"externalCustomerId": "X1", "firstName": "Ann"}, restoreDeleted=True)
    assert api.get(f"contact/{made}").json()["firstName"] == "Ann"


def test_lists_are_left_too(api):
    made = add(api, **mail("a@b.com"), groups=[{"name": "Old"}])
    done(api, mail("a@b.com"), groupNames="New", groupNamesExclude=["Old"])
    assert [group["name"] for group in api.get(f"contact/{made}").json()["groups"]] == ["New"]
    assert ContactList.objects.filter(name="Old").exists()


def test_an_event_for_each_new_contact_only(api):
    add(api, **mail("old@b.com"))
    done(api, mail("old@b.com"), mail("new@b.com"), eventKeyForNewContacts="importedNew")
    event = InboxEvent.objects.get()
    assert EventType.objects.get(pk=event.event_type_id).key == "importedNew"
    assert event.key_value == "new@b.com"
    assert (event.params["EmailAddress"], event.params["SMS"]) == ("new@b.com", "")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "contacts"),
        ({"contacts": []}, "contacts"),
        ({"contacts": [mail("a@b.com")] * 3001}, "at most 3000"),
        ({"contacts": [mail("a@b.com")], "dedupeOn": "name"}, "dedupeOn: must be one of"),
        ({"contacts": [mail("a@b.com")], "dedupeOn": "fieldId"}, "fieldId"),
        ({"contacts": [mail("a@b.com")], "customFieldsIDs": [424242]}, "customFieldsIDs[0]"),
        ({"contacts": [mail("a@b.com")], "eventKeyForNewContacts": "a/b"}, "eventKeyForNewContacts"),
    ],
)
def test_a_request_that_cannot_be_taken(api, body, words):
    reply = api.post("contacts", body)
    assert reply.status_code == 400
    assert words in reply.text
    assert not ImportSession.objects.exists()


def test_nul_and_deep_nesting_do_not_spoil_the_rest(api):
    deep = json.loads("[" * 200 + "]" * 200)
    found = bulk(api, mail("a@b.com") | {"x": deep}, mail("b@b.com") | {"unknown": "a\0b"}, mail("c\0@b.com"))
    assert [entry["error"].split(":")[0] for entry in found["failedContacts"]] == [
        "contacts[0]",
        "contacts[2].channels[0].value",
    ]
    drain(registry["contact_imports"])
    assert Contact.objects.get().email == "b@b.com"


@pytest.mark.parametrize("session", ["b1946ac9-0000-4000-8000-000000000000", "nonsense", "1"])
def test_an_unknown_session(api, session):
    reply = api.get(f"importstatus/{session}")
    assert reply.status_code == 404
    assert "not found" in reply.text


def test_chunks_are_done_one_after_another(api, monkeypatch):
    from contacts.services import bulk as service

    monkeypatch.setattr(service, "CHUNK", 2)
    status = done(api, *[mail(f"p{n}@b.com") for n in range(5)])
    assert len(status["mapping"]) == 5
    assert ImportSession.objects.get().counts == {"created": 5}


def test_a_session_that_cannot_be_read_fails_alone(api):
    bad = bulk(api, mail("a@b.com"))["asyncSessionId"]
    ImportSession.objects.update(request={"nonsense": 1})
    good = bulk(api, mail("b@b.com"))["asyncSessionId"]
    drain(registry["contact_imports"])
    failed = api.get(f"importstatus/{bad}").json()
    assert failed["status"] == "ERROR"
    assert failed["description"]
    assert api.get(f"importstatus/{good}").json()["status"] == "FINISHED"


def test_the_guard_may_be_switched_on(api, settings):
    settings.API_GUARD_BULK = True
    assert api.post("contacts", {"contacts": [mail("a@b.com")]}).status_code == 200
    assert api.post("contacts", {"contacts": [mail("a@b.com")]}).status_code == 409
    assert ImportSession.objects.count() == 1
