"""What is done from the card to addresses, lists and categories: each act, its trace, what the card says."""

import re

import pytest
from django.utils import timezone

from contacts.models import (
    Address,
    AddressChange,
    Contact,
    ContactList,
    ListMember,
    SubscriptionChoice,
)
from contacts.services.inputs import Token
from contacts.services.lists import add_to_list, ensure_lists
from contacts.services.upsert import Policy
from tests.contacts.card import ADDRESS, CARD, act, acts, card, status
from tests.contacts.people import someone, upsert

pytestmark = pytest.mark.django_db


def test_staff_unsubscribes_with_a_reason_and_the_card_names_who(admin_client, person):
    asked = act(admin_client, person, "unsubscribe", address="email")
    assert "you cannot take this back" in asked.text
    assert 'name="reason"' in asked.text
    assert status() == "active"
    done = act(admin_client, person, "unsubscribe", address="email", sure="yes", reason="asked by phone\0")
    assert "The address is unsubscribed." in done.text
    row = Address.objects.get(value=ADDRESS)
    assert (row.status, row.reason, row.actor) == ("unsubscribed", "asked by phone", "admin")
    assert "asked by phone · by admin" in done.text
    assert "Unsubscribe…" not in re.sub(r".*Phone", "", card(admin_client, person).split("Phone")[0])
    assert AddressChange.objects.get().person_id == person
    assert acts(person) == [("unsubscribed", "admin")]


def test_nothing_a_colleague_can_do_subscribes_an_address_again(admin_client, person):
    act(admin_client, person, "unsubscribe", address="email", sure="yes")
    for action in ("blacklist", "unblacklist", "delete", "restore", "unsubscribe"):
        act(admin_client, person, action, address="email", sure="yes")
        assert status() == "unsubscribed", action
    values = {"first_name": "Olena", "external_id": "X1", "phone": "+380500000001"}
    for email in ("other@example.com", ADDRESS):
        admin_client.post(f"{CARD.format(person)}edit/", values | {"email": email})
        assert Contact.objects.get(pk=person).email == email
    assert status() == "unsubscribed"
    assert admin_client.post(f"{CARD.format(person)}do/resubscribe/").status_code == 404


def test_an_administrator_blacklists_and_takes_off_again(admin_client, person):
    act(admin_client, person, "blacklist", address="phone", sure="yes", reason="a fax")
    assert status("380500000001") == "blacklisted"
    page = card(admin_client, person)
    assert "ui-struck" in page
    assert "a fax · by admin" in page
    act(admin_client, person, "unblacklist", address="phone")
    assert status("380500000001") == "active"
    assert acts(person) == [("blacklisted", "admin"), ("unblacklisted", "admin")]


def test_a_blacklist_behind_an_opt_out_is_shown_and_can_be_taken_off(admin_client, person):
    for action in ("unsubscribe", "blacklist"):
        act(admin_client, person, action, address="email", sure="yes")
    page = card(admin_client, person)
    assert "blacklisted as well" in page
    assert "Take off the blacklist" in page
    act(admin_client, person, "unblacklist", address="email")
    assert not Address.objects.get(value=ADDRESS).is_blacklisted


# Lists and categories


def test_a_list_is_joined_and_left(admin_client, person):
    now = timezone.now()
    ensure_lists(["VIP"], now=now)
    assert '<option value="VIP">' in card(admin_client, person)
    done = act(admin_client, person, "add-to-list", name=" VIP ")
    assert "Added to the list VIP." in done.text
    assert '<option value="VIP">' not in done.text
    assert "already" in act(admin_client, person, "add-to-list", name="VIP").text
    number = ContactList.objects.get(name="VIP").pk
    assert "Removed from the list VIP." in act(admin_client, person, "leave-list", list=number).text
    assert "not on the list VIP any more" in act(admin_client, person, "leave-list", list=number).text
    assert acts(person) == [("listed", "admin"), ("unlisted", "admin")]
    activity = admin_client.get(f"{CARD.format(person)}activity/?kind=contact").text
    assert "Added to a list" in activity
    assert "VIP · admin" in activity


def test_a_category_is_left_but_never_joined_by_a_colleague(admin_client, person, category):
    add_to_list(category.list_id, [person], now=timezone.now())
    assert "Subscribed" in card(admin_client, person)
    act(admin_client, person, "leave-list", list=category.list_id)
    assert SubscriptionChoice.objects.get().is_subscribed is False
    assert "News" in card(admin_client, person)
    again = act(admin_client, person, "add-to-list", name="News")
    assert "only the person can subscribe to it" in again.text
    assert not ListMember.objects.filter(contact_id=person).exists()
    assert SubscriptionChoice.objects.get().is_subscribed is False


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("add-to-list", {}), ("add-to-list", {"name": "\0"}), ("add-to-list", {"name": "x" * 256}),
        ("leave-list", {"list": "²"}), ("leave-list", {"list": "9" * 30}), ("leave-list", {}),
        ("unsubscribe", {"address": "pigeon", "sure": "yes"}), ("blacklist", {"address": "key", "sure": "yes"}),
    ],
)  # fmt: skip
def test_values_that_mean_nothing_change_nothing(admin_client, person, action, values):
    page = act(admin_client, person, action, **values)
    assert page.status_code == 200
    assert acts(person) == []
    assert not AddressChange.objects.exists()


def test_a_deleted_contact_is_only_restored_or_erased(admin_client, person):
    act(admin_client, person, "delete")
    for action, values in (
        ("add-to-list", {"name": "VIP"}),
        ("unsubscribe", {"address": "email", "sure": "yes"}),
    ):
        assert "not in a state for it" in act(admin_client, person, action, **values).text
    assert not ListMember.objects.exists()
    assert status() == "active"


def test_tokens_stand_under_their_application(admin_client, person):
    tokens = [("phone-a", "com.shop"), ("phone-b", "com.shop"), ("site", "shop.example.com")]
    values = tuple(
        Token(kind="web" if value == "site" else "mobile", value=value, scope=scope)
        for value, scope in tokens
    )
    upsert(someone("X1", tokens=values), policy=Policy.SDK)
    page = card(admin_client, person)
    block = page.split("Applications and devices")[1].split("</section>")[0]
    order = [block.index(word) for word in ("com.shop", "phone-b", "phone-a", "shop.example.com", "site")]
    assert order[0] < min(order[1:3])
    assert max(order[1:3]) < order[3]


def test_the_reason_of_every_state_is_told(admin_client, person):
    now = timezone.now()
    Address.objects.filter(value=ADDRESS).update(
        status="blocked", reason="452 mailbox full", actor="bounces", status_at=now, blocked_until=now
    )
    page = card(admin_client, person)
    for words in ("Blocked for a while", "452 mailbox full", "by bounces"):
        assert words in page
