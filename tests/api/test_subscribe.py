"""`POST contact/subscribe` and subscription categories (API document, 8, 9.8, 9.9)."""

from datetime import UTC, datetime

import pytest

from cdp.engine import drain, registry
from contacts.models import Address, Contact, ContactList, SubscriptionCategory, SubscriptionChoice
from events.models import Event, EventType, InboxEvent
from tests.api.test_contact import add

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EMAIL = {"type": "email", "value": "olena@example.com"}


@pytest.fixture
def news():
    made = ContactList.objects.create(name="News", created_at=NOW, updated_at=NOW)
    return SubscriptionCategory.objects.create(
        name="News", key="news", list=made, created_at=NOW, updated_at=NOW
    )


def test_it_works(api, news):
    reply = api.post(
        "contact/subscribe",
        {
            "contact": {"firstName": "Olena", "channels": EMAIL}, "groups": ["From site"], "subscriptions": ["news"],
            "formType": "footer", "dedupeOn": "email", "fields": None,
        },
    )  # fmt: skip
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert found == {"id": found["id"], "emailStatus": "NEED_CONFIRMATION", "new": True}
    assert Address.objects.get(kind="email").status == "unconfirmed"
    assert [group["name"] for group in api.get(f"contact/{found['id']}").json()["groups"]] == [
        "News",
        "From site",
    ]
    assert Contact.objects.get().source == "subscription"
    event = InboxEvent.objects.get()
    assert EventType.objects.get(pk=event.event_type_id).key == "subscribeFromApi-footer"
    assert event.key_value == str(found["id"])
    assert event.params == {"ContactId": found["id"], "EmailAddress": "olena@example.com"}


def test_the_event_reaches_the_contact(api):
    made = api.post("contact/subscribe", {"contact": {"channels": EMAIL}}).json()["id"]
    drain(registry["events"])
    assert Event.objects.get().person_id == made


def test_a_known_contact_keeps_its_channels(api):
    made = add(api, channels=[EMAIL, {"type": "sms", "value": "380500000001"}])
    body = {"contact": {"channels": [EMAIL, {"type": "sms", "value": "380500000002"}], "lastName": "K"}}
    reply = api.post("contact/subscribe", body).json()
    assert reply == {"id": made, "emailStatus": "ALREADY_SUBSCRIBED", "new": False}
    found = api.get(f"contact/{made}").json()
    assert [channel["value"] for channel in found["channels"]] == ["olena@example.com", "380500000001"]
    assert found["lastName"] == "K"
    assert EventType.objects.get(pk=InboxEvent.objects.get().event_type_id).key == "subscribeUpdateFromApi"


def test_another_address_of_a_known_contact_is_passed_over(api):
    made = add(
        api, channels=[{"type": "email", "value": "old@b.com"}, {"type": "sms", "value": "380500000001"}]
    )
    body = {"contact": {"channels": [EMAIL, {"type": "sms", "value": "380500000001"}]}}
    assert api.post("contact/subscribe", body).json() == {"id": made, "new": False}
    assert not Address.objects.filter(value="olena@example.com").exists()


def test_only_a_phone(api):
    reply = api.post(
        "contact/subscribe", {"contact": {"channels": [{"type": "sms", "value": "380500000001"}]}}
    ).json()
    assert set(reply) == {"id", "new"}
    assert "EmailAddress" not in InboxEvent.objects.get().params


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        ("unsubscribed", "NEED_CONFIRMATION", "unconfirmed"),
        ("unconfirmed", "NEED_CONFIRMATION", "unconfirmed"),
        ("blacklisted", "BLACKLISTED", "blacklisted"),
        ("spam", "BLACKLISTED", "spam"),
    ],
)
def test_the_address_keeps_what_it_was(api, before, answer, after):
    add(api, channels=[EMAIL])
    Address.objects.update(status=before)
    assert api.post("contact/subscribe", {"contact": {"channels": EMAIL}}).json()["emailStatus"] == answer
    assert Address.objects.get().status == after


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "contact: is required"),
        ({"contact": {"firstName": "X"}}, "contact.channels"),
        ({"contact": {"externalCustomerId": "1"}}, "contact.channels"),
        ({"contact": {"channels": [{"type": "email", "value": "x@"}]}}, "contact.channels[0].value"),
        ({"contact": {"channels": EMAIL}, "formType": "a/b"}, "formType"),
        ({"contact": {"channels": EMAIL}, "subscriptions": ["nope"]}, "subscriptions[0]"),
    ],
)
def test_refusals_leave_nothing(api, body, words):
    reply = api.post("contact/subscribe", body)
    assert reply.status_code == 400
    assert words in reply.text
    assert not Contact.objects.exists()
    assert not InboxEvent.objects.exists()
    assert not Address.objects.exists()


def test_a_repeat_within_a_minute(api):
    assert api.post("contact/subscribe", {"contact": {"channels": EMAIL}}).status_code == 200
    assert api.post("contact/subscribe", {"contact": {"channels": EMAIL}}).status_code == 409
    assert InboxEvent.objects.count() == 1


def test_categories_of_a_contact(api, news):
    made = add(api, externalCustomerId="1")
    assert api.get(f"contact/{made}/subscriptions").json() == []
    reply = api.put(f"contact/{made}/subscriptions", {"subscriptions": "news"})
    assert reply.status_code == 200
    assert reply.text
    row = {"id": news.pk, "key": "news", "groupId": news.list_id, "name": "News"}
    assert api.get(f"contact/{made}/subscriptions").json() == [row]
    [category] = api.get("subscriptions").json()
    assert (category["key"], category["contactsCount"], category["groupId"]) == ("news", 1, news.list_id)
    assert api.put(f"contact/{made}/subscriptions", []).status_code == 200
    assert api.get(f"contact/{made}/subscriptions").json() == []
    assert SubscriptionChoice.objects.get().is_subscribed is False


@pytest.mark.parametrize(("body", "status"), [({"subscriptions": ["nope"]}, 400), ({}, 400), ("5", 400)])
def test_bad_categories(api, body, status):
    made = add(api, externalCustomerId="1")
    assert api.put(f"contact/{made}/subscriptions", body).status_code == status
    assert api.put("contact/424242/subscriptions", {"subscriptions": []}).status_code == 404
