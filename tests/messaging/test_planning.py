"""Every request becomes a delivery or a reason; the same cause never plans one address twice."""

from datetime import timedelta

import pytest

from contacts.models import Address, Contact, ContactList, SubscriptionCategory
from contacts.services.addresses import blacklist_address
from contacts.services.lists import add_to_list
from messaging.models import Activity, Delivery, Message
from messaging.services.content import save_message
from messaging.services.planning import preview_plan
from tests.contacts.people import NOW
from tests.messaging.mail import MONTH, message, people, person, plan

pytestmark = pytest.mark.django_db


def test_it_works():
    ids = people(3)
    outcomes = plan(message(), ids)
    assert [outcome.state for outcome in outcomes] == ["planned"] * 3
    rows = {row.pk: row for row in Delivery.objects.all()}
    assert [rows[o.delivery_id].contact_id for o in outcomes] == ids
    first = rows[outcomes[0].delivery_id]
    assert (first.endpoint, first.priority, first.language, first.cause_month) == (
        "p0@example.com",
        2,
        "en",
        MONTH,
    )
    assert first.connection_id is not None
    assert first.expires_at == NOW + timedelta(hours=72)


def test_planning_again_changes_nothing():
    chosen, ids = message(), people(3)
    Address.objects.filter(value="p2@example.com").update(status="unsubscribed")
    before = plan(chosen, ids)
    Address.objects.update(status="active")
    again = plan(chosen, ids)
    assert [outcome.state for outcome in again] == ["existing"] * 3
    assert [o.delivery_id for o in again] == [o.delivery_id for o in before]
    assert Delivery.objects.count() == 3
    other = plan(chosen, ids, cause_id=2)
    assert [outcome.state for outcome in other] == ["planned"] * 3
    assert [o.state for o in plan(chosen, ids, cause_id=2, slot="second")] == ["planned"] * 3


def test_two_contacts_with_one_address_get_one_copy():
    chosen = message()
    first = person("same@example.com")
    second = Contact.objects.create(
        email="same@example.com", email_norm="same@example.com", source="api", created_at=NOW, updated_at=NOW
    ).pk
    third = Contact.objects.create(
        email="same@example.com", email_norm="same@example.com", source="api", created_at=NOW, updated_at=NOW
    ).pk
    outcomes = plan(chosen, [first, second])
    assert [(o.state, o.reason) for o in outcomes] == [("planned", ""), ("skipped", "duplicate_endpoint")]
    [later] = plan(chosen, [third])
    assert (later.state, later.reason) == ("skipped", "duplicate_endpoint")
    found = set(Delivery.objects.values_list("endpoint", flat=True))
    assert found == {f"#{second}", f"#{third}", "same@example.com"}


@pytest.mark.parametrize(
    ("status", "reason", "is_transactional_sent"),
    [
        ("unsubscribed", "unsubscribed", True),
        ("unconfirmed", "not_confirmed", True),
        ("spam", "suppressed", True),
        ("blacklisted", "suppressed", False),
        ("blocked", "suppressed", False),
    ],
)
def test_address_status(status, reason, is_transactional_sent):
    contact = person("ann@example.com")
    if status == "blacklisted":
        blacklist_address(kind="email", value="ann@example.com", reason="", actor="test", now=NOW)
    else:
        Address.objects.filter(value="ann@example.com").update(status=status)
    [outcome] = plan(message(), [contact])
    assert (outcome.state, outcome.reason) == ("skipped", reason)
    [transactional] = plan(message(is_transactional=True), [contact], kind="workflow")
    assert transactional.state == ("planned" if is_transactional_sent else "skipped")
    [obligatory] = plan(message(), [contact], cause_id=3, is_obligatory=True)
    assert obligatory.state == ("planned" if is_transactional_sent else "skipped")
    assert Activity.objects.filter(kind="unavailable", reason=reason).exists()


def test_a_block_that_is_over():
    contact = person("ann@example.com")
    Address.objects.update(status="blocked", blocked_until=NOW - timedelta(days=1))
    assert plan(message(), [contact])[0].state == "planned"


def test_contacts_that_cannot_get_mail():
    ids = people(3)
    Contact.objects.filter(pk=ids[0]).update(state="deleted")
    Contact.objects.filter(pk=ids[1]).update(email=None, email_norm=None)
    Contact.objects.filter(pk=ids[2]).update(is_restricted=True)
    assert [o.reason for o in plan(message(), [*ids, 10**9])] == [
        "no_channel",
        "no_channel",
        "suppressed",
        "no_channel",
    ]


def test_categories():
    ids = people(2)
    members = ContactList.objects.create(name="News", created_at=NOW, updated_at=NOW)
    news = SubscriptionCategory.objects.create(
        name="News", key="news", list=members, created_at=NOW, updated_at=NOW
    )
    add_to_list(members.pk, ids[:1], now=NOW)
    chosen = message()
    chosen.categories.set([news])
    assert [o.reason for o in plan(chosen, ids)] == ["", "category"]


def test_languages():
    text = {"subject": "s", "preheader": "", "format": "html", "source": "<p>x</p>", "text": ""}
    chosen = save_message(message=Message(name="m"), content={"en": text, "uk": text}, now=NOW).message
    ids = [
        person("a@example.com", language="uk-UA"),
        person("b@example.com", language="de"),
        person("c@example.com"),
    ]
    plan(chosen, ids)
    plan(chosen, ids[2:], cause_id=2, language="uk")
    found = Delivery.objects.order_by("cause_id", "contact_id").values_list("language", flat=True)
    assert list(found) == ["uk", "en", "en", "uk"]


def test_a_draft_is_not_sent():
    text = {"subject": "", "preheader": "", "format": "html", "source": "<p>x</p>", "text": ""}
    draft = save_message(message=Message(name="m"), content={"en": text}, now=NOW).message
    [outcome] = plan(draft, people(1))
    assert (outcome.state, outcome.reason) == ("skipped", "rendering")


def test_queries_do_not_grow_with_the_batch(django_assert_max_num_queries):
    chosen, ids = message(), people(300)
    plan(chosen, ids[:1], cause_id=9)
    with django_assert_max_num_queries(14):
        plan(chosen, ids)


def test_a_preview_writes_nothing():
    from messaging.services.planning import DeliveryRequest

    ids = people(2)
    Address.objects.filter(value="p1@example.com").update(status="unsubscribed")
    chosen = message()
    requests = [
        DeliveryRequest(
            cause_kind="campaign", cause_id=1, cause_month=MONTH, contact_id=pk, message_id=chosen.pk
        )
        for pk in ids
    ]
    assert preview_plan(requests, now=NOW) == ["", "unsubscribed"]
    assert not Delivery.objects.exists()
