"""Who may do what from the card, role by role."""

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client

from cdp.roles import ensure_roles
from contacts.models import (
    Contact,
)
from tests.contacts.card import CARD

pytestmark = pytest.mark.django_db


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
