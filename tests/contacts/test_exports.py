"""Exports of contacts: what the file holds, who may have it, and when it is gone."""

import csv
import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection

from contacts.filters import read_filter
from contacts.models import ContactAudit, ContactField, ContactJob, FieldGroup, JobState
from contacts.services import bulk_actions, exports
from contacts.services.bulk_actions import Selection
from contacts.services.exports import forget_exports, read_export
from contacts.services.jobs import cancel_job, export_many, work_job
from contacts.services.lifecycle import erase_contacts
from contacts.services.lists import add_to_list, ensure_lists
from tests.contacts.people import someone, upsert

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(bulk_actions, "CHUNK", 4)
    return tmp_path / "exports"


@pytest.fixture
def field():
    group = FieldGroup.objects.create(name="Shop", key="SHOP")
    return ContactField.objects.create(group=group, name="Size", key="SIZE", type="text")


@pytest.fixture
def ids(field):
    made = upsert(*(someone(f"X{n}", f"E{n}", data={str(field.pk): f"S{n}"}) for n in range(10)))
    found = [outcome.contact_id for outcome in made]
    add_to_list(ensure_lists(["VIP"], now=datetime.now(UTC))["VIP"], found[:1], now=datetime.now(UTC))
    return found


def export(*, only_email=False, delimiter=",", actor="admin", finish=True, **params):
    now = datetime.now(UTC)
    job = export_many(
        Selection(filter=read_filter(params)),
        only_email=only_email,
        delimiter=delimiter,
        total=10,
        actor=actor,
        now=now,
    )
    while finish and work_job(now=datetime.now(UTC)):
        pass
    job.refresh_from_db()
    return job


def rows(content, delimiter=","):
    assert content.startswith("\ufeff".encode())
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=delimiter))


def test_the_file_holds_everybody_once_with_every_field(admin_client, ids):
    job = export()
    assert (job.state, job.done, job.counts, job.request["parts"]) == (JobState.FINISHED, 10, {"rows": 10}, 3)
    page = admin_client.get(f"/admin/contacts/contactjob/{job.pk}/change/").content.decode()
    assert f"/admin/contacts/contactjob/{job.pk}/file/" in page
    reply = admin_client.get(f"/admin/contacts/contactjob/{job.pk}/file/")
    assert reply["Content-Disposition"] == f'attachment; filename="contacts-{job.pk}.csv"'
    head, *people = rows(b"".join(reply.streaming_content))
    assert [int(row[0]) for row in people] == ids
    first = dict(zip(head, people[0], strict=True))
    assert first["email"] == "e0@example.com"
    assert first["emailStatus"] == "active"
    assert first["lists"] == "VIP"
    assert first["SHOP.SIZE"] == "S0"
    acts = ContactAudit.objects.filter(action="exported").order_by("pk")
    assert [(act.actor, act.details["action"]) for act in acts] == [
        ("admin", "export"),
        ("admin", "download"),
    ]


def test_only_e_mails_with_semicolons(ids):
    upsert(someone("P9"))
    job = export(only_email=True, delimiter=";")
    assert rows(b"".join(read_export(job)), ";") == [["email"], *([f"e{n}@example.com"] for n in range(10))]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-5", "-5"),
        ("-x", "'-x"),
        ('a"b,c\nd', 'a"b,c\nd'),
        ("Ї 😀", "Ї 😀"),
    ],
)
def test_values_are_quoted_and_nothing_runs_in_a_spreadsheet(field, value, kept):
    field.type = "textarea"
    field.save()
    upsert(someone("E1", data={str(field.pk): value}))
    head, person = rows(b"".join(read_export(export())))
    assert person[head.index("SHOP.SIZE")] == kept


def test_nobody_is_a_file_with_a_head(ids):
    assert len(rows(b"".join(read_export(export(empty="email"))))) == 1


def test_the_file_is_gone_after_three_days(admin_client, ids, files):
    job = export()
    ContactJob.objects.filter(pk=job.pk).update(state_at=datetime.now(UTC) - timedelta(days=3, minutes=1))
    assert admin_client.get(f"/admin/contacts/contactjob/{job.pk}/file/").status_code == 404
    assert forget_exports(now=datetime.now(UTC)) == 1
    assert list(files.rglob("*.csv")) == []
    assert forget_exports(now=datetime.now(UTC)) == 0


def test_a_cancelled_export_leaves_nothing(admin_client, ids, files):
    job = export(finish=False)
    work_job(now=datetime.now(UTC))
    assert cancel_job(job.pk, now=datetime.now(UTC))
    assert admin_client.get(f"/admin/contacts/contactjob/{job.pk}/file/").status_code == 404
    forget_exports(now=datetime.now(UTC))
    assert list(files.rglob("*.csv")) == []


@pytest.mark.django_db(transaction=True)
def test_an_erased_contact_is_in_no_file(ids, files):
    done = export()
    half = export(finish=False, empty="phone")
    work_job(now=datetime.now(UTC))
    erase_contacts(ids[:1], now=datetime.now(UTC), actor="ann")
    assert list(files.rglob("*.csv")) == []
    while work_job(now=datetime.now(UTC)):
        pass
    half.refresh_from_db()
    done.refresh_from_db()
    assert done.request["parts"] == 0
    assert [row[0] for row in rows(b"".join(read_export(half)))[1:]] == [str(one) for one in ids[1:]]


def test_a_file_is_withheld_from_the_moment_of_the_erase(admin_client, ids, files):
    """Also when the process dies between the erase and the deletion: here nothing runs after the commit."""
    done, half = export(), export(finish=False, empty="phone")
    work_job(now=datetime.now(UTC))
    erase_contacts(ids[:1], now=datetime.now(UTC), actor="ann")
    assert list(files.rglob("*.csv"))
    assert admin_client.get(f"/admin/contacts/contactjob/{done.pk}/file/").status_code == 404
    while work_job(now=datetime.now(UTC)):
        pass
    half.refresh_from_db()
    assert [row[0] for row in rows(b"".join(read_export(half)))[1:]] == [str(one) for one in ids[1:]]
    assert forget_exports(now=datetime.now(UTC)) == 1
    assert not any(f"{done.pk}-" in str(path) for path in files.rglob("*.csv"))


@pytest.mark.django_db(transaction=True)
def test_an_erase_waits_for_the_part_that_is_being_written(ids, files, monkeypatch):
    half = export(finish=False)
    write, erased = exports._write_part, threading.Event()

    def erase():
        erase_contacts(ids[:1], now=datetime.now(UTC), actor="ann")
        erased.set()
        connection.close()

    thread = threading.Thread(target=erase)

    def slowly(name, text):
        write(name, text)
        if not thread.ident:
            thread.start()
            assert not erased.wait(1)

    monkeypatch.setattr(exports, "_write_part", slowly)
    work_job(now=datetime.now(UTC))
    thread.join(20)
    assert erased.is_set()
    while work_job(now=datetime.now(UTC)):
        pass
    half.refresh_from_db()
    assert [row[0] for row in rows(b"".join(read_export(half)))[1:]] == [str(one) for one in ids[1:]]


@pytest.mark.parametrize("missing", ["export_contact", "view_personal_data", "view_contactjob"])
def test_the_file_is_for_those_who_may_see_and_export(client, ids, missing):
    job = export()
    rights = {"view_contact", "export_contact", "view_personal_data", "view_contactjob"} - {missing}
    user = get_user_model().objects.create_user("bob", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    assert client.get(f"/admin/contacts/contactjob/{job.pk}/file/").status_code == 403
    if missing != "view_contactjob":
        page = client.get(f"/admin/contacts/contactjob/{job.pk}/change/").content.decode()
        assert "/file/" not in page
