"""Duplicates removed by age, in the background: who stays, who is left alone, how it is cancelled and taken back."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from contacts.models import Contact, ContactAudit, ContactJob, DuplicatePair, JobState
from contacts.services import duplicate_removal
from contacts.services.duplicates import dismiss_pairs
from contacts.services.jobs import cancel_job, find_duplicates, remove_duplicates, return_duplicates, work_job
from contacts.services.lifecycle import delete_contacts
from tests.contacts.people import NOW
from tests.contacts.test_merge import make

pytestmark = pytest.mark.django_db
PAIRS, JOBS = "/admin/contacts/duplicatepair", "/admin/contacts/contactjob"


def work(now=NOW):
    while work_job(now=now):
        pass


def remove(keep="oldest", by="email"):
    job = remove_duplicates(by=by, keep=keep, actor="ann", now=NOW)
    work()
    job.refresh_from_db()
    return job


def active():
    return set(Contact.objects.filter(state="active").values_list("pk", flat=True))


@pytest.mark.parametrize(("keep", "place"), [("oldest", 1), ("newest", 2)])
def test_it_works(keep, place):
    """CON-11: three duplicates; ids and ages do not run alike."""
    three = [make("E1", minutes=minutes) for minutes in (5, 0, 9)]
    other, phone = make("E2"), make("E2", "P1", external_id="X1")
    alone = make("P2")
    job = remove(keep)
    pair = min if keep == "oldest" else max
    assert active() == {three[place], pair(other, phone), alone}
    assert (job.state, job.done, job.total, job.counts) == (JobState.FINISHED, 3, 3, {"removed": 3})
    gone = Contact.objects.exclude(state="active")
    assert set(gone.values_list("state", "delete_reason")) == {
        ("deleted", f"duplicate email, {keep} kept, job {job.pk}")
    }
    acts = ContactAudit.objects.filter(action="deleted")
    assert set(acts.values_list("contact_id", "actor")) == {(row.pk, "ann") for row in gone}


def test_phones_are_compared_when_asked():
    first, _second = make("P1"), make("P1", "E1", minutes=1)
    third = make("E1", minutes=2)
    remove(by="phone")
    assert active() == {first, third}


def test_slices_end_between_addresses_and_within_a_great_one(monkeypatch):
    monkeypatch.setattr(duplicate_removal, "GROUPS", 2)
    monkeypatch.setattr(duplicate_removal, "MEMBERS", 3)
    kept = {make(word) for word in ("E1", "E2", "E3", "E4", "E5")}
    for word, count in (("E1", 1), ("E2", 7), ("E3", 1), ("E4", 1), ("E5", 4)):
        for n in range(count):
            make(word, minutes=n + 1)
    job = remove()
    assert (active(), job.counts) == (kept, {"removed": 14})


def test_the_deleted_the_dismissed_and_who_came_later_are_left_alone():
    first, second, third = (make("E1", minutes=n) for n in range(3))
    deleted = make("E1", minutes=-5)
    delete_contacts([deleted], now=NOW, actor="ann", reason="asked to")
    find_duplicates(actor="ann", now=NOW)
    work()
    dismiss_pairs([DuplicatePair.objects.get(first_id=first, second_id=second).pk], actor="ann", now=NOW)
    job = remove_duplicates(by="email", keep="oldest", actor="ann", now=NOW)
    late = make("E1", minutes=9)
    work()
    assert active() == {first, second, late}
    assert Contact.objects.get(pk=deleted).delete_reason == "asked to"
    assert Contact.objects.get(pk=third).delete_reason.endswith(f"job {job.pk}")
    assert set(DuplicatePair.objects.values_list("state", flat=True)) == {"dismissed"}


def test_a_cancelled_job_stops_and_what_it_did_is_taken_back(monkeypatch):
    monkeypatch.setattr(duplicate_removal, "GROUPS", 1)
    everybody = {make(word, minutes=n) for word in ("E1", "E2", "E3") for n in range(2)}
    job = remove_duplicates(by="email", keep="newest", actor="ann", now=NOW)
    work_job(now=NOW)
    assert cancel_job(job.pk, now=NOW)
    work()
    assert len(active()) == 5
    by_hand = min(active())
    delete_contacts([by_hand], now=NOW, actor="bob", reason="by hand")
    undo = return_duplicates(job, actor="bob", now=NOW)
    work()
    undo.refresh_from_db()
    assert active() == everybody - {by_hand}
    assert (undo.state, undo.counts) == (JobState.FINISHED, {"restored": 1})


def test_an_undo_stops_a_removal_that_runs(monkeypatch):
    monkeypatch.setattr(duplicate_removal, "GROUPS", 1)
    everybody = {make(word, minutes=n) for word in ("E1", "E2", "E3") for n in range(2)}
    job = remove_duplicates(by="email", keep="oldest", actor="ann", now=NOW)
    work_job(now=NOW)
    return_duplicates(job, actor="ann", now=NOW)
    work()
    assert active() == everybody


def test_one_click_is_one_job_and_nonsense_is_refused():
    first = remove_duplicates(by="email", keep="oldest", actor="ann", now=NOW)
    assert remove_duplicates(by="email", keep="oldest", actor="ann", now=NOW).pk == first.pk
    for by, keep in (("town", "oldest"), ("email", "best"), ("email; DROP TABLE", "oldest")):
        with pytest.raises(ValueError, match="cannot remove duplicates"):
            remove_duplicates(by=by, keep=keep, actor="ann", now=NOW)


def test_it_is_asked_for_with_the_number_and_restored_from_the_page_of_the_job(admin_client):
    first, second = make("E1"), make("E1", minutes=1)
    find_duplicates(actor="ann", now=NOW)
    work()
    assert "Remove by age…" in admin_client.get(f"{PAIRS}/?view=email").text
    assert "Remove by age…" not in admin_client.get(f"{PAIRS}/?view=birthday").text
    asked = admin_client.post(f"{PAIRS}/remove/", {"reason": "email"})
    assert "found 1 pair." in asked.text
    assert not ContactJob.objects.filter(kind="remove").exists()
    admin_client.post(f"{PAIRS}/remove/", {"reason": "email", "keep": "newest"})
    work(timezone.now())
    assert active() == {second}
    job = ContactJob.objects.get(kind="remove")
    page = admin_client.get(f"{JOBS}/{job.pk}/change/")
    assert "removed 1" in page.text
    assert "Restore what was removed" in page.text
    admin_client.post(f"{JOBS}/{job.pk}/restore/")
    work(timezone.now())
    assert active() == {first, second}
    assert "Restore what was removed" not in admin_client.get(f"{JOBS}/{job.pk}/change/").text
    assert admin_client.post(f"{PAIRS}/remove/", {"reason": "town"}).status_code == 404
    assert admin_client.get(f"{PAIRS}/remove/").status_code == 405


def test_it_takes_the_right_to_delete_and_to_restore(client):
    make("E1"), make("E1")
    user = get_user_model().objects.create_user("bob", is_staff=True)
    rights = ("view_duplicatepair", "merge_contact", "view_contactjob", "view_contact")
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    assert "Remove by age…" not in client.get(f"{PAIRS}/?view=email").text
    assert client.post(f"{PAIRS}/remove/", {"reason": "email", "keep": "oldest"}).status_code == 403
    job = remove()
    assert client.post(f"{JOBS}/{job.pk}/restore/").status_code == 403
    assert "Restore what was removed" not in client.get(f"{JOBS}/{job.pk}/change/").text
    assert len(active()) == 1
