"""What contacts announce when they change, beyond their columns: lists, keys, and states of addresses they hold."""

import pytest

from cdp.hooks import contacts_changed
from contacts.services.addresses import blacklist_address, unsubscribe_address
from contacts.services.lists import add_to_list, ensure_lists, remove_from_list
from contacts.services.upsert import Policy, Token
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard():
    """Words announced by contact id since the last look."""
    found: dict[int, set[str]] = {}

    def listen(batch):
        for contact_id, words in zip(batch.ids, batch.changes, strict=True):
            found.setdefault(contact_id, set()).update(words)

    contacts_changed.connect(listen)
    yield found
    contacts_changed.disconnect(listen)


def test_it_works(heard):
    [made] = upsert(someone("X1", "E1", "T1"))
    assert heard == {made.contact_id: {"created"}}


def test_lists_joined_and_left_are_announced_once(heard):
    [made] = upsert(someone("X1"))
    numbers = ensure_lists(["a", "b"], now=NOW)
    heard.clear()
    upsert(someone("X1", list_ids=(numbers["a"],)))
    add_to_list(numbers["b"], [made.contact_id], now=NOW)
    assert heard == {made.contact_id: {f"list.{numbers['a']}", f"list.{numbers['b']}"}}
    heard.clear()
    upsert(someone("X1", list_ids=(numbers["a"],)))
    assert heard == {}
    upsert(someone("X1", leave_list_ids=(numbers["a"],)))
    remove_from_list(numbers["b"], None, now=NOW)
    assert heard == {made.contact_id: {f"list.{numbers['a']}", f"list.{numbers['b']}"}}


def test_a_key_got_lost_or_switched_off_is_announced(heard):
    ann, bob = upsert(someone("X1", "T1"), someone("X2"))
    heard.clear()
    upsert(someone("X2", "T1"))
    assert heard == {ann.contact_id: {"key.mobile"}, bob.contact_id: {"key.mobile"}}
    heard.clear()
    upsert(someone("X2", "T1"))
    assert heard == {}
    upsert(someone("X2", tokens=(Token(kind="mobile", value="T1", is_active=False),)))
    assert heard == {bob.contact_id: {"key.mobile"}}


def test_the_state_of_an_address_is_announced_for_all_who_hold_it(heard):
    ann, bob = upsert(someone("X1", "E1"), someone("X2", "E1", dedupe=()), policy=Policy.BULK)
    assert ann.contact_id != bob.contact_id
    heard.clear()
    assert unsubscribe_address(kind="email", value="e1@example.com", reason="", actor="t", now=NOW)
    assert heard == {ann.contact_id: {"address.email"}, bob.contact_id: {"address.email"}}
    heard.clear()
    assert not unsubscribe_address(kind="email", value="e1@example.com", reason="", actor="t", now=NOW)
    assert heard == {}
    assert blacklist_address(kind="email", value="e1@example.com", reason="", actor="t", now=NOW)
    assert set(heard) == {ann.contact_id, bob.contact_id}


def test_an_address_that_must_be_confirmed_again_is_announced(heard):
    [ann] = upsert(someone("E1"))
    unsubscribe_address(kind="email", value="e1@example.com", reason="", actor="t", now=NOW)
    heard.clear()
    upsert(someone("E1"), policy=Policy.SUBSCRIBE)
    assert heard == {ann.contact_id: {"address.email"}}
