"""Merging: pairs in batches of 1 000, against one transaction per merge; rows that move are told apart.

The figure is pairs a second with five events and two tokens a merged contact. `merge rows` moves many events of few
pairs: rows a second, against a bare UPDATE of the same rows.
"""

import time
from datetime import UTC, datetime

from django.db import connection

from bench.rounds import Result, measure
from contacts import persons
from contacts.services.merging import merge_pairs

SIZES = {"small": (2_000, 200, 20_000), "full": (20_000, 1_000, 200_000)}
NOW = datetime.now(UTC).replace(microsecond=0)
BATCH = 1_000
EVENTS = 5

TABLES = (
    "contacts_contact, contacts_key, contacts_address, contacts_mergerecord, contacts_contactaudit, contacts_personmove, "
    "contacts_listmember, contacts_identifierchange, events_event"
)
MAKE = """
INSERT INTO contacts_contact (id, state, external_id, email, email_norm, phone, first_name, data, provenance, location,
    created_at, updated_at, source, source_detail, is_restricted, delete_reason)
SELECT n, 'active', CASE WHEN n %% 2 = 0 THEN 'u' || n END, 'U' || n || '@example.com', 'u' || n || '@example.com',
    CASE WHEN n %% 2 = 1 THEN '38067' || lpad(n::text, 7, '0') END, 'Olena', '{"1": "2000-01-02"}', '{}', '{}', %(now)s, %(now)s,
    'api', '', false, '' FROM generate_series(2, %(last)s) n;
INSERT INTO contacts_key (kind, value, person_id, scope, is_active, created_at)
SELECT 'ext', 'u' || n, n, '', true, %(now)s FROM generate_series(2, %(last)s, 2) n
UNION ALL SELECT 'mobile', k || 't' || n, n, '', true, %(now)s FROM generate_series(3, %(last)s, 2) n, generate_series(1, 2) k;
INSERT INTO contacts_address (kind, value, status, previous_status, status_at, reason, actor, soft_errors, is_sms_capable)
SELECT 'email', 'u' || n || '@example.com', 'active', '', %(now)s, '', '', 0, true FROM generate_series(2, %(last)s) n
UNION ALL
SELECT 'phone', '38067' || lpad(n::text, 7, '0'), 'active', '', %(now)s, '', '', 0, true FROM generate_series(3, %(last)s, 2) n;
"""
MAKE_EVENTS = """
INSERT INTO events_event
    (person_id, event_at, id, event_type_id, seq, received_at, processed_at, flags, source, key_value, params)
SELECT n, %(now)s, gen_random_uuid(), 1, n, %(now)s, %(now)s, 0, 'api', 'k', '{"a": 1}'
FROM generate_series(3, %(last)s, 2) n, generate_series(1, %(events)s)
"""


def run(*, rounds: int, size: str) -> list[Result]:
    pairs, single, rows = SIZES[size]
    bench = MergeBench(pairs, single)
    moving = MoveBench(rows)
    return [
        measure("merge", limit=bench.single, product=bench.batch, rounds=rounds, unit="pairs/s", size=size),
        measure(
            "merge rows", limit=moving.bare, product=moving.moved, rounds=rounds, unit="rows/s", size=size
        ),
    ]


def prepare(pairs: int, events: int) -> list[tuple[int, int]]:
    """Pairs (winner, loser) of alike contacts; only losers have events."""
    values = {"now": NOW, "last": 2 * pairs + 1, "events": events}
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {TABLES} CASCADE")
        for statement in MAKE.split(";"):
            if statement.strip():
                cursor.execute(statement, values)
        cursor.execute(MAKE_EVENTS, values)
        cursor.execute("ANALYZE contacts_contact, contacts_key, contacts_address, events_event")
    return [(2 * n, 2 * n + 1) for n in range(1, pairs + 1)]


def verify(pairs: int, events: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM contacts_contact WHERE state = 'merged'), (SELECT count(*) FROM contacts_mergerecord),"
            " (SELECT count(*) FROM events_event WHERE original_person_id IS NOT NULL)"
        )
        found = cursor.fetchone()
    if found[:2] != (pairs, pairs) or found[2] < min(events * pairs, persons.MOST_MOVED_AT_ONCE):
        raise RuntimeError(f"expected {pairs} merges; found {found}")


class MergeBench:
    """The same pairs, in batches and one by one (the limit is what a batch is held against: its ratio is to exceed 15)."""

    def __init__(self, pairs: int, single: int) -> None:
        self.count = pairs
        self.single_count = single

    def single(self) -> float:
        """One transaction per merge."""
        wanted = prepare(self.single_count, EVENTS)
        started = time.perf_counter()
        for pair in wanted:
            merge_pairs([pair], reason="bench", actor="bench", now=NOW)
        rate = self.single_count / (time.perf_counter() - started)
        verify(self.single_count, EVENTS)
        return rate

    def batch(self) -> float:
        wanted = prepare(self.count, EVENTS)
        started = time.perf_counter()
        for start in range(0, self.count, BATCH):
            merge_pairs(wanted[start : start + BATCH], reason="bench", actor="bench", now=NOW)
        rate = self.count / (time.perf_counter() - started)
        verify(self.count, EVENTS)
        return rate


class MoveBench:
    """Many events of ten pairs: re-pointed through the registry, against one bare UPDATE."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.pairs = 10

    def bare(self) -> float:
        prepare(self.pairs, self.rows // self.pairs)
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE events_event SET original_person_id = person_id, person_id = person_id - 1"
            )
        return self.rows / (time.perf_counter() - started)

    def moved(self) -> float:
        wanted = [(loser, winner) for winner, loser in prepare(self.pairs, self.rows // self.pairs)]
        table = persons.registry[("events_event", "person_id")]
        started = time.perf_counter()
        total = 0
        with connection.cursor() as cursor:
            while count := sum(
                persons.move_rows(cursor, table, wanted, limit=persons.MOST_MOVED_AT_ONCE).values()
            ):
                total += count
        rate = self.rows / (time.perf_counter() - started)
        if total != self.rows:
            raise RuntimeError(f"expected {self.rows} rows to move; {total} did")
        return rate
