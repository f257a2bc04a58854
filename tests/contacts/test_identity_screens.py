"""Duplicates, merging side by side, undo on the card, jobs: what each shows, and who may."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact, ContactJob, DuplicatePair, JobState, MergeRecord
from contacts.services.jobs import find_duplicates, work_job
from contacts.services.merging import merge_contacts
from tests.contacts.people import NOW, someone, upsert
from tests.contacts.test_merge import make

pytestmark = pytest.mark.django_db

CONTACT, PAIRS, JOBS = (
    "/admin/contacts/contact",
    "/admin/contacts/duplicatepair",
    "/admin/contacts/contactjob",
)


def two(**rest):
    first = make("X1", "E1", fields={"first_name": "Olena"})
    second = make("E1", "P2", minutes=1, fields={"last_name": "Kovalenko"})
    find_duplicates(actor="ann", now=NOW)
    work()
    return first, second


def work():
    while work_job(now=NOW):
        pass


def colleague(client, *rights):
    user = get_user_model().objects.create_user("bob", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client


def test_pairs_are_listed_with_the_reason(admin_client):
    two()
    page = admin_client.get(f"{PAIRS}/")
    assert page.status_code == 200
    assert "Same e-mail" in page.text
    assert "Olena" in page.text
    assert "Kovalenko" in page.text
    assert "Find duplicates" in page.text


def test_the_list_costs_the_same_for_one_and_for_forty(admin_client):
    counts = []
    for start, count in ((0, 1), (100, 40)):
        for n in range(start, start + count):
            make(f"E{n}")
            make(f"E{n}")
        find_duplicates(actor="ann", now=NOW)
        work()
        admin_client.get(f"{PAIRS}/")
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(f"{PAIRS}/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 16


def test_a_pair_is_compared_and_merged(admin_client):
    first, second = two()
    pair = DuplicatePair.objects.get()
    page = admin_client.get(f"{PAIRS}/{pair.pk}/change/", follow=True)
    assert page.status_code == 200
    assert "What stays" in page.text
    assert f"{PAIRS}/{pair.pk}/decide/" in page.text
    assert "Kovalenko" in page.text
    done = admin_client.post(f"{CONTACT}/{first}/merge/", {"with": second, "reason": "twice"}, follow=True)
    assert "It can be undone for 30 days" in done.text
    kept = Contact.objects.get(pk=first)
    assert (kept.first_name, kept.last_name) == ("Olena", "Kovalenko")
    record = MergeRecord.objects.get()
    assert (record.actor, record.reason) == ("admin", "twice")
    assert not DuplicatePair.objects.exists()


def test_the_better_known_contact_is_pointed_out(admin_client):
    first, second = two()
    page = admin_client.get(f"{CONTACT}/{second}/merge/?with={first}")
    assert f"Contact {first} is known better" in page.text


def test_two_external_ids_are_warned_of_and_may_be_merged_by_hand(admin_client):
    first, second = make("X1"), make("X2", "E2")
    page = admin_client.get(f"{CONTACT}/{first}/merge/?with={second}")
    assert "an external ID of its own" in page.text
    admin_client.post(f"{CONTACT}/{first}/merge/", {"with": second})
    assert Contact.objects.get(pk=second).merged_into == first


@pytest.mark.parametrize("other", ["999999999", "abc", "", "9" * 30, "self"])
def test_nobody_to_compare_with_asks_again(admin_client, other):
    first = make("X1")
    page = admin_client.get(f"{CONTACT}/{first}/merge/?with={first if other == 'self' else other}")
    assert page.status_code in (200, 404)
    assert "Which other contact is the same person?" in page.text
    assert not MergeRecord.objects.exists()


def test_the_card_tells_the_merge_and_undoes_it(admin_client):
    first, second = two()
    merge_contacts(first, [second], reason="twice", actor="ann", now=_now())
    page = admin_client.get(f"{CONTACT}/{first}/identity/")
    assert f"id {second}" in page.text
    assert "Undo merge" in page.text
    assert "twice" in page.text
    record = MergeRecord.objects.get()
    done = admin_client.post(f"{CONTACT}/{first}/undo/{record.pk}/", follow=True)
    assert f"Contact {second} is back as it was." in done.text
    assert Contact.objects.get(pk=second).state == "active"
    again = admin_client.post(f"{CONTACT}/{first}/undo/{record.pk}/", follow=True)
    assert "that was done before" in again.text


def test_a_merged_contact_leads_to_the_one_kept(admin_client):
    first, second = two()
    merge_contacts(first, [second], reason="", actor="ann", now=NOW)
    page = admin_client.get(f"{CONTACT}/{second}/identity/", follow=True)
    assert page.redirect_chain[0][0].endswith(f"/{first}/change/")


def test_former_identifiers_are_shown(admin_client):
    first = make("X1", "E1", "T1")
    upsert(someone("X1", "E3"), someone("X9", "T1"))
    page = admin_client.get(f"{CONTACT}/{first}/identity/").text
    assert "e1@example.com" in page
    assert "moved to another contact" in page


def test_the_selected_are_merged_by_a_job(admin_client):
    first, second = two()
    pair = DuplicatePair.objects.get()
    sent = {"action": "merge_selected", "_selected_action": [pair.pk]}
    page = admin_client.post(f"{PAIRS}/", sent, follow=True)
    job = ContactJob.objects.get(kind="merge")
    assert page.redirect_chain[-1][0] == f"{JOBS}/{job.pk}/change/"
    work()
    assert "merged 1" in admin_client.get(f"{JOBS}/{job.pk}/progress/").text
    assert Contact.objects.get(pk=second).merged_into == first


def test_the_selected_are_dismissed(admin_client):
    two()
    pair = DuplicatePair.objects.get()
    admin_client.post(f"{PAIRS}/", {"action": "dismiss_selected", "_selected_action": [pair.pk]})
    pair.refresh_from_db()
    assert (pair.state, pair.decided_by) == ("dismissed", "admin")
    admin_client.post(f"{PAIRS}/{pair.pk}/decide/", {"open": "yes"})
    pair.refresh_from_db()
    assert pair.state == "open"


def test_all_are_merged_after_asking_with_the_number(admin_client):
    two()
    asked = admin_client.post(f"{PAIRS}/merge-all/", {"reason": "email"})
    assert "Merge 1 pair" in asked.text
    assert not ContactJob.objects.filter(kind="merge").exists()
    admin_client.post(f"{PAIRS}/merge-all/", {"reason": "email", "sure": "yes"})
    work()
    assert MergeRecord.objects.count() == 1
    assert admin_client.post(f"{PAIRS}/merge-all/", {"reason": "nonsense"}).status_code == 404


def test_a_job_is_cancelled(admin_client):
    job = find_duplicates(actor="ann", now=NOW)
    page = admin_client.get(f"{JOBS}/{job.pk}/change/")
    assert "Cancel" in page.text
    assert "data-live" in page.text
    admin_client.post(f"{JOBS}/{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert admin_client.get(f"{JOBS}/").status_code == 200


def test_without_the_right_nothing_is_merged(client):
    first, second = two()
    pair = DuplicatePair.objects.get()
    colleague(client, "view_contact", "view_duplicatepair", "view_contactjob", "change_contact")
    assert "Merge…" not in client.get(f"{CONTACT}/{first}/change/").text
    assert client.get(f"{CONTACT}/{first}/merge/?with={second}").status_code == 403
    assert client.post(f"{CONTACT}/{first}/merge/", {"with": second}).status_code == 403
    assert client.post(f"{CONTACT}/{first}/undo/1/").status_code == 403
    for path in ("find", "merge-all", f"{pair.pk}/decide"):
        assert client.post(f"{PAIRS}/{path}/").status_code == 403
    client.post(f"{PAIRS}/", {"action": "merge_selected", "_selected_action": [pair.pk]})
    job = ContactJob.objects.get()
    assert client.post(f"{JOBS}/{job.pk}/cancel/").status_code == 403
    assert "Find duplicates" not in client.get(f"{PAIRS}/").text
    assert not MergeRecord.objects.exists()


def test_personal_data_are_masked_without_the_right_to_see_them(client):
    first, second = two()
    colleague(client, "view_contact", "view_duplicatepair", "merge_contact")
    for address in (f"{PAIRS}/", f"{CONTACT}/{first}/merge/?with={second}", f"{CONTACT}/{first}/identity/"):
        page = client.get(address)
        assert page.status_code == 200
        assert not re.search(r"e1@example\.com|Kovalenko|Olena|\bX1\b", page.text)


def test_changes_are_made_by_post_only(admin_client):
    first, _second = two()
    for address in (
        f"{PAIRS}/find/",
        f"{PAIRS}/merge-all/",
        f"{PAIRS}/1/decide/",
        f"{CONTACT}/{first}/undo/1/",
    ):
        assert admin_client.get(address).status_code == 405


def _now():
    from django.utils import timezone

    return timezone.now()
