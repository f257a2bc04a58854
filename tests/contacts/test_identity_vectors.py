"""The identity vectors I1 to I19 of the contacts document, and what they leave unsaid."""

from datetime import timedelta

import pytest

from contacts.models import Contact, IdentifierChange, Key, MergeRecord, Visitor
from contacts.services.lifecycle import delete_contacts
from contacts.services.upsert import Policy
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db


def held(contact_id: int) -> set[str]:
    """Everything a contact holds, in the vectors' words."""
    contact = Contact.objects.get(pk=contact_id)
    words = {key.value for key in Key.objects.filter(person_id=contact_id)}
    if contact.email_norm:
        words.add(contact.email_norm.split("@")[0].upper())
    if contact.phone:
        words.add(f"P{contact.phone[11:]}")
    return words


def make(*words: str, minutes: int = 0) -> int:
    """A contact exactly as drawn, whoever else has its address."""
    moment = NOW - timedelta(days=10) + timedelta(minutes=minutes)
    [outcome] = upsert(someone(*words, dedupe=()), policy=Policy.BULK, now=moment)
    assert outcome.result == "created"
    assert outcome.contact_id is not None
    return outcome.contact_id


# name, before, request, policy, extra input values, expected result, who it is (index in before or None for new), after
VECTORS = [
    ("I1", [], ["T1"], Policy.ADD, {}, "created", None, [{"T1"}]),
    ("I2", [["T1"]], ["X1", "E1", "T1"], Policy.ADD, {}, "updated", 0, [{"X1", "E1", "T1"}]),
    ("I3", [["X1", "T1"]], ["X2", "T1"], Policy.ADD, {}, "created", None, [{"X1"}, {"X2", "T1"}]),
    ("I4", [["X1", "E1"], ["T2"]], ["X1", "T2"], Policy.ADD, {}, "updated", 0, [{"X1", "E1", "T2"}, set()]),
    (
        "I5", [["E1"], ["E1", "X9"]], ["X1", "E1"], Policy.BULK, {"dedupe": ("email",)}, "updated", 0,
        [{"X1", "E1"}, {"E1", "X9"}],
    ),
    (
        "I6", [["E1", "X8"], ["E1", "X9"]], ["X1", "E1"], Policy.BULK, {"dedupe": ("email",)}, "created", None,
        [{"E1", "X8"}, {"E1", "X9"}, {"X1", "E1"}],
    ),
    ("I11", [["E1", "X1"]], ["X2", "E1"], Policy.SUBSCRIBE, {}, "created", None, [{"E1", "X1"}, {"X2", "E1"}]),
    ("I12", [["P1"], ["E1"]], ["E1", "P1"], Policy.SUBSCRIBE, {}, "updated", 1, [{"P1"}, {"E1", "P1"}]),
    ("I16", [["E1", "V1"]], ["E2", "V1"], Policy.ADD, {}, "created", None, [{"E1"}, {"E2", "V1"}]),
    ("I17", [["E1", "T1"]], ["E2", "T1"], Policy.ADD, {}, "created", None, [{"E1"}, {"E2", "T1"}]),
    ("I18", [["E1", "P1"]], ["E2", "P1"], Policy.ADD, {}, "updated", 0, [{"E2", "P1"}]),
    ("I18 by subscribe", [["E1", "P1"]], ["E2", "P1"], Policy.SUBSCRIBE, {}, "unchanged", 0, [{"E1", "P1"}]),
    ("I19", [["E1", "V1"]], ["X2", "V1"], Policy.SDK, {}, "updated", 0, [{"E1", "X2", "V1"}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "request_", "policy", "extra", "result", "who", "after"),
    [v[1:] for v in VECTORS],
    ids=[v[0] for v in VECTORS],
)
def test_vector(before, request_, policy, extra, result, who, after):
    ids = [make(*words, minutes=number) for number, words in enumerate(before)]
    [outcome] = upsert(someone(*request_, **extra), policy=policy)
    assert outcome.result == result
    if who is None:
        assert outcome.contact_id not in ids
        ids.append(outcome.contact_id)
    else:
        assert outcome.contact_id == ids[who]
    assert [held(contact_id) for contact_id in ids] == after


def test_i7_the_latest_updated_holder_is_taken():
    older, newer = make("E1", minutes=1), make("E1", minutes=2)
    [outcome] = upsert(someone("E1", fields={"first_name": "Ann"}, dedupe=("email",)), policy=Policy.BULK)
    assert outcome.contact_id == newer
    assert Contact.objects.get(pk=older).first_name is None


def test_i8_add_restores_a_deleted_contact_by_external_id():
    contact = make("X1")
    delete_contacts([contact], now=NOW, actor="test")
    [outcome] = upsert(someone("X1"))
    assert (outcome.contact_id, outcome.result) == (contact, "restored")
    assert Contact.objects.get(pk=contact).state == "active"


def test_i9_bulk_without_restore_skips_a_deleted_contact():
    contact = make("X1")
    delete_contacts([contact], now=NOW, actor="test")
    [outcome] = upsert(someone("X1", restore_deleted=False), policy=Policy.BULK)
    assert (outcome.result, outcome.code) == ("skipped", "deleted_skipped")
    assert Contact.objects.get(pk=contact).state == "deleted"


def test_i10_put_with_another_contacts_external_id_changes_nothing():
    make("X1")
    second = make("X2")
    [outcome] = upsert(someone("X1", contact_id=second, fields={"first_name": "Ann"}), policy=Policy.PUT)
    assert (outcome.result, outcome.code) == ("failed", "external_id_conflict")
    assert Contact.objects.get(pk=second).first_name is None
    assert held(second) == {"X2"}


def test_i13_a_contact_takes_the_id_of_its_visitor():
    [visitor] = upsert(someone("V1", as_visitor=True), policy=Policy.EVENT)
    assert visitor.result == "visitor"
    [outcome] = upsert(someone("E1", "V1"))
    assert (outcome.result, outcome.contact_id) == ("created", visitor.contact_id)
    assert not Visitor.objects.exists()


def test_i14_a_login_on_a_shared_browser_takes_the_cookie_and_nothing_else():
    first, second = make("X1", "V1"), make("X2")
    [outcome] = upsert(someone("X2", "V1"))
    assert outcome.contact_id == second
    assert (held(first), held(second)) == ({"X1"}, {"X2", "V1"})
    assert list(IdentifierChange.objects.values_list("person_id", "value", "moved_to")) == [
        (first, "V1", second)
    ]


def test_i18_keeps_the_replaced_email_in_history():
    contact = make("E1", "P1")
    upsert(someone("E2", "P1"))
    change = IdentifierChange.objects.get()
    assert (change.person_id, change.value, change.reason) == (contact, "e1@example.com", "replaced")


def test_i4_the_token_only_contact_becomes_a_tombstone_with_all_its_tokens():
    first, second = make("X1", "E1"), make("T2", "T3", "D2")
    [outcome] = upsert(someone("X1", "T2"))
    assert (outcome.contact_id, outcome.merged) == (first, (second,))
    assert held(first) == {"X1", "E1", "T2", "T3", "D2"}
    tombstone = Contact.objects.get(pk=second)
    assert (tombstone.state, tombstone.merged_into) == ("merged", first)
    record = MergeRecord.objects.get()
    assert (record.matched_by, record.actor) == ("mobile", "test")
    assert not IdentifierChange.objects.exists()


def test_i4_somebody_with_an_address_loses_the_token_and_nothing_else():
    first, second = make("X1", "E1"), make("E2", "T2", "T3")
    [outcome] = upsert(someone("X1", "T2"))
    assert outcome.merged == ()
    assert (held(first), held(second)) == ({"X1", "E1", "T2"}, {"E2", "T3"})


def test_an_event_merges_nobody():
    first, second = make("X1", "E1"), make("T2")
    [outcome] = upsert(someone("X1", "T2"), policy=Policy.EVENT)
    assert outcome.contact_id == first
    assert held(second) == {"T2"}


def test_a_registration_joins_the_devices_met_before_it():
    app, tablet = make("T1"), make("T2", "D2")
    [login] = upsert(someone("X1", "E1", "T1"))
    assert login.contact_id == app
    [again] = upsert(someone("X1", "D2"))
    assert (again.contact_id, again.merged) == (app, (tablet,))
    assert held(app) == {"X1", "E1", "T1", "T2", "D2"}


def test_others_with_the_address_are_told_as_duplicates():
    first = make("E1", "X1")
    [outcome] = upsert(someone("X2", "E1"))
    assert outcome.duplicates == (first,)


def test_an_outcome_of_the_batch_means_who_is_left():
    make("X1")
    stray, login = upsert(someone("T1"), someone("X1", "T1"))
    assert stray.result == "created"
    assert stray.contact_id == login.contact_id
    assert Contact.objects.filter(state="active").count() == 1
