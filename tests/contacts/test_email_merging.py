"""Contacts with the same confirmed e-mail are merged when the account asks for it (contacts document 3.3, step 4)."""

import pytest

from cdp.models import Account
from contacts.models import Address, Contact, MergeRecord
from contacts.services.inputs import Policy
from contacts.services.merging import merge_contacts
from tests.contacts.people import NOW, someone, upsert
from tests.contacts.test_merge import make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _wanted():
    Account.objects.update(merges_by_email=True)


@pytest.fixture
def ask(django_capture_on_commit_callbacks):
    def ask(*words, policy=Policy.ADD, **rest):
        with django_capture_on_commit_callbacks(execute=True):
            outcomes = upsert(*(someone(*parts.split(), **rest) for parts in words), policy=policy)
        return outcomes[0].contact_id

    return ask


def active():
    return set(Contact.objects.filter(state="active").values_list("pk", flat=True))


def test_it_works(ask):
    stray, another = make("E1", "P1"), make("E1", "P2", minutes=1)
    made = make("X1", minutes=2)
    assert ask("X1 E1") == made
    assert active() == {made}
    assert set(MergeRecord.objects.values_list("winner_id", "loser_id", "matched_by", "actor")) == {
        (made, stray, "email", "test"), (made, another, "email", "test"),
    }  # fmt: skip
    kept = Contact.objects.get(pk=made)
    assert (kept.external_id, kept.email_norm, kept.phone is not None) == ("X1", "e1@example.com", True)


@pytest.mark.parametrize("policy", [Policy.ADD, Policy.MANUAL, Policy.SDK, Policy.BULK])
def test_every_door_of_the_account_itself_does_it(ask, policy):
    make("E1"), make("E1", minutes=1)
    ask("X9 E1", policy=policy, dedupe=("email",) if policy is Policy.BULK else None)
    assert len(active()) == 1


@pytest.mark.parametrize("policy", [Policy.SUBSCRIBE, Policy.EVENT])
def test_a_form_and_an_event_merge_nobody(ask, policy):
    both = {make("E1"), make("E1", minutes=1)}
    ask("E1", policy=policy)
    assert active() == both


@pytest.mark.parametrize("status", ["unconfirmed", "unsubscribed", "spam", "blacklisted", "blocked"])
def test_an_address_that_is_not_confirmed_proves_nothing(ask, status):
    both = {make("E1"), make("E1", minutes=1)}
    Address.objects.update(status=status)
    ask("E1")
    assert active() == both


def test_whoever_has_an_external_id_or_is_gone_is_left_alone(ask):
    known, other = make("E1", "X1"), make("E1", "X2", minutes=1)
    gone = make("E1", minutes=2)
    Contact.objects.filter(pk=gone).update(state="deleted")
    made = ask("X3 E1")
    assert active() == {known, other, made}
    assert not MergeRecord.objects.exists()


def test_without_the_setting_contacts_share_the_address(ask):
    Account.objects.update(merges_by_email=False)
    both = {make("E1"), make("E1", minutes=1)}
    ask("E1")
    assert active() == both


def test_what_changed_before_the_merge_began_is_respected(django_capture_on_commit_callbacks):
    first, second, third = (make("E1", minutes=n) for n in range(3))
    with django_capture_on_commit_callbacks() as callbacks:
        upsert(someone("E1"))
    Contact.objects.filter(pk=first).update(email="z@x.io", email_norm="z@x.io")
    merge_contacts(third, [second], reason="", actor="ann", now=NOW)
    for callback in callbacks:
        callback()
    assert active() == {first, third}


def test_one_batch_names_the_same_people_twice(ask):
    make("E1"), make("E1", minutes=1), make("E2"), make("E2", minutes=1)
    ask("X1 E1", "X2 E2", "X1 E1 P1")
    assert set(Contact.objects.filter(state="active").values_list("external_id", flat=True)) == {"X1", "X2"}
