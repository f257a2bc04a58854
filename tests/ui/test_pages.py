"""Every screen of the navigation opens for those who may see it, and shows what it is for."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from cdp.models import Account
from tests.contacts.people import someone, upsert
from tests.events.inbox import event_type

pytestmark = pytest.mark.django_db

PAGES = {
    "contacts/contact/": "view_contact",
    "contacts/contact/?q=olena": "view_contact",
    "contacts/duplicatepair/": "view_duplicatepair",
    "contacts/contactjob/": "view_contactjob",
    "contacts/contactfield/": "view_contactfield",
    "contacts/fieldgroup/": "view_fieldgroup",
    "events/eventtype/": "view_eventtype",
    "segments/segment/": "view_segment",
    "cdp/account/1/change/": "view_account",
    "partners/apikey/": "view_apikey",
    "cdp/enginestate/": "view_enginestate",
}


@pytest.fixture
def olena():
    [outcome] = upsert(
        someone("X7", "E1", fields={"first_name": "Olena", "last_name": "Kovalenko"}), someone("X8", "E2")
    )[:1]
    return outcome.contact_id


@pytest.mark.parametrize("page", ["", *PAGES])
def test_page_opens(admin_client, page):
    assert admin_client.get(f"/admin/{page}").status_code == 200


@pytest.mark.parametrize(("page", "right"), PAGES.items())
def test_a_page_opens_only_with_its_right(client, page, right):
    user = get_user_model().objects.create_user("ann", is_staff=True)
    client.force_login(user)
    assert client.get(f"/admin/{page}").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename=right))
    assert client.get(f"/admin/{page}").status_code == 200


def test_the_navigation_shows_only_what_may_be_opened(client):
    user = get_user_model().objects.create_user("ann", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_contact"))
    client.force_login(user)
    page = client.get("/admin/").text
    assert "/admin/contacts/contact/" in page
    assert "/admin/partners/apikey/" not in page


def test_the_list_shows_people_and_the_search_narrows_it(admin_client, olena):
    everybody = admin_client.get("/admin/contacts/contact/").text
    found = admin_client.get("/admin/contacts/contact/?q=kovalenko").text
    assert "Olena Kovalenko" in everybody
    assert "e2@example.com" in everybody
    assert "Olena Kovalenko" in found
    assert "e2@example.com" not in found


def test_a_card_shows_the_person_and_offers_no_input(admin_client, olena):
    page = admin_client.get(f"/admin/contacts/contact/{olena}/change/")
    assert page.status_code == 200
    assert "e1@example.com" in page.text
    assert 'name="first_name"' not in page.text
    refused = admin_client.post(f"/admin/contacts/contact/{olena}/change/", {"first_name": "Eve"})
    assert refused.status_code == 403


def test_event_types_are_listed(admin_client):
    event_type("CartUpdated")
    assert "CartUpdated" in admin_client.get("/admin/events/eventtype/").text


ACCOUNT = {
    "organisation_name": "Shop",
    "user_email": "me@shop.com",
    "time_zone": "Europe/Kyiv",
    "language": "uk",
    "currency": "UAH",
    "event_retention_days": "730",
    "blocked_identifiers": "[]",
}


def test_the_account_is_saved(admin_client):
    assert admin_client.post("/admin/cdp/account/1/change/", ACCOUNT).status_code == 302
    account = Account.objects.get()
    assert (account.organisation_name, account.time_zone, account.currency) == ("Shop", "Europe/Kyiv", "UAH")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("time_zone", "Mars/Base", "is not a name of the TZ database"),
        ("currency", "uah", "three-letter code"),
        ("blocked_identifiers", "5", "must be a list of texts"),
        ("blocked_identifiers", "[1]", "must be a list of texts"),
        ("language", "ukrainian", "Use a tag such as en"),
        ("user_email", "nobody", "valid email"),
    ],
)
def test_a_bad_setting_is_refused_at_its_field(admin_client, field, value, words):
    page = admin_client.post("/admin/cdp/account/1/change/", ACCOUNT | {field: value})
    assert page.status_code == 200
    assert words in page.text
    assert Account.objects.get().organisation_name != "Shop"


def test_the_first_steps_are_hidden_for_good_by_who_may_change_the_account(admin_client, client):
    assert 'id="steps"' in admin_client.get("/admin/").text
    hide = reverse("admin:hide_first_steps")
    assert admin_client.get(hide).status_code == 405
    viewer = get_user_model().objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_account"))
    client.force_login(viewer)
    assert client.post(hide).status_code == 403
    assert hide not in client.get("/admin/").text

    admin_client.post(hide)
    assert 'id="steps"' not in admin_client.get("/admin/").text
