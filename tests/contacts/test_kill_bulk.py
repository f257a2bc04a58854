"""`kill -9` of the worker in the middle of an action over 20 000 contacts: finished exactly, nothing twice."""

import csv
import io
import os
import signal
import time
from datetime import UTC, datetime

import pytest
from django.db import connection

from contacts.filters import read_filter
from contacts.models import Contact, ContactAudit, ContactJob, JobState, ListMember
from contacts.services.bulk_actions import Selection
from contacts.services.exports import read_export
from contacts.services.jobs import change_many, export_many
from tests.processes import MANAGE, manage, manage_anew, start

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

SIZE = 20_000
WORK = ("work", "contact_jobs", "--until-idle")
FILL = """
INSERT INTO contacts_contact (state, is_restricted, location, data, provenance, source, source_detail, created_at,
    updated_at, delete_reason, external_id)
SELECT 'active', false, '{}', '{}', '{}', 'api', '', now(), now(), '', 'K-' || n FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def ids():
    with connection.cursor() as cursor:
        cursor.execute(FILL, [SIZE])
    return list(Contact.objects.order_by("pk").values_list("pk", flat=True))


def killed_in_the_middle(job, **more):
    """Start a worker, and kill it as soon as it has done a part."""
    worker = manage_anew(*WORK, **more) if more else start(MANAGE, *WORK)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        job.refresh_from_db()
        if job.done:
            break
        time.sleep(0.005)
    time.sleep(0.05)  # into the next chunk
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    job.refresh_from_db()
    assert 0 < job.done < SIZE, "the worker was to be killed in the middle"
    assert job.state == JobState.RUNNING


def finished(job, **more):
    worker = manage_anew(*WORK, **more) if more else start(MANAGE, *WORK)
    assert worker.wait(120) == 0
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == (JobState.FINISHED, SIZE, SIZE)


def test_a_killed_deletion_is_finished_and_told_once_of_each(ids):
    about = Selection(filter=read_filter({"empty": "phone"}))
    job = change_many("delete", about, {}, total=SIZE, actor="ann", now=datetime.now(UTC))
    killed_in_the_middle(job)
    finished(job)
    assert job.counts == {"changed": SIZE}
    assert Contact.objects.deleted().count() == SIZE
    told = ContactAudit.objects.filter(action="deleted").values_list("contact_id", flat=True)
    assert sorted(told) == ids


@pytest.mark.parametrize("action", ["add-to-list", "set-field"])
def test_a_worker_killed_before_every_commit_does_nothing_twice(ids, action):
    given = {"name": "L", "field": "town", "value": "Lviv"}
    about = Selection(filter=read_filter({"view": "all"}))
    job = ContactJob.objects.get(
        pk=change_many(action, about, given, total=SIZE, actor="ann", now=datetime.now(UTC)).pk
    )
    for _ in range(2):
        assert manage(*WORK, crash_at="contact_job_before_commit").poll() == -signal.SIGKILL
        job.refresh_from_db()
        assert job.done == 0
    killed_in_the_middle(job)
    finished(job)
    assert job.counts == {"changed": SIZE}
    if action == "add-to-list":
        assert ListMember.objects.count() == SIZE
    else:
        assert Contact.objects.filter(town="Lviv").count() == SIZE


def test_a_killed_export_has_every_row_once(ids, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "files"
    place = {"CDP_DATA_DIR": str(tmp_path)}
    about = Selection(filter=read_filter({"view": "all"}))
    job = export_many(about, only_email=False, delimiter=",", total=SIZE, actor="ann", now=datetime.now(UTC))
    worker = manage_anew(*WORK, CDP_CRASH_AT="contact_job_before_commit", **place)
    assert worker.wait(120) == -signal.SIGKILL
    killed_in_the_middle(job, **place)
    finished(job, **place)
    text = b"".join(read_export(job)).decode("utf-8-sig")
    assert [int(row[0]) for row in list(csv.reader(io.StringIO(text)))[1:]] == ids
