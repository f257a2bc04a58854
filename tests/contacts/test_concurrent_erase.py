"""Processes that upsert, merge, undo and erase the same people at once: no deadlock, nobody half here and half gone."""

import pytest
from django.db import connection

from contacts.models import Contact, ContactAudit, PersonMove
from contacts.services.moves import work_moves
from contacts.services.upsert import ContactInput, Policy, upsert_contacts
from tests.contacts.people import NOW
from tests.processes import run_all

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

PEOPLE, ROUNDS = 300, 40

WORKER = """
import random, sys
import django
django.setup()
from datetime import UTC, datetime
from contacts.models import Contact, MergeRecord
from contacts.services.lifecycle import erase_contacts
from contacts.services.merging import merge_pairs
from contacts.services.moves import work_moves
from contacts.services.unmerging import undo_merge
from contacts.services.upsert import ContactInput, Policy, Token, upsert_contacts

from django.db import OperationalError
from events.services.processing import process_lane
from tests.events.inbox import accepted, event_type

kind = event_type()
seed, people, rounds, acts = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(",")
dice = random.Random(seed)

def item(n):
    kind = dice.random()
    tokens = (Token(kind="mobile", value=f"t{n}"), Token(kind="device", value=f"d{n}"))
    if kind < 0.2:
        return ContactInput(tokens=tokens)
    return ContactInput(
        external_id=f"U{n}" if kind < 0.8 else None, email=f"U{n}@example.com", email_norm=f"u{n}@example.com",
        phone=f"38067{n:07d}", tokens=tokens, fields={"first_name": f"P{seed}"},
    )

for _ in range(rounds):
    now = datetime.now(UTC)
    act = dice.choice(acts)
    some = [dice.randrange(people) for _ in range(dice.choice([1, 5, 30]))]
    if act == "upsert":
        outcomes = upsert_contacts([item(n) for n in dict.fromkeys(some)], policy=Policy.ADD, source="api", actor="t", now=now)
        assert {o.result for o in outcomes} <= {"created", "updated", "restored", "unchanged"}, outcomes
    ids = list(Contact.objects.filter(state="active").values_list("pk", flat=True))
    dice.shuffle(ids)
    if act == "merge":
        pairs = list(zip(ids[:8], ids[8:16])) + list(zip(ids[1:3], ids[0:2]))
        outcomes = merge_pairs(pairs, reason="", actor="t", now=now)
        assert {o.result for o in outcomes} <= {"merged", "unchanged", "refused"}, outcomes
    if act == "undo":
        for record in list(MergeRecord.objects.filter(undone_at=None).order_by("?").values_list("pk", flat=True)[:3]):
            undo_merge(record, actor="t", now=now)
    if act == "erase":
        erase_contacts(ids[:5], now=now, actor="t")
    if act == "move":
        work_moves(now=now)
    if act == "event":
        for n in some:
            accepted(kind, contact_id=dice.choice(ids) if ids and dice.random() < 0.3 else None,
                     external_id=f"U{n}" if dice.random() < 0.5 else None, email_norm=f"u{n}@example.com", email=f"u{n}@example.com")
        try:
            process_lane(0, limit=500, now=now)
        except OperationalError:
            pass  # the engine's own answer to a deadlock: nothing was stored, all is tried again
"""


def rows(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def check_people():
    """Nobody is half here: each fault is a list of rows."""
    faults = {
        "keys of nobody alive": """SELECT k.* FROM contacts_key k LEFT JOIN contacts_contact c ON c.id = k.person_id
            WHERE c.id IS NULL OR c.state NOT IN ('active', 'deleted')""",
        "external ids that differ from their key": """SELECT c.id FROM contacts_contact c WHERE external_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM contacts_key k WHERE k.kind = 'ext' AND k.value = c.external_id AND k.person_id = c.id)""",
        "external ids held twice": "SELECT external_id FROM contacts_contact WHERE external_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1",
        "addresses without a row": """SELECT c.id FROM contacts_contact c WHERE email_norm IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM contacts_address a WHERE a.kind = 'email' AND a.value = c.email_norm)""",
        "gone people who still hold something": """SELECT id FROM contacts_contact WHERE state IN ('merged', 'erased')
            AND (external_id IS NOT NULL OR email IS NOT NULL OR phone IS NOT NULL OR first_name IS NOT NULL OR data <> '{}')""",
        "tombstones that point at no one alive": """SELECT t.id FROM contacts_contact t LEFT JOIN contacts_contact w ON w.id = t.merged_into
            WHERE t.state = 'merged' AND (w.id IS NULL OR w.state NOT IN ('active', 'deleted'))""",
        "records of the erased": """SELECT r.id FROM contacts_mergerecord r JOIN contacts_contact c ON c.id IN (r.winner_id, r.loser_id)
            WHERE c.state = 'erased'""",
    }  # fmt: skip
    assert {name: found for name, statement in faults.items() if (found := rows(statement))} == {}


def seed_people():
    for start in range(0, PEOPLE, 100):
        upsert_contacts(
            [ContactInput(email=f"u{n}@example.com", email_norm=f"u{n}@example.com") for n in range(start, start + 100)],
            policy=Policy.BULK, source="api", actor="t", now=NOW,
        )  # fmt: skip


def settle():
    """What the engine does once nobody is at work: the moves that wait for older transactions are due."""
    PersonMove.objects.update(settle_xid=None)
    while PersonMove.objects.filter(settle_xid=None).exists():
        work_moves(now=NOW)


def check_events():
    """No event lies with somebody who is gone."""
    lost = """SELECT e.id FROM events_event e JOIN contacts_contact c ON c.id = e.person_id
        WHERE c.state IN ('merged', 'erased')"""
    assert rows(lost) == []


def test_events_against_merges_undone_merges_and_erasing():
    seed_people()
    acts = ["event", "event,upsert", "merge,undo,move", "erase,merge,move"]
    results = run_all(WORKER, [(seed, PEOPLE, ROUNDS, mix) for seed, mix in enumerate(acts)])
    assert [error[-3000:] for code, error in results if code] == []
    settle()
    check_people()
    check_events()
    assert rows("SELECT count(*) FROM events_event")[0][0] > 100


def test_upserts_against_erasing():
    acts = ["upsert", "upsert", "upsert,erase", "erase"]
    results = run_all(WORKER, [(seed, PEOPLE, ROUNDS, mix) for seed, mix in enumerate(acts)])
    assert [error[-3000:] for code, error in results if code] == []
    check_people()
    assert Contact.objects.filter(state="erased").exists()


def test_upserts_against_merges_undone_merges_and_erasing():
    seed_people()
    acts = ["upsert", "upsert,merge", "merge,undo,move", "erase,merge,undo,move"]
    results = run_all(WORKER, [(seed, PEOPLE, ROUNDS, mix) for seed, mix in enumerate(acts)])
    assert [error[-3000:] for code, error in results if code] == []
    check_people()
    done = set(ContactAudit.objects.values_list("action", flat=True))
    assert {"merged", "unmerged", "erased"} <= done
