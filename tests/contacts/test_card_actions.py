"""What can be done to one person from the card: each action, its trace, and who may and who may not."""

import json
import re

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone

from cdp.engine import drain
from cdp.roles import ensure_roles
from contacts import persons
from contacts.models import (
    Address,
    AddressChange,
    Contact,
    ContactAudit,
    ContactList,
    ListMember,
    SubscriptionChoice,
)
from contacts.services.inputs import Token
from contacts.services.lists import add_to_list, ensure_lists
from contacts.services.merging import merge_contacts
from contacts.services.person_export import export_person
from contacts.services.upsert import Policy
from events.engines import EventProcessing
from messaging.models import Delivery
from tests.contacts.people import someone, upsert
from tests.events.inbox import accepted, event_type
from tests.messaging.mail import message
from tests.workflows.flows import node, row_of, workflow
from workflows.models import Run

pytestmark = pytest.mark.django_db
CARD = "/admin/contacts/contact/{}/"
ADDRESS = "e1@example.com"


@pytest.fixture
def person():
    [outcome] = upsert(someone("X1", "E1", "P1", fields={"first_name": "Olena"}))
    return outcome.contact_id


@pytest.fixture
def category():
    now = timezone.now()
    model = apps.get_model("contacts", "SubscriptionCategory")
    number = ensure_lists(["News"], now=now)["News"]
    return model.objects.create(name="News", key="news", list_id=number, created_at=now, updated_at=now)


def act(client, person, action, **values):
    return client.post(f"{CARD.format(person)}do/{action}/", values, follow=True)


def card(client, person):
    return client.get(f"{CARD.format(person)}change/").text


def status(value=ADDRESS):
    return Address.objects.get(value=value).status


def acts(person):
    return list(ContactAudit.objects.filter(contact_id=person).order_by("pk").values_list("action", "actor"))


# Addresses


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


# Other apps' actions


@pytest.fixture
def flow():
    return workflow(row_of(node("checkpoint", name="here")), is_active=False)


def launch(client, person, **values):
    return client.post(f"/admin/workflows/workflow/contact/{person}/launch/", values)


def test_a_workflow_is_chosen_and_launched(admin_client, person, flow):
    assert f"/admin/workflows/workflow/contact/{person}/launch/" in card(admin_client, person)
    asked = admin_client.get(f"/admin/workflows/workflow/contact/{person}/launch/")
    assert f'<option value="{flow.pk}">Flow' in asked.text
    assert launch(admin_client, person, workflow=flow.pk, params='{"total": 5}').status_code == 302
    run = Run.objects.get()
    assert (run.person_id, run.context["params"]) == (person, {"total": 5})
    assert acts(person) == [("launched", "admin")]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Choose one of the workflows."),
        ({"workflow": "x"}, "Choose one of the workflows."),
        ({"workflow": "9" * 30}, "Choose one of the workflows."),
        ({"params": "[1]"}, "no JSON object"),
        ({"params": "{"}, "no JSON object"),
        ({"params": '{"a": NaN}'}, "no JSON object"),
        ({"params": '{"a": "\\u0000"}'}, "no JSON object"),
        ({"params": "[" * 20_000}, "no JSON object"),
    ],
)
def test_a_launch_that_cannot_be_is_refused_in_words(admin_client, person, flow, values, words):
    values = ({"workflow": flow.pk} if "params" in values else {}) | values
    page = launch(admin_client, person, **values)
    assert page.status_code == 400
    assert words in page.text
    assert not Run.objects.exists()
    assert acts(person) == []


def test_a_deleted_contact_and_a_paused_workflow_are_not_launched(admin_client, person, flow):
    act(admin_client, person, "delete")
    assert "Restore it first" in launch(admin_client, person, workflow=flow.pk).text
    act(admin_client, person, "restore")
    flow.status = "paused"
    flow.save()
    assert launch(admin_client, person, workflow=flow.pk).status_code == 400
    assert not Run.objects.exists()


def test(client, person, **values):
    return client.post(f"/admin/messaging/message/contact/{person}/test/", values)


test.__test__ = False


def test_a_test_goes_to_the_contact_marked_as_one(admin_client, person):
    made = message()
    page = admin_client.get(f"/admin/messaging/message/contact/{person}/test/").text
    assert f'<option value="{made.pk}">Welcome' in page
    assert test(admin_client, person, message=made.pk).status_code == 302
    row = Delivery.objects.get()
    assert (row.contact_id, row.endpoint, row.is_test, row.state) == (person, ADDRESS, True, "planned")
    assert acts(person) == [("tested", "admin")]
    assert "Welcome" in admin_client.get(f"{CARD.format(person)}activity/?kind=messages").text


def test_who_unsubscribed_gets_no_test(admin_client, person):
    made = message()
    act(admin_client, person, "unsubscribe", address="email", sure="yes")
    page = test(admin_client, person, message=made.pk)
    assert page.status_code == 400
    assert "Not sent: Unsubscribed" in page.text
    assert "Choose one of the messages." in test(admin_client, person, message="x").text
    assert not Delivery.objects.exists()


# The file with a person's data


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


# What the card shows


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


# Rights

ALLOWED = {
    "boss": {"delete", "erase", "add-to-list", "unsubscribe", "blacklist", "unblacklist", "export", "launch", "test", "merge"},
    "Marketer": {"delete", "erase", "add-to-list", "unsubscribe", "export", "launch", "test", "merge"},
    "Viewer": set(), "Integrator": set(),
}  # fmt: skip


def as_role(name):
    client = Client()
    user = get_user_model().objects.create_user(name.lower(), is_staff=True, is_superuser=name == "boss")
    if name != "boss":
        ensure_roles()
        user.groups.add(Group.objects.get(name=name))
    client.force_login(user)
    return client


@pytest.mark.parametrize("role", list(ALLOWED))
def test_every_action_as_each_role(role, person, flow):
    client = as_role(role)
    base = CARD.format(person)
    addresses = {
        "export": f"{base}export/", "merge": f"{base}merge/", "launch": f"/admin/workflows/workflow/contact/{person}/launch/",
        "test": f"/admin/messaging/message/contact/{person}/test/",
    }  # fmt: skip
    for action in sorted(ALLOWED["boss"]):
        answer = client.post(
            addresses.get(action, f"{base}do/{action}/"), {"address": "email", "name": "VIP"}
        )
        assert (answer.status_code != 403) == (action in ALLOWED[role]), action
        if action == "delete":
            Contact.objects.filter(pk=person).update(state="active")
    page = client.get(f"{base}change/")
    assert page.status_code == (403 if role == "Integrator" else 200)
    buttons = {
        "Export data": "export", "Erase…": "erase", "Blacklist…": "blacklist", "Unsubscribe…": "unsubscribe",
        "Launch workflow…": "launch", "Send test…": "test", "Merge…": "merge", "card-lists": "add-to-list",
    }  # fmt: skip
    shown = {action for words, action in buttons.items() if words in page.text}
    assert shown == ALLOWED[role] & set(buttons.values())


def test_nothing_is_done_without_the_token_of_the_form(person, flow):
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("boss"))
    for address in (
        f"{CARD.format(person)}do/delete/", f"{CARD.format(person)}export/",
        f"/admin/workflows/workflow/contact/{person}/launch/", f"/admin/messaging/message/contact/{person}/test/",
    ):  # fmt: skip
        assert client.post(address).status_code == 403
    assert Contact.objects.get(pk=person).state == "active"


def test_a_file_of_others_needs_both_rights(person):
    user = get_user_model().objects.create_user("ann", is_staff=True)
    client = Client()
    client.force_login(user)
    permissions = apps.get_model("auth", "Permission").objects
    for rights, allowed in ((["view_contact", "export_contact"], False), (["view_contact", "view_personal_data"], False),
                            (["view_contact", "export_contact", "view_personal_data"], True)):  # fmt: skip
        user.user_permissions.set(permissions.filter(codename__in=rights))
        assert (client.post(f"{CARD.format(person)}export/").status_code == 200) == allowed
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM contacts_contactaudit WHERE action = 'exported'")
        assert cursor.fetchone()[0] == 1
