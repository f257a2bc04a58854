"""Segments: conditions i to v against DuckDB over the same rows, a difference written, and live membership.

Data and conditions are those of the segment benchmark: full size 1 M people and 20 M events, small a tenth of it. Sets are
compared before a figure counts. With `--keep` the database stays, and a later run with `--keep` finds the rows in it and their
present instead of loading them anew.
"""

import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from django.db import connection, transaction
from django.db.models import F
from pyroaring import BitMap64

from bench.rounds import NoisyError, Result, measure
from contacts.models import ContactField, FieldGroup
from events.models import EventType, InboxEvent
from events.services.processing import process_lane
from segments.models import Build, Dirty, Segment
from segments.services import packing
from segments.services.builds import build_segment
from segments.services.chunks import changed_chunks, replace_members, stored_members
from segments.services.definitions import create_segment
from segments.services.evaluation import evaluate
from segments.services.indexes import index_parameter
from segments.services.journal import Difference, write_changes
from segments.services.live import work_queue
from segments.services.queue import mark_dirty

SIZES = {"small": (100_000, 2_000_000), "full": (1_000_000, 20_000_000)}
TYPES = ("BenchPage", "BenchDelivered", "BenchOpened", "BenchView", "BenchPurchase")
FIELDS = {
    "SCORE": ("integer", []), "TIER": ("select", ["basic", "silver", "gold", "platinum"]), "VIP": ("boolean", []),
    "LTV": ("decimal", []), "LANG": ("select", ["cs", "de", "pl", "sk"]),
}  # fmt: skip
PEOPLE = """
SELECT setseed(0.42);
INSERT INTO contacts_contact (id, state, is_restricted, external_id, email, email_norm, phone, location, data, provenance,
                              source, source_detail, delete_reason, created_at, updated_at)
SELECT n, 'active', false, 'x' || n, 'p' || n || '@example.com', 'p' || n || '@example.com', '3805' || n,
    jsonb_build_object('country', (ARRAY['CZ','SK','PL','DE','AT'])[1 + floor(5 * power(random(), 2))::int],
                       'city', 'city' || floor(10 * power(random(), 2))::int),
    jsonb_build_object('%(SCORE)s', floor(random() * 101)::int,
                       '%(TIER)s', (ARRAY['basic','silver','gold','platinum'])[1 + floor(4 * power(random(), 2))::int],
                       '%(VIP)s', random() < 0.05, '%(LTV)s', round((random() * 1000)::numeric, 2)::text,
                       '%(LANG)s', (ARRAY['cs','de','pl','sk'])[1 + floor(random() * 4)::int]),
    '{}', 'api', 'bench', '', '%(now)s', '%(now)s'
FROM generate_series(1, %(people)s) n
"""
EVENTS = """
SELECT setseed(0.43);
INSERT INTO events_event (person_id, event_at, id, event_type_id, seq, received_at, processed_at, flags, source,
                          key_value, params)
SELECT person, at, gen_random_uuid(), kind, n, at, at, 0, 'api', 'k', CASE kind
    WHEN %(BenchPurchase)s THEN jsonb_build_object(
        'category', 'cat' || floor(40 * u * u)::int, 'amount', round((5 + 200 * v)::numeric, 2),
        'sku', 's' || floor(5000 * w)::int, 'qty', 1 + floor(3 * v)::int)
    WHEN %(BenchView)s THEN jsonb_build_object('category', 'cat' || floor(40 * u * u)::int, 'sku', 's' || floor(5000 * w)::int)
    WHEN %(BenchPage)s THEN jsonb_build_object('url', 'https://shop.example/' || floor(5000 * w)::int, 'ref', 'r')
    ELSE jsonb_build_object('message', floor(300 * w)::int, 'channel', 'email') END
FROM (
    SELECT n, 1 + floor(%(people)s * power(random(), 1.5))::bigint AS person,
        timestamptz '%(now)s' - interval '730 days' + (n::float8 / %(events)s) * interval '730 days' AS at,
        (ARRAY[%(BenchPage)s, %(BenchPage)s, %(BenchPage)s, %(BenchPage)s, %(BenchPage)s, %(BenchDelivered)s, %(BenchDelivered)s,
               %(BenchOpened)s, %(BenchView)s, %(BenchPurchase)s])[1 + floor(random() * 10)::int] AS kind,
        random() AS u, random() AS v, random() AS w
    FROM generate_series(1, %(events)s) n
) made
"""
CONTACTS_OUT = """
COPY (SELECT id, location ->> 'country', (data ->> '%(SCORE)s')::int, data ->> '%(TIER)s' FROM contacts_contact)
TO STDOUT (FORMAT csv)
"""
EVENTS_OUT = """
COPY (SELECT person_id, event_type_id, extract(epoch FROM event_at), params ->> 'category', params ->> 'amount'
      FROM events_event) TO STDOUT (FORMAT csv)
"""


def field(key: str, cmp: str, value: Any) -> dict[str, Any]:
    return {"kind": "field", "field": key if "." in key else f"BENCH.{key}", "cmp": cmp, "value": value}


def event(key: str, days: int, **more: Any) -> dict[str, Any]:
    return {"kind": "event", "event": key, "window": {"type": "last", "amount": days, "unit": "day"}} | more


def every(*items: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "include": {"op": "and", "items": list(items)}}


CZ = field("location.country", "eq", "CZ")
II = event(
    "BenchPurchase", 30, where=[{"param": "category", "cmp": "eq", "value": "cat3"}], cmp="gte", value=2
)
III = event("BenchOpened", 90, cmp="eq", value=0)
IV = event("BenchPurchase", 365, measure={"fn": "sum", "param": "amount"}, cmp="gt", value=300)
CONDITIONS = {
    "i": every(CZ, field("SCORE", "gt", 50), field("TIER", "eq", "gold")),
    "ii": every(II),
    "iii": every(III),
    "iv": every(IV),
    "v": every(CZ, field("SCORE", "gt", 20), {"op": "or", "items": [II, IV]}, III),
}
BOUGHT = "SELECT person FROM e WHERE type = {purchase} AND moment <= {now} AND "
TWO = f"{BOUGHT}moment >= {{d30}} AND category = 'cat3' GROUP BY 1 HAVING count(*) >= 2"
OPENED = "SELECT person FROM e WHERE type = {opened} AND moment >= {d90} AND moment <= {now}"
SUM = f"{BOUGHT}moment >= {{d365}} GROUP BY 1 HAVING sum(amount) > 300"
UPDATE_CHUNK = "UPDATE segments_segmentchunk SET bits = %s, count = %s WHERE segment_id = %s AND chunk = %s"
INSERT_CHUNK = "INSERT INTO segments_segmentchunk (bits, count, segment_id, chunk) VALUES (%s, %s, %s, %s)"
LIMITS = {
    "i": "SELECT id FROM c WHERE country = 'CZ' AND score > 50 AND tier = 'gold'",
    "ii": TWO,
    "iii": f"SELECT id FROM c WHERE id NOT IN ({OPENED})",
    "iv": SUM,
    "v": f"SELECT id FROM c WHERE country = 'CZ' AND score > 20 AND (id IN ({TWO}) OR id IN ({SUM})) AND id NOT IN ({OPENED})",
}


def run(*, rounds: int, size: str) -> Iterator[Result]:
    """The figures, one by one.

    Raises:
        NoisyError: at the end, when the machine was too noisy for some of them.
    """
    bench = SegmentBench(*SIZES[size])
    noisy: list[str] = []
    try:
        for name, limit, product, unit in bench.figures():
            try:
                yield measure(name, limit=limit, product=product, rounds=rounds, unit=unit, size=size)
            except NoisyError as error:
                noisy.append(str(error))
    finally:
        bench.close()
    if noisy:
        raise NoisyError("; ".join(noisy))


def _kept_present(people: int, events: int) -> datetime | None:
    """The present of rows that an earlier run loaded at this size: the moment of the newest of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM contacts_contact WHERE source_detail = 'bench'")
        if cursor.fetchone()[0] != people:
            return None
        cursor.execute("SELECT count(*), max(event_at) FROM events_event")  # live ones may have been added
        count, newest = cursor.fetchone()
    return newest if count >= events else None


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def repeated(work: Callable[[], Any]) -> tuple[float, Any]:
    """Median seconds of at least five runs and half a second, and what the last one gave."""
    spent: list[float] = []
    found = None
    while len(spent) < 5 or sum(spent) < 0.5:
        seconds, found = timed(work)
        spent.append(seconds)
    return statistics.median(spent), found


class SegmentBench:
    def __init__(self, people: int, events: int) -> None:
        self.people = people
        kept = _kept_present(people, events)
        self.now = kept or datetime.now(UTC).replace(microsecond=0)
        self.home = Path(tempfile.mkdtemp(prefix="bench-segments-"))
        group, _ = FieldGroup.objects.get_or_create(key="BENCH", defaults={"name": "Bench"})
        words: dict[str, Any] = {"people": people, "events": events, "now": self.now.isoformat()}
        for key, (kind, options) in FIELDS.items():
            made, _ = ContactField.objects.get_or_create(
                group=group, key=key, defaults={"name": key, "type": kind, "options": options}
            )
            words[key] = made.pk
        for key in TYPES:
            kind_, _ = EventType.objects.get_or_create(
                key=key, defaults={"name": key, "created_at": self.now, "use_for_segmentation": True}
            )
            words[key] = kind_.pk
        self.words = words
        if kept is None:
            self._load()
        self._load_columnar()
        moments = {f"d{days}": (self.now - timedelta(days=days)).timestamp() for days in (30, 90, 365)}
        self.names = moments | {
            "now": self.now.timestamp(), "purchase": words["BenchPurchase"], "opened": words["BenchOpened"],
        }  # fmt: skip

    def _load(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE contacts_contact, events_event, events_inboxevent, segments_segment CASCADE"
            )
            cursor.execute(PEOPLE % self.words)
            cursor.execute(EVENTS % self.words)
            cursor.execute(f"SELECT setval('contacts_person_id_seq', {self.people + 1})")
            index_parameter("BenchPurchase", "category")
            cursor.execute("VACUUM ANALYZE contacts_contact, events_event")

    def figures(self) -> Iterator[tuple[str, Callable[[], float], Callable[[], float], str]]:
        """(name, limit, product, unit) of each figure; those of live membership over segments made for them."""
        for name in CONDITIONS:
            yield f"segment condition {name}", self.columnar(name), self.evaluated(name), "evaluations/s"
        yield "segment difference", self.bare_chunks, self.difference, "differences/s"
        self.make_segments()
        yield "event to member", self.commits, self.one_event, "1/s at p95"
        yield "1 000 dirty people", self.leaf_queries, self.thousand, "people/s"

    def close(self) -> None:
        self.columns.close()
        for path in self.home.iterdir():
            path.unlink()
        self.home.rmdir()

    def _load_columnar(self) -> None:
        """The same rows in DuckDB, typed, sorted as they came."""
        self.columns = duckdb.connect(
            str(self.home / "bench.duckdb"), config={"threads": os.cpu_count() or 2}
        )
        for name, statement in (("c", CONTACTS_OUT), ("e", EVENTS_OUT)):
            path = self.home / f"{name}.csv"
            with (
                connection.cursor() as cursor,
                cursor.copy(statement % self.words) as copy,
                path.open("wb") as out,
            ):
                for block in copy:
                    out.write(block)
        self.columns.execute(
            f"CREATE TABLE c AS SELECT * FROM read_csv('{self.home / 'c.csv'}', header=false, "
            "columns={'id': 'BIGINT', 'country': 'VARCHAR', 'score': 'INTEGER', 'tier': 'VARCHAR'})"
        )
        self.columns.execute(
            f"CREATE TABLE e AS SELECT * FROM read_csv('{self.home / 'e.csv'}', header=false, "
            "columns={'person': 'BIGINT', 'type': 'INTEGER', 'moment': 'DOUBLE', 'category': 'VARCHAR', "
            "'amount': 'DECIMAL(12,2)'})"
        )

    def columnar(self, name: str) -> Callable[[], float]:
        statement = LIMITS[name].format(**self.names)

        def limit() -> float:
            seconds, _rows = repeated(
                lambda: self.columns.execute(f"CREATE OR REPLACE TEMP TABLE found AS {statement}")
            )
            return 1 / seconds

        return limit

    def evaluated(self, name: str) -> Callable[[], float]:
        statement = LIMITS[name].format(**self.names)
        expected = BitMap64(sorted(row[0] for row in self.columns.execute(statement).fetchall()))

        def product() -> float:
            seconds, found = repeated(lambda: evaluate(CONDITIONS[name], now=self.now))
            if found != expected:
                raise RuntimeError(f"condition {name}: {len(found)} persons, DuckDB finds {len(expected)}")
            return 1 / seconds

        return product

    # A difference of one in a hundred people in a segment of 79 %

    def _reset_members(self) -> tuple[int, BitMap64, BitMap64]:
        Segment.objects.all().delete()
        segment = create_segment(name="Bench", definition=CONDITIONS["iii"], actor="bench", now=self.now)
        before = BitMap64(range(1, int(self.people * 0.79)))
        with transaction.atomic():
            replace_members(segment.pk, before=BitMap64(), after=before)
        step = 100
        changed = BitMap64(range(1, self.people, step))
        return segment.pk, before, before ^ changed

    def difference(self) -> float:
        """Chunks, journal and size, as the live path and the swap write them."""

        def once() -> float:
            segment_id, before, after = self._reset_members()

            def write() -> None:
                with transaction.atomic():
                    changed = Difference(segment_id, after - before, before - after, False, "data")
                    chunks = changed_chunks(segment_id, before=before, after=after)
                    write_changes([changed], chunks, now=self.now)

            seconds, _ = timed(write)
            if stored_members(segment_id) != after or self._journal(segment_id) != before ^ after:
                raise RuntimeError("the difference was not written")
            return seconds

        return 1 / statistics.median(once() for _ in range(9))

    def _journal(self, segment_id: int) -> BitMap64:
        with connection.cursor() as cursor:
            cursor.execute("SELECT person_id FROM segments_journal WHERE segment_id = %s", [segment_id])
            return BitMap64(sorted(row[0] for row in cursor.fetchall()))

    def bare_chunks(self) -> float:
        """The same bytes by one statement a chunk, in one transaction: an UPDATE, or an INSERT of chunks not there before."""

        def once() -> float:
            segment_id, before, after = self._reset_members()
            old = set(packing.chunks_in(before))
            parts = {number: packing.chunk_of(after, number) for number in packing.chunks_in(before ^ after)}
            rows = [(packing.serialise(ids), len(ids), segment_id, number) for number, ids in parts.items()]
            with connection.cursor() as cursor:

                def write() -> None:
                    with transaction.atomic():
                        for row in rows:
                            cursor.execute(UPDATE_CHUNK if row[3] in old else INSERT_CHUNK, row)

                seconds, _ = timed(write)
            if stored_members(segment_id) != after:
                raise RuntimeError("the limit wrote something else")
            return seconds

        return 1 / statistics.median(once() for _ in range(9))

    # 200 live segments

    def make_segments(self) -> None:
        Segment.objects.all().delete()
        for number in range(200):
            kind = number % 4
            spent = {"measure": {"fn": "sum", "param": "amount"}, "cmp": "gt", "value": 300}
            body = [
                every(field("SCORE", "gt", number // 2)),
                every(event("BenchPurchase", 30 + number // 4, cmp="gte", value=2)),
                every(event("BenchOpened", 30 + number // 4, cmp="eq", value=0)),
                every(CZ, event("BenchPurchase", 90 + number // 4, **spent)),
            ][kind]  # fmt: skip
            create_segment(name=f"Bench {number}", definition=body, actor="bench", now=self.now)
        Build.objects.update(state="idle")
        Segment.objects.update(
            built_fingerprint=F("fingerprint"), built_at=self.now
        )  # as if built: empty but for four
        for segment_id in Segment.objects.order_by("pk").values_list("pk", flat=True)[:4]:
            build_segment(segment_id, now=self.now)
        Dirty.objects.all().delete()

    def one_event(self, samples: int = 200) -> float:
        """An accepted event until its person's memberships are committed, one in flight."""
        spent = []
        for number in range(samples):
            InboxEvent.objects.create(
                event_id=uuid.uuid4(), event_type_id=self.words["BenchPurchase"], key_value="k", contact_id=1 + number,
                event_at=self.now, received_at=self.now, source="api", params={"category": "cat3", "amount": 10},
            )  # fmt: skip

            def work() -> None:
                process_lane(0, limit=100, now=self.now)
                while work_queue(now=self.now):
                    pass

            spent.append(timed(work)[0])
        if Dirty.objects.exists() or InboxEvent.objects.exists():
            raise RuntimeError("events or changes were left")
        return 1 / statistics.quantiles(spent, n=20)[-1]

    def commits(self, samples: int = 200) -> float:
        """The bare commit round trip."""
        spent = []
        with connection.cursor() as cursor:
            for _ in range(samples):

                def work() -> None:
                    with transaction.atomic():
                        cursor.execute("UPDATE cdp_account SET currency = currency")

                spent.append(timed(work)[0])
        return 1 / statistics.quantiles(spent, n=20)[-1]

    def thousand(self) -> float:
        """A thousand people who did something that 150 of the segments read."""
        persons = range(1, 100_000, 100)
        word = f"event.{self.words['BenchPurchase']}"
        mark_dirty([(word, person) for person in persons], now=self.now)
        seconds, _ = timed(lambda: work_queue(now=self.now))
        return len(persons) / seconds

    def leaf_queries(self) -> float:
        """One count over those people's events by the primary key, 100 times: what the leaves cannot do without."""
        with connection.cursor() as cursor:

            def work() -> None:
                for days in range(100):
                    cursor.execute(
                        "SELECT person_id, count(*) FROM events_event WHERE person_id = ANY(%s) AND event_type_id = %s "
                        "AND event_at >= %s GROUP BY 1 HAVING count(*) >= 2",
                        [
                            list(range(1, 100_000, 100)),
                            self.words["BenchPurchase"],
                            self.now - timedelta(days=30 + days),
                        ],
                    )
                    cursor.fetchall()

            seconds, _ = timed(work)
        return 1000 / seconds
