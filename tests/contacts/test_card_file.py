"""The file with a person's data: what it holds, who may have it."""

import json

import pytest
from django.utils import timezone

from cdp.engine import drain
from contacts import persons
from contacts.models import (
    Contact,
)
from contacts.services.lists import add_to_list, ensure_lists
from contacts.services.merging import merge_contacts
from contacts.services.person_export import export_person
from events.engines import EventProcessing
from tests.contacts.card import CARD, act, acts
from tests.contacts.people import someone, upsert
from tests.events.inbox import accepted, event_type

pytestmark = pytest.mark.django_db


def test_the_file_holds_everything_of_the_person_and_nothing_of_others(admin_client, person, category):
    now = timezone.now()
    other, merged = (o.contact_id for o in upsert(someone("X2", "E2"), someone("X3", "E3", "T3")))
    add_to_list(ensure_lists(["VIP"], now=now)["VIP"], [person, other], now=now)
    event_type("Seen")
    for who in ("X1", "X2", "X3"):
        accepted(event_type("Seen"), external_id=who, params={"who": f"secret-{who}", "text": 'ä"\n'})
    drain(EventProcessing())
    merge_contacts(person, [merged], reason="twice", actor="ann", now=now)
    act(admin_client, person, "unsubscribe", address="email", sure="yes", reason="too often")
    answer = admin_client.post(f"{CARD.format(person)}export/")
    assert answer["Content-Disposition"] == f'attachment; filename="contact-{person}.json"'
    assert "no-store" in answer["Cache-Control"]
    text = b"".join(answer.streaming_content).decode()
    found = json.loads(text)
    assert found["contact"]["first_name"] == "Olena"
    assert [row["status"] for row in found["addresses"] if row["kind"] == "email"] == ["unsubscribed"]
    assert list(found["lists"].values()) == ["VIP"]
    assert "Seen" in found["event_types"].values()
    seen = {row["params"]["who"] for row in found["tables"]["events_event"]}
    assert seen == {"secret-X1", "secret-X3"}
    assert {row["value"] for row in found["tables"]["contacts_key"]} >= {"X1", "T3"}
    assert set(found["tables"]) == {table.table for table in persons.registry.values()}
    assert "secret-X2" not in text
    assert "e2@example.com" not in text
    assert ("exported", "admin") in acts(person)


def test_the_file_is_read_by_parts(person, monkeypatch):
    monkeypatch.setattr("contacts.services.person_export.PART", 3)
    for n in range(10):
        accepted(event_type("Seen"), external_id="X1", minutes=n)
    drain(EventProcessing())
    with export_person(person, actor="ann", now=timezone.now()) as file:
        assert len(json.load(file)["tables"]["events_event"]) == 10


def test_nobody_has_no_file(admin_client, person):
    with pytest.raises(Contact.DoesNotExist):
        export_person(10**9, actor="ann", now=timezone.now())
    assert admin_client.post(f"{CARD.format(10**9)}export/").status_code == 404
    assert admin_client.get(f"{CARD.format(person)}export/").status_code == 405
    act(admin_client, person, "erase", sure="yes")
    assert admin_client.post(f"{CARD.format(person)}export/").status_code == 410
