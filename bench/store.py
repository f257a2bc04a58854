"""Store events: the engine moving accepted events, against COPY in batches of 1 000 into the same table."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from bench.rounds import Result, measure
from cdp.engine import drain
from contacts.services.upsert import ContactInput, Policy, upsert_contacts
from events.engines import EventProcessing
from events.models import EventType

SIZES = {"small": 20_000, "full": 300_000}
PEOPLE = 20_000
BATCH = 1_000
NOW = datetime.now(UTC).replace(microsecond=0)


def run(*, rounds: int, size: str) -> list[Result]:
    bench = StoreBench(SIZES[size])
    return [
        measure("store", limit=bench.limit, product=bench.product, rounds=rounds, unit="events/s", size=size)
    ]


class StoreBench:
    """Events of `PEOPLE` known contacts, named by external id; three parameters each."""

    def __init__(self, count: int) -> None:
        self.count = count
        event_type, _ = EventType.objects.update_or_create(  # another program may have made it
            key="Bench", defaults={"name": "Bench", "created_at": NOW, "use_for_segmentation": True}
        )
        self.type_id = event_type.pk
        people = [ContactInput(external_id=f"b{n}") for n in range(PEOPLE)]
        outcomes = upsert_contacts(people, policy=Policy.ADD, source="api", actor="bench", now=NOW)
        self.person_ids = [outcome.contact_id for outcome in outcomes]
        self.params = [
            {"category": f"cat{n % 40}", "amount": n % 200 + 5, "sku": f"s{n % 5000}"} for n in range(5000)
        ]

    def rows(self) -> Iterator[tuple[int, datetime, dict[str, Any]]]:
        for number in range(self.count):
            person = (number * 7919) % PEOPLE
            yield person, NOW - timedelta(milliseconds=self.count - number), self.params[number % 5000]

    def reset(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE events_event, events_inboxevent, events_typehour")
            cursor.execute("CHECKPOINT")

    def verify(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE person_id > 0) FROM events_event"
            )
            found = cursor.fetchone()
        if found != (self.count,) * 3:
            raise RuntimeError(f"expected {self.count} events, each once and with its person; found {found}")

    def limit(self) -> float:
        """COPY of ready rows in batches, a transaction each."""
        self.reset()
        batch: list[tuple[Any, ...]] = []
        batches = []
        for number, (person, moment, params) in enumerate(self.rows()):
            batch.append(
                (
                    self.person_ids[person],
                    moment,
                    uuid.uuid4(),
                    self.type_id,
                    number,
                    moment,
                    NOW,
                    0,
                    "api",
                    "k",
                    Jsonb(params),
                )
            )
            if len(batch) == BATCH:
                batches.append(batch)
                batch = []
        text = "\n".join
        prepared = [text("\t".join(_text(value) for value in row) for row in rows) + "\n" for rows in batches]
        started = time.perf_counter()
        for body in prepared:
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    "COPY events_event (person_id, event_at, id, event_type_id, seq, received_at, processed_at, flags, source,"
                    " key_value, params) FROM STDIN"
                ) as copy,
            ):
                copy.write(body)
        rate = self.count / (time.perf_counter() - started)
        self.verify()
        return rate

    def product(self) -> float:
        """The engine draining a full inbox."""
        self.reset()
        with connection.cursor() as cursor:
            with cursor.copy(
                "COPY events_inboxevent (lane, event_id, event_type_id, key_value, external_id, params, event_at,"
                " received_at, source, flags, actor) FROM STDIN"
            ) as copy:
                for person, moment, params in self.rows():
                    copy.write_row(
                        (
                            0,
                            uuid.uuid4(),
                            self.type_id,
                            f"b{person}",
                            f"b{person}",
                            Jsonb(params),
                            moment,
                            moment,
                            "api",
                            0,
                            "",
                        )
                    )
            cursor.execute("ANALYZE events_inboxevent")
        started = time.perf_counter()
        drain(EventProcessing())
        rate = self.count / (time.perf_counter() - started)
        self.verify()
        return rate


def _text(value: Any) -> str:
    if isinstance(value, Jsonb):
        return str(value.obj).replace("'", '"')
    return str(value)
