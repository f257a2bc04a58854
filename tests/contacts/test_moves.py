"""A transaction that resolved an event to somebody before a merge or an erasing commits may store it after: it follows."""

import uuid

import pytest
from django.db import connection

from contacts.models import PersonMove
from contacts.services.lifecycle import erase_contacts
from contacts.services.merging import merge_contacts
from contacts.services.moves import work_moves
from events.models import Event
from tests.contacts.people import NOW, someone, upsert
from tests.events.inbox import event_type

pytestmark = pytest.mark.django_db(transaction=True)

STORE = """
INSERT INTO events_event (person_id, event_at, id, event_type_id, seq, received_at, processed_at, flags, source, key_value, params)
VALUES (%s, %s, %s, %s, 1, %s, %s, 0, 'api', 'late', '{}')
"""


@pytest.fixture
def other():
    """A second session, in the middle of a transaction that has an id, as event processing has."""
    session = connection.copy()
    with session.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT pg_current_xact_id()")
    yield session
    session.close()


def store_late(session, person_id, kind):
    with session.cursor() as cursor:
        cursor.execute(STORE, [person_id, NOW, uuid.uuid4(), kind.pk, NOW, NOW])
        cursor.execute("COMMIT")


def work_all():
    """The engine, once the transactions of the time are over (those of other databases are let be)."""
    PersonMove.objects.update(settle_xid=None)
    work_moves(now=NOW)


@pytest.mark.parametrize("act", ["merge", "erase"])
def test_a_move_lives_as_long_as_a_transaction_that_may_know_the_old_id(other, act):
    kind = event_type()
    kept, gone = (upsert(someone(word))[0].contact_id for word in ("X1", "E2"))
    if act == "merge":
        merge_contacts(kept, [gone], reason="", actor="ann", now=NOW)
    else:
        erase_contacts([gone], actor="ann", now=NOW)
    for _ in range(5):
        work_moves(now=NOW)
    assert PersonMove.objects.get().settle_xid is not None
    store_late(other, gone, kind)
    work_all()
    assert list(Event.objects.values_list("person_id", flat=True)) == ([kept] if act == "merge" else [])
