"""The same upserts end in the same people in any batching, and in any order where the contacts document promises it."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import Contact, Key
from contacts.services.upsert import Policy, upsert_contacts
from tests.contacts.people import NOW, someone

WORDS = ["X1", "X2", "E1", "E2", "P1", "P2", "T1", "T2", "T3", "V1"]
REQUESTS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique_by=lambda word: word[0]),
        st.sampled_from(["Ann", "Bob", None]),
    ),
    min_size=1,
    max_size=8,
)
# Calls that all carry the strongest identifier, and strays known by a token alone.
STRONG = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["X1", "X2", "X3"]), st.sampled_from(["T1", "T2"])),
        st.tuples(st.sampled_from(["T1", "T2"])),
    ),
    min_size=1,
    max_size=6,
)
QUIET = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def people():
    """Everybody alive, by what they hold; ids and times left out."""
    keys = {}
    for person, kind, value in Key.objects.values_list("person_id", "kind", "value"):
        keys.setdefault(person, set()).add(f"{kind}:{value}")
    return sorted(
        (
            sorted(keys.get(row.pk, ())), row.external_id or "", row.email_norm or "", row.phone or "", row.first_name or "",
        )
        for row in Contact.objects.filter(state="active")
    )  # fmt: skip


def run(batches, policy=Policy.ADD):
    for batch in batches:
        upsert_contacts(batch, policy=policy, source="api", actor="test", now=NOW)
    return people()


def forget():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM contacts_key; DELETE FROM contacts_contact; DELETE FROM contacts_address; "
            "DELETE FROM contacts_visitor; DELETE FROM contacts_mergerecord"
        )


def inputs(requests):
    return [someone(*words, fields={"first_name": name} if name else {}) for words, name in requests]


@pytest.mark.django_db
@QUIET
@given(requests=REQUESTS, cuts=st.sets(st.integers(1, 7), max_size=3))
def test_any_batching_ends_in_the_same_people(requests, cuts):
    forget()
    one_by_one = run([[item] for item in inputs(requests)])
    forget()
    items = inputs(requests)
    edges = [0, *sorted(cut for cut in cuts if cut < len(items)), len(items)]
    in_batches = run([items[start:end] for start, end in pairwise(edges)])
    assert in_batches == one_by_one


@pytest.mark.django_db
@QUIET
@given(requests=STRONG, order=st.randoms(use_true_random=False))
def test_strays_known_by_a_token_join_the_same_person_whenever_they_come(requests, order):
    """Each token is used by one external id only, as of one owner; then the order of the calls does not matter."""
    owner = {}
    kept = []
    for request in requests:
        if len(request) == 2:
            owner.setdefault(request[1], request[0])
            if owner[request[1]] != request[0]:
                continue
        kept.append(request)
    forget()
    straight = run([[someone(*request)] for request in kept])
    shuffled = list(kept)
    order.shuffle(shuffled)
    forget()
    assert run([[someone(*request)] for request in shuffled]) == straight


@pytest.mark.django_db
@QUIET
@given(
    requests=st.lists(
        st.tuples(st.sampled_from(["X1", "X2"]), st.sampled_from(["E1", "P1", "T1"])), max_size=6
    )
)
def test_the_keys_of_calls_with_the_strongest_identifier_do_not_depend_on_batches(requests):
    forget()
    one_by_one = run([[someone(*request)] for request in requests])
    forget()
    assert run([[someone(*request) for request in requests]]) == one_by_one


def test_the_clock_of_the_requests_decides_between_holders_of_one_address(db):
    first, second = (
        upsert_contacts(
            [someone("E1", dedupe=())],
            policy=Policy.BULK,
            source="api",
            actor="t",
            now=NOW + timedelta(minutes=n),
        )[0].contact_id
        for n in range(2)
    )
    [found] = upsert_contacts([someone("E1")], policy=Policy.ADD, source="api", actor="t", now=NOW)
    assert found.contact_id == second
    assert found.duplicates == (first,)


@pytest.mark.django_db
@QUIET
@given(
    calls=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["E", "P", "T", "D"])), min_size=1, max_size=7
    ),
    order=st.randoms(use_true_random=False),
    cuts=st.sets(st.integers(1, 6), max_size=2),
)
def test_calls_with_the_strongest_identifier_end_alike_in_any_order_and_batching(calls, order, cuts):
    """Everybody has an address, a phone, a token and a device of their own, told bit by bit with the external id."""
    items = [(f"X{person}", f"{kind}{person}") for person, kind in calls]
    forget()
    straight = run([[someone(*words)] for words in items])
    shuffled = list(items)
    order.shuffle(shuffled)
    edges = [0, *sorted(cut for cut in cuts if cut < len(shuffled)), len(shuffled)]
    forget()
    batches = [[someone(*words) for words in shuffled[start:end]] for start, end in pairwise(edges)]
    assert run(batches) == straight
