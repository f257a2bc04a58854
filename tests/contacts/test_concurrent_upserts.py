"""Eight processes upsert the same people at once: one contact each, no deadlock, no error.

`UPSERTS=100000 pytest tests/contacts/test_concurrent_upserts.py` runs as many in all; 16 000 by default.
"""

import os

import pytest

from contacts.models import Address, Contact, Key
from tests.processes import run_all

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

PROCESSES = 8
PEOPLE = int(os.environ.get("UPSERTS", "16000")) // PROCESSES

WORKER = """
import random, sys
import django
django.setup()
from datetime import UTC, datetime
from contacts.services.upsert import ContactInput, Policy, Token, upsert_contacts

seed, people = int(sys.argv[1]), int(sys.argv[2])
numbers = list(range(people))
random.Random(seed).shuffle(numbers)
sizes = random.Random(seed + 100)
while numbers:
    size = sizes.choice([1, 7, 50, 300])
    batch, numbers = numbers[:size], numbers[size:]
    outcomes = upsert_contacts(
        [
            ContactInput(
                external_id=f"U{n}", email=f"U{n}@example.com", email_norm=f"u{n}@example.com", phone=f"38067{n:07d}",
                tokens=(Token(kind="mobile", value=f"token-{n}"),), fields={"first_name": f"P{seed}"},
            )
            for n in batch
        ],
        policy=Policy.ADD, source="api", actor=f"p{seed}", now=datetime.now(UTC),
    )
    assert {outcome.result for outcome in outcomes} <= {"created", "updated", "unchanged"}, outcomes
"""


def test_one_contact_each():
    results = run_all(WORKER, [(seed, PEOPLE) for seed in range(PROCESSES)])
    errors = [error for _code, error in results]
    assert [code for code, _error in results] == [0] * PROCESSES, errors
    assert not any("deadlock_retried" in error for error in errors), "an upsert waited in the wrong order"
    assert Contact.objects.count() == PEOPLE
    assert Contact.objects.values("external_id").distinct().count() == PEOPLE
    assert Address.objects.count() == 2 * PEOPLE
    assert Key.objects.count() == 2 * PEOPLE
    owners = dict(Key.objects.filter(kind="mobile").values_list("value", "person_id"))
    ids = dict(Contact.objects.values_list("external_id", "pk"))
    assert owners == {f"token-{name[1:]}": pk for name, pk in ids.items()}
