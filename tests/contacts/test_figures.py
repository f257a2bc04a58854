"""Contacts counted in the background: by the tabs of the list, and by additional fields."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from contacts.filters.views import VIEWS
from contacts.models import Address, Contact, ContactField, ContactJob, Figure, JobState
from contacts.services.figures import STEPS
from contacts.services.jobs import cancel_job, count_contacts, work_job
from contacts.services.lifecycle import delete_contacts
from contacts.tasks import count_contacts as nightly
from tests.contacts.people import NOW
from tests.contacts.test_merge import make

pytestmark = pytest.mark.django_db
CONTACTS, FIELDS = "/admin/contacts/contact/", "/admin/contacts/contactfield/"


def count(now=NOW):
    job = count_contacts(actor="ann", now=now)
    while work_job(now=now):
        pass
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == (JobState.FINISHED, len(STEPS), len(STEPS))
    return dict(Figure.objects.values_list("name", "value"))


def birthday():
    return ContactField.objects.get(key="BIRTHDAY").pk


def people():
    field = str(birthday())
    make("E1", data={field: "2000-01-01"}), make("E2", "P2", data={field: "2000-01-02"}), make("P3")
    gone = make("E4", data={field: "2000-01-03"})
    Address.objects.filter(value="e2@example.com").update(status="spam")
    Address.objects.filter(value="e1@example.com").update(status="blocked")
    delete_contacts([gone], now=NOW, actor="ann")


def test_it_works():
    people()
    figures = count()
    assert {name: value for name, value in figures.items() if value and name.startswith("view:")} == {
        "view:all": 3, "view:email-spam": 1, "view:email-blacklisted": 1, "view:phone-active": 2, "view:deleted": 1,
    }  # fmt: skip
    assert {name for name in figures if name.startswith("view:")} == {f"view:{key}" for key in VIEWS}
    for key, narrow in VIEWS.items():
        assert figures[f"view:{key}"] == narrow(Contact.objects.all()).count()
    assert figures[f"field:{birthday()}"] == 2


def test_counting_again_sets_right_and_forgets_fields_that_are_gone():
    people()
    Figure.objects.create(name="field:999999", value=7, counted_at=NOW)
    count()
    make("E9", data={str(birthday()): "2001-01-01"})
    figures = count(NOW + timedelta(hours=1))
    assert (figures["view:all"], figures[f"field:{birthday()}"]) == (4, 3)
    assert "field:999999" not in figures
    assert set(Figure.objects.values_list("counted_at", flat=True)) == {NOW + timedelta(hours=1)}


def test_it_can_be_cancelled_and_a_second_click_starts_nothing():
    job = count_contacts(actor="ann", now=NOW)
    assert count_contacts(actor="bob", now=NOW).pk == job.pk
    work_job(now=NOW)
    assert cancel_job(job.pk, now=NOW)
    assert work_job(now=NOW) == 0
    assert Figure.objects.count() == 1


def test_the_calendar_counts_by_itself():
    nightly()
    assert ContactJob.objects.get().kind == "count"


def test_the_tabs_and_the_fields_show_what_was_counted(admin_client):
    page = admin_client.get(f"{CONTACTS}?view=all").text
    assert "Not counted yet" in page
    assert "ui-view-count" not in page
    people()
    count(timezone.now())
    page = admin_client.get(f"{CONTACTS}?view=all").text
    assert 'All <span class="ui-view-count">3</span>' in page
    assert 'Deleted <span class="ui-view-count">1</span>' in page
    fields = admin_client.get(FIELDS).text
    assert f'filled=field.{birthday()}"' in fields
    assert ">2 (67 %)</a>" in fields
    assert admin_client.get(f"{CONTACTS}?filled=field.{birthday()}").status_code == 200
    Figure.objects.update(counted_at=timezone.now() - timedelta(hours=2))
    page = admin_client.get(f"{CONTACTS}?view=all").text
    assert 'All <span class="ui-view-count is-old">3</span>' in page


def test_recalculating_keeps_the_filter_and_needs_the_right_to_see(admin_client, client):
    reply = admin_client.post(f"{CONTACTS}recount/", {"query": "view=deleted"})
    assert (reply.status_code, reply.url) == (302, f"{CONTACTS}?view=deleted")
    assert ContactJob.objects.get().actor == "admin"
    assert admin_client.get(f"{CONTACTS}recount/").status_code == 405
    user = get_user_model().objects.create_user("bob", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_segment"))
    client.force_login(user)
    assert client.post(f"{CONTACTS}recount/").status_code == 403
