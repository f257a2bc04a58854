"""The operators' commands over people."""

import json

import pytest
from django.core.management import CommandError, call_command

from contacts.models import Contact, ContactAudit, MergeRecord
from tests.contacts.people import someone, upsert

pytestmark = pytest.mark.django_db


def people(*words):
    return [upsert(someone(word))[0].contact_id for word in words]


def test_merging_and_undoing(capsys):
    first, second = people("X1", "E2")
    call_command("merge_contacts", second, first, "--json", "--reason", "twice")
    [said] = json.loads(capsys.readouterr().out)
    assert said == {"winner_id": first, "loser_id": second, "result": "merged", "code": ""}
    record = MergeRecord.objects.get()
    assert (record.reason, record.actor) == ("twice", "manage.py")
    call_command("merge_contacts", "--undo", str(record.pk), "--json")
    assert json.loads(capsys.readouterr().out)["result"] == "unmerged"
    with pytest.raises(CommandError, match="already_undone"):
        call_command("merge_contacts", "--undo", str(record.pk))


def test_merging_refuses_what_it_cannot_do():
    [first] = people("X1")
    with pytest.raises(CommandError, match="at least two"):
        call_command("merge_contacts", first)
    with pytest.raises(CommandError, match="not everything"):
        call_command("merge_contacts", 999_999, "--into", str(first))


def test_erasing(capsys):
    first, second = people("X1", "E2")
    call_command("erase_contact", second, "--external-id", "X1", "--yes", "--json", "--reason", "asked")
    said = json.loads(capsys.readouterr().out)
    assert {row["contactId"] for row in said} == {first, second}
    assert said[0]["rows"]
    assert set(Contact.objects.values_list("state", flat=True)) == {"erased"}
    assert set(ContactAudit.objects.values_list("reason", flat=True)) == {"asked"}


def test_erasing_refuses_nobody_and_the_erased():
    with pytest.raises(CommandError, match="nobody has"):
        call_command("erase_contact", "--external-id", "none", "--yes")
    [first] = people("X1")
    call_command("erase_contact", first, "--yes")
    with pytest.raises(CommandError, match="not everybody"):
        call_command("erase_contact", first, "--yes")
