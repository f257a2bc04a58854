"""Saved views and columns of the contact list: one's own, shared ones, and what others may do with them."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from contacts.models import ContactField, FieldGroup, ListChoice, SavedView
from contacts.services.views import MOST_COLUMNS, MOST_VIEWS
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db
LIST = "/admin/contacts/contact/"


def colleague(client_of, name, *rights):
    user = get_user_model().objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_contact", *rights]))
    client_of.force_login(user)
    return user


@pytest.fixture
def olha(client):
    return colleague(client, "olha")


def save(client, name="No phone", query="phone=none&view=all", **more):
    return client.post(f"{LIST}views/", {"name": name, "query": query, **more})


def test_a_view_is_saved_shown_and_opens_its_filter(client, olha):
    upsert(someone("E1", fields={"first_name": "Ann"}), someone("E2", "P2", fields={"first_name": "Bob"}))
    reply = save(client)
    view = SavedView.objects.get()
    assert (view.owner, view.params, view.is_shared) == (olha, {"phone": "none", "view": "all"}, False)
    assert reply.url == f"{LIST}?phone=none&view=all&saved={view.pk}"
    page = client.get(reply.url).content.decode()
    assert f'saved={view.pk}" class="ui-view is-current" aria-current="page">No phone</a>' in page
    assert page.count('aria-current="page">') == 1


def test_saving_again_under_the_name_changes_the_view(client, olha):
    save(client)
    save(client, query="email=none")
    assert SavedView.objects.get().params == {"email": "none"}


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("", "phone=none"),
        ("a" * 61, "phone=none"),
        ("Empty", ""),
        ("Bad", "phone=pigeon"),
        ("\0", "phone=none"),
    ],
)
def test_what_cannot_be_saved_is_told(client, olha, name, query):
    reply = client.post(f"{LIST}views/", {"name": name, "query": query}, follow=True)
    assert "Not saved" in reply.content.decode()
    assert not SavedView.objects.exists()


def test_no_more_views_than_fit(client, olha):
    for number in range(MOST_VIEWS):
        SavedView.objects.create(owner=olha, name=f"V{number}", params={"q": "x"}, created_at=NOW)
    save(client)
    assert SavedView.objects.count() == MOST_VIEWS


def test_a_view_is_a_colleagues_own_until_it_is_shared(client, olha, django_user_model):
    save(client, name="Mine")
    save(client, name="Ours", shared="on")
    mine, ours = SavedView.objects.order_by("name")
    colleague(client, "ihor")
    page = client.get(f"{LIST}?view=all").content.decode()
    assert ">Ours</a>" in page
    assert ">Mine</a>" not in page
    assert client.post(f"{LIST}views/{mine.pk}/", {"name": "Taken"}).status_code == 404
    assert client.post(f"{LIST}views/{mine.pk}/", {"delete": "1"}).status_code == 403
    assert client.post(f"{LIST}views/{ours.pk}/", {"delete": "1"}).status_code == 403
    client.post(f"{LIST}views/{ours.pk}/", {"name": "Taken", "opens": "on"})
    ours.refresh_from_db()
    assert (ours.name, ours.is_shared) == ("Ours", True)
    assert client.get(LIST).url == f"?phone=none&view=all&saved={ours.pk}"


def test_an_administrator_deletes_shared_views_only(admin_client, client, olha):
    save(client, name="Mine")
    save(client, name="Ours", shared="on")
    mine, ours = SavedView.objects.order_by("name")
    assert admin_client.post(f"{LIST}views/{mine.pk}/", {"delete": "1"}).status_code == 403
    assert admin_client.post(f"{LIST}views/{ours.pk}/", {"delete": "1"}).status_code == 302
    assert list(SavedView.objects.all()) == [mine]


def test_renaming_deleting_and_opening_the_list_with_a_view(client, olha):
    save(client)
    save(client, name="Other")
    view = SavedView.objects.get(name="No phone")
    client.post(f"{LIST}views/{view.pk}/", {"name": "Without phone", "opens": "on"})
    assert SavedView.objects.filter(name="Without phone").exists()
    assert client.get(LIST).url.endswith(f"saved={view.pk}")
    assert client.get(f"{LIST}?view=all").status_code == 200
    taken = client.post(f"{LIST}views/{view.pk}/", {"name": "Other"}, follow=True).content.decode()
    assert "You have a view of this name already." in taken
    client.post(f"{LIST}views/{view.pk}/", {"name": "Without phone"})
    assert client.get(LIST).status_code == 200
    client.post(f"{LIST}views/{view.pk}/", {"name": "Without phone", "opens": "on"})
    client.post(f"{LIST}views/{view.pk}/", {"delete": "1"})
    assert client.get(LIST).status_code == 200


def test_columns_are_chosen_for_oneself_additional_fields_too(client, olha):
    olha.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    group = FieldGroup.objects.create(name="Shop", key="SHOP")
    field = ContactField.objects.create(group=group, name="Shoe size", key="SIZE", type="integer")
    upsert(someone("E1", fields={"town": "Lviv"}, data={str(field.pk): 42}))
    client.post(
        f"{LIST}columns/", {"column": ["town", f"field.{field.pk}", "nonsense"], "query": "phone=none"}
    )
    assert ListChoice.objects.get(user=olha).columns == ["town", f"field.{field.pk}"]
    page = client.get(f"{LIST}?view=all").content.decode()
    assert "Lviv" in page
    assert "Shoe size" in page
    assert ">42<" in page
    assert "field-channels" not in page
    field.delete()
    assert client.get(f"{LIST}?view=all").status_code == 200
    client.post(f"{LIST}columns/", {"usual": "1"})
    assert "field-channels" in client.get(f"{LIST}?view=all").content.decode()


def test_columns_are_bounded_and_masked(client, olha):
    upsert(someone("E1", "P1", fields={"town": "Chernivtsi"}))
    names = ["email", "phone", "town", "region", "language", "time_zone", "source", "created", "updated"]
    reply = client.post(f"{LIST}columns/", {"column": names}, follow=True).content.decode()
    assert f"Choose at most {MOST_COLUMNS} columns." in reply
    assert not ListChoice.objects.exists()
    client.post(f"{LIST}columns/", {"column": names[:3]})
    page = client.get(f"{LIST}?view=all").content.decode()
    for hidden in ("e1@example.com", "380500000001", "Chernivtsi"):
        assert hidden not in page


@pytest.mark.parametrize("panel", ["filters", "columns", "views"])
def test_panels_open_in_the_page_and_as_pages(client, olha, panel):
    whole = client.get(f"{LIST}panel/{panel}/?phone=none").content.decode()
    part = client.get(f"{LIST}panel/{panel}/?phone=none", headers={"HX-Request": "true"}).content.decode()
    assert "<form" in part
    assert "<html" in whole
    assert "<html" not in part
    assert client.get(f"{LIST}panel/nothing/").status_code == 404


def test_the_form_of_filters_leads_to_an_address_without_empty_parts(client, olha):
    sent = {"email": ["any", ""], "phone": [""], "source": ["api", "import"], "evil": ["1"], "q": ["ann"]}
    reply = client.get(f"{LIST}filter/", sent)
    assert reply.url == f"{LIST}?email=any&source=api%2Cimport&q=ann"
    assert client.get(f"{LIST}filter/").url == f"{LIST}?view=all"


def test_who_may_not_see_contacts_gets_none_of_it(client):
    user = get_user_model().objects.create_user("nobody", password="x", is_staff=True)
    client.force_login(user)
    for path in ("panel/filters/", "filter/"):
        assert client.get(LIST + path).status_code == 403
    for path in ("columns/", "views/", "views/1/", "bulk/delete/"):
        assert client.post(LIST + path).status_code == 403
    assert client.get("/admin/jobs/tray/").status_code == 403
