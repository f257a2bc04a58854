"""The frame around every page: the way to it, what is lit, errors told inside it."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from cdp.admin.colleagues import visible_rights
from tests.contacts.people import someone, upsert

pytestmark = pytest.mark.django_db


def lit(page: str) -> list[str]:
    """Addresses of the lit entries of the navigation."""
    links = re.findall(r"<a ([^>]*)>", page)
    return [
        re.search(r'href="([^"]*)"', link)[1]
        for link in links
        if 'class="active" aria-current="page"' in link
    ]


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("contacts/contact/?view=deleted", "/admin/contacts/contact/"),
        ("contacts/contact/add/", "/admin/contacts/contact/"),
        ("contacts/fieldgroup/add/", "/admin/contacts/contactfield/"),
        ("events/event/", "/admin/events/event/"),
        ("events/event/live/", "/admin/events/event/live/"),
        ("events/quarantinedevent/", "/admin/events/event/"),
        ("events/rejectedevent/", "/admin/events/event/"),
        ("django_celery_beat/crontabschedule/", "/admin/django_celery_beat/periodictask/"),
    ],
)
def test_exactly_the_entry_of_the_page_is_lit(admin_client, address, entry):
    assert lit(admin_client.get(f"/admin/{address}").text) == [entry]


def test_the_way_to_a_page_is_group_list_record(admin_client):
    [outcome] = upsert(someone("X7", "E1", fields={"first_name": "Olena", "last_name": "Kovalenko"}))
    heading = (
        admin_client.get(f"/admin/contacts/contact/{outcome.contact_id}/change/")
        .text.split("<h1>")[1]
        .split("</h1>")[0]
    )
    assert [word for word in ("Audience", "/admin/contacts/contact/", "Olena Kovalenko") if word in heading] == [
        "Audience", "/admin/contacts/contact/", "Olena Kovalenko",
    ]  # fmt: skip
    assert "auth" not in admin_client.get("/admin/auth/user/").text.split("<h1>")[1].split("</h1>")[
        0
    ].lower().replace("/auth/", "")


@pytest.mark.parametrize("app", ["contacts", "events", "auth", "cdp", "django_celery_beat"])
def test_the_address_of_an_app_leads_to_a_list(admin_client, app):
    reply = admin_client.get(f"/admin/{app}/")
    assert reply.status_code == 302
    assert reply["Location"].startswith(f"/admin/{app}/")
    assert admin_client.get(reply["Location"], follow=True).status_code == 200


def test_a_page_without_its_right_names_the_right_and_the_roles(client):
    user = get_user_model().objects.create_user("ann", is_staff=True)
    right = Permission.objects.get(codename="view_apikey")
    Group.objects.create(name="Integrators").permissions.add(right)
    client.force_login(user)
    page = client.get("/admin/partners/apikey/")
    assert page.status_code == 403
    assert right.name in page.text
    assert "Integrators" in page.text


def test_an_address_of_nothing_is_told_in_the_frame_to_colleagues_only(admin_client, client):
    inside = admin_client.get("/admin/no/such/page/")
    assert (inside.status_code, "nav-sidebar" in inside.text) == (404, True)
    outside = client.get("/no/such/page/")
    assert (outside.status_code, "nav-sidebar" in outside.text) == (404, False)


# Users and roles


@pytest.fixture
def manager(client):
    """A colleague who may change users, and is no administrator."""
    user = get_user_model().objects.create_user("manager", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    client.force_login(user)
    return client


def form_of(user, **values):
    return {
        "username": user.username,
        "first_name": "",
        "last_name": "",
        "email": "",
        "is_active": "on",
        "is_staff": "on",
    } | values


def test_only_an_administrator_makes_an_administrator(manager, admin_client):
    user = get_user_model().objects.create_user("bob", is_staff=True)
    address = f"/admin/auth/user/{user.pk}/change/"
    assert manager.post(address, form_of(user, is_superuser="on", first_name="Bob")).status_code == 302
    user.refresh_from_db()
    assert (user.first_name, user.is_superuser) == ("Bob", False)
    assert admin_client.post(address, form_of(user, is_superuser="on")).status_code == 302
    user.refresh_from_db()
    assert user.is_superuser


def test_an_administrator_is_changed_by_administrators_only(manager):
    boss = get_user_model().objects.create_superuser("boss", "", "x")
    assert (
        manager.post(
            f"/admin/auth/user/{boss.pk}/change/", form_of(boss, email="mine@example.com")
        ).status_code
        == 403
    )
    assert (
        manager.post(
            f"/admin/auth/user/{boss.pk}/password/", {"password1": "a1b2c3d4e5", "password2": "a1b2c3d4e5"}
        ).status_code
        == 403
    )
    boss.refresh_from_db()
    assert boss.email == ""
    assert boss.check_password("x")


def test_saving_a_role_keeps_the_rights_its_grid_does_not_show(admin_client):
    role = Group.objects.create(name="Old")
    shown = Permission.objects.get(codename="view_event")
    hidden = Permission.objects.get(codename="view_session")
    assert shown in visible_rights()
    assert hidden not in visible_rights()
    role.permissions.set([shown, hidden])
    other = Permission.objects.get(codename="view_contact")
    assert (
        admin_client.post(
            f"/admin/auth/group/{role.pk}/change/", {"name": "New", "permissions": [other.pk]}
        ).status_code
        == 302
    )
    assert set(role.permissions.all()) == {other, hidden}


def test_a_schedule_needs_one_way_of_timing(admin_client):
    values = {
        "name": "every now and then",
        "task": "partners.forget_fingerprints",
        "enabled": "on",
        "description": "",
    }
    page = admin_client.post("/admin/django_celery_beat/periodictask/add/", values)
    assert page.status_code == 200
    assert "Choose clock times or an interval" in page.text


def test_a_list_that_is_too_long_to_count_says_about_how_many(admin_client, monkeypatch):
    monkeypatch.setattr("cdp.ui.admin.COUNT_LIMIT", 2)
    monkeypatch.setattr("cdp.ui.admin.NARROWED_LIMIT", 2)
    monkeypatch.setattr("cdp.ui.admin.estimate_of", lambda _model: 1_234_567)
    monkeypatch.setattr("contacts.admin.contact.ContactAdmin.list_per_page", 1)
    upsert(*(someone(f"X{n}", f"E{n}") for n in range(3)))
    assert "≈ 1.2 M" in admin_client.get("/admin/contacts/contact/").text
    assert "2+" in admin_client.get("/admin/contacts/contact/?q=example").text
