"""Blocks of the card edited in place: each saves its own fields only, and says what somebody else changed meanwhile."""

import html
import json
import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from contacts.models import Contact, ContactField, FieldGroup
from tests.contacts.card import CARD, act, acts, card

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def address(person, block):
    return f"{CARD.format(person)}block/{block}/"


def opened(client, person, block):
    """The fields of a block as the form has them, ready to be sent."""
    text = client.get(address(person, block), headers=HTMX).text
    found = {
        name: html.unescape(value) for name, value in re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', text)
    }
    seen = re.search(r'name="seen" value="([^"]*)"', text)
    return json.loads(html.unescape(seen.group(1))) | {"seen": html.unescape(seen.group(1))} | found


def send(client, person, block, values):
    return client.post(address(person, block), values, headers=HTMX)


def test_it_works(admin_client, person):
    page = card(admin_client, person)
    for block in ("identifiers", "personal", "regional"):
        assert f'hx-get="{address(person, block)}"' in page
    values = opened(admin_client, person, "personal") | {"last_name": "Kovalenko", "town": "Lviv"}
    reply = send(admin_client, person, "personal", values)
    assert (reply.status_code, reply["HX-Refresh"]) == (204, "true")
    found = Contact.objects.get(pk=person)
    assert (found.first_name, found.last_name, found.town) == ("Olena", "Kovalenko", "Lviv")
    assert (found.external_id, found.email_norm) == ("X1", "e1@example.com")
    assert found.provenance["town"][1:] == ["manual", "admin"]
    assert "Contact saved." in card(admin_client, person)


def test_without_scripts_it_is_a_page_of_its_own(admin_client, person):
    page = admin_client.get(address(person, "regional"))
    assert "<html" in page.text
    reply = admin_client.post(address(person, "regional"), {"language": "uk", "time_zone": "", "seen": "{}"})
    assert (reply.status_code, reply.url) == (302, f"{CARD.format(person)}change/")
    bad = admin_client.post(address(person, "regional"), {"language": "ua", "seen": "no json"})
    assert (bad.status_code, "did you mean" in html.unescape(bad.text)) == (400, True)
    assert Contact.objects.get(pk=person).language == "uk"


def test_a_group_has_all_its_fields_filled_or_not(admin_client, person):
    group = FieldGroup.objects.get(key="PERSONAL")
    colours = ContactField.objects.create(
        group=group, name="Colours", key="COLOURS", type="multiselect", options=["Red", "Blue"]
    )
    birthday = ContactField.objects.get(key="BIRTHDAY")
    block = f"group-{group.pk}"
    values = {f"field_{birthday.pk}": "2000-01-02", f"field_{colours.pk}": ["Blue"], "seen": "{}"}
    assert send(admin_client, person, block, values).status_code == 204
    assert Contact.objects.get(pk=person).data == {str(birthday.pk): "2000-01-02", str(colours.pk): ["Blue"]}
    assert f'hx-get="{address(person, block)}"' in card(admin_client, person)
    other = ContactField.objects.create(group=group, name="Own", key="OWN", type="text")
    assert f'name="field_{other.pk}"' in admin_client.get(address(person, block), headers=HTMX).text


def test_a_conflict_shows_both_values_and_a_second_save_overwrites(admin_client, person):
    values = opened(admin_client, person, "personal") | {"town": "Lviv"}
    Contact.objects.filter(pk=person).update(town="Kyiv", first_name="Olha")
    reply = send(admin_client, person, "personal", values)
    assert reply.status_code == 200
    assert "Changed meanwhile to: Kyiv" in reply.text
    assert 'value="Lviv"' in reply.text
    assert Contact.objects.get(pk=person).town == "Kyiv"
    again = values | {"seen": html.unescape(re.search(r'name="seen" value="([^"]*)"', reply.text).group(1))}
    again["first_name"] = "Olha"
    assert send(admin_client, person, "personal", again).status_code == 204
    found = Contact.objects.get(pk=person)
    assert (found.town, found.first_name) == ("Lviv", "Olha")


def test_what_the_colleague_left_alone_stays_as_it_is_now(admin_client, person):
    values = opened(admin_client, person, "personal") | {"town": "Lviv"}
    Contact.objects.filter(pk=person).update(first_name="Olha")
    assert send(admin_client, person, "personal", values).status_code == 204
    found = Contact.objects.get(pk=person)
    assert (found.town, found.first_name) == ("Lviv", "Olha")


def test_faults_are_told_at_their_field_and_nothing_is_saved(admin_client, person):
    reply = send(
        admin_client, person, "identifiers", {"email": "nobody", "phone": "", "contact_key": "", "seen": "{}"}
    )
    assert (reply.status_code, "is not valid email" in html.unescape(reply.text)) == (200, True)
    found = Contact.objects.get(pk=person)
    assert (found.email_norm, found.phone is None) == ("e1@example.com", False)
    assert (
        send(
            admin_client,
            person,
            "identifiers",
            {"external_id": "X9", "email": "e1@example.com", "seen": "{}"},
        ).status_code
        == 204
    )
    assert Contact.objects.get(pk=person).external_id == "X1"  # set once
    assert acts(person) == []


@pytest.mark.parametrize("block", ["nonsense", "group-", "group-0", "group-99999999999999999999", "group-x"])
def test_there_is_no_such_block(admin_client, person, block):
    assert admin_client.get(address(person, block)).status_code == 404


def test_who_may_not_edit_has_no_pencil(client, admin_client, person):
    user = get_user_model().objects.create_user("bob", is_staff=True)
    for rights in (("view_contact", "change_contact"), ("view_contact", "view_personal_data")):
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client.force_login(get_user_model().objects.get(pk=user.pk))
        assert "/block/" not in card(client, person)
        assert client.get(address(person, "personal")).status_code == 403
        assert client.post(address(person, "personal"), {"town": "x"}).status_code == 403
    act(admin_client, person, "delete")
    assert "/block/" not in card(admin_client, person)
    assert admin_client.get(address(person, "personal")).status_code == 302
