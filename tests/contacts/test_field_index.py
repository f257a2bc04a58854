"""The index of an additional field, built outside any transaction while people are written."""

import pytest
from django.db import connection

from contacts.models import ContactField, ContactJob, FieldGroup, IndexState, JobState
from contacts.services.field_index import expression
from contacts.services.fields import delete_field, start_index
from contacts.services.jobs import work_job
from contacts.services.upsert import Policy
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db(transaction=True)


def plan(row):
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan TO off")
        cursor.execute(
            f"EXPLAIN SELECT id FROM contacts_contact WHERE {expression(row.pk, row.type)} > 5 "
            f"AND (data ->> '{row.pk}') IS NOT NULL"
        )
        return "\n".join(line for (line,) in cursor.fetchall())


def test_it_works():
    group = FieldGroup.objects.create(name="G", key="G")
    row = ContactField.objects.create(group=group, name="Size", key="SIZE", type="integer")
    upsert(*(someone(f"X{n}", data={str(row.pk): n}) for n in range(20)), policy=Policy.BULK)
    start_index(row.pk, actor="ann", now=NOW)
    while work_job(now=NOW):
        pass
    row.refresh_from_db()
    assert row.index_state == IndexState.READY
    assert ContactJob.objects.get().state == JobState.FINISHED
    assert f"contacts_field_{row.pk}" in plan(row)
    number = row.pk
    delete_field(number, actor="ann", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname = %s", [f"contacts_field_{number}"])
        assert cursor.fetchone()[0] == 0


def test_values_that_are_no_numbers_fail_with_words():
    group = FieldGroup.objects.create(name="G", key="G")
    row = ContactField.objects.create(group=group, name="Size", key="SIZE", type="integer")
    upsert(someone("X1", data={str(row.pk): "many"}))
    start_index(row.pk, actor="ann", now=NOW)
    work_job(now=NOW)
    row.refresh_from_db()
    assert row.index_state == IndexState.FAILED
    assert "do not fit" in ContactJob.objects.get().error
