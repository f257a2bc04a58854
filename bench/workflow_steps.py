"""Workflow steps: due launches that leave a timer, pass a condition and wait again, against one UPDATE with its journal.

The limit does to the same rows what cannot be left out: one UPDATE of every launch, and one INSERT of its steps.
"""

import time
from datetime import UTC, datetime, timedelta

from django.db import connection

from bench.rounds import Result, measure
from events.models import EventType
from workflows.models import Run, WorkflowVersion
from workflows.services.compiled import compiled_version
from workflows.services.editing import create_workflow
from workflows.services.stepping import step_due

SIZES = {"small": 20_000, "full": 200_000}
BATCH = 5_000
NOW = datetime.now(UTC).replace(microsecond=0)
STEPS = 2  # of each launch: the timer it leaves, and the condition; then it rests on the next timer
CONTACTS = """
INSERT INTO contacts_contact (id, state, email, email_norm, data, provenance, location, created_at, updated_at, source,
                              source_detail, is_restricted, delete_reason)
SELECT 1000000 + n, 'active', 'u' || n || '@example.com', 'u' || n || '@example.com', '{}', '{}', '{}', %(now)s, %(now)s,
       'api', '', false, '' FROM generate_series(1, %(count)s) n
"""
LAUNCHES = """
INSERT INTO workflows_run (uid, workflow_id, version_id, person_id, state, node, number, entered_at, wake_at, wait, context,
                           sent, start_kind, event_key, solo_id, is_test, skips_waits, has_errors, started_at, reason)
SELECT gen_random_uuid(), %(workflow)s, %(version)s, 1000000 + n, 'running', 'n_first', 2, %(now)s, %(now)s,
       jsonb_build_object('due', %(due)s), jsonb_build_object('params', jsonb_build_object('total', n), 'at', %(due)s), '[]',
       'event', 'k' || n, 1000000 + n, false, false, false, %(now)s, '' FROM generate_series(1, %(count)s) n
"""
MOVE_ALL = """
UPDATE workflows_run SET node = 'n_second', number = number + 2, entered_at = %(now)s, wake_at = %(later)s,
    wait = jsonb_build_object('due', %(due)s) WHERE state = 'running' AND wake_at <= %(now)s
"""
NOTE_ALL = """
INSERT INTO workflows_runstep (run_id, person_id, number, node, version_id, entered_at, at, result, output, detail)
SELECT r.id, r.person_id, r.number - 2 + s, 'n_first', r.version_id, %(now)s, %(now)s, 'ok', 'next',
       jsonb_build_object('due', %(due)s)
FROM workflows_run r, generate_series(0, 1) s
"""
EXPECTED = "SELECT (SELECT count(*) FROM workflows_run WHERE node = 'n_second'), (SELECT count(*) FROM workflows_runstep)"


def run(*, rounds: int, size: str) -> list[Result]:
    bench = WorkflowBench(SIZES[size])
    return [
        measure(
            "workflow_steps",
            limit=bench.limit,
            product=bench.product,
            rounds=rounds,
            unit="steps/s",
            size=size,
        )
    ]


def document() -> dict:
    wait = {"wait": {"n": 1, "unit": "day"}}
    tree = {"tree": {"all": [{"left": "event.total", "op": "gt", "right": 0}]}}
    nodes = [
        {"id": "n_start", "type": "start"}, {"id": "n_first", "type": "timer", "data": {"params": wait}},
        {"id": "n_ask", "type": "condition", "data": {"params": tree}},
        {"id": "n_second", "type": "timer", "data": {"params": wait}}, {"id": "n_end", "type": "end"},
    ]  # fmt: skip
    ways = [
        ("n_start", "n_first", "next"),
        ("n_first", "n_ask", "next"),
        ("n_ask", "n_second", "yes"),
        ("n_second", "n_end", "next"),
    ]
    edges = [{"id": f"e{n}", "source": a, "target": b, "sourceHandle": h} for n, (a, b, h) in enumerate(ways)]
    start = {"kind": "event", "event": {"type": "BenchEvent"}}
    return {"name": "Bench", "start": start, "nodes": nodes, "edges": edges}


class WorkflowBench:
    """Launches that are due, each on its first timer."""

    def __init__(self, count: int) -> None:
        self.count = count
        EventType.objects.get_or_create(key="BenchEvent", defaults={"name": "BenchEvent", "created_at": NOW})
        saved = create_workflow(name="Bench", document=document(), actor="bench", now=NOW)
        if saved.version is None:
            raise RuntimeError("; ".join(str(problem) for problem in saved.problems))
        self.version: WorkflowVersion = saved.version
        compiled_version.cache_clear()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM contacts_contact WHERE id > 1000000")
            cursor.execute(CONTACTS, {"now": NOW, "count": count})
            cursor.execute("ANALYZE contacts_contact")

    def reset(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE workflows_run, workflows_runstep, workflows_nodetally")
            cursor.execute(LAUNCHES, {
                "workflow": self.version.workflow_id, "version": self.version.pk, "now": NOW, "due": NOW.isoformat(),
                "count": self.count,
            })  # fmt: skip
            cursor.execute("ANALYZE workflows_run")
            cursor.execute("CHECKPOINT")

    def verify(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(EXPECTED)
            found = cursor.fetchone()
        if found != (self.count, STEPS * self.count):
            raise RuntimeError(f"expected {self.count} launches with {STEPS} steps each; found {found}")

    def limit(self) -> float:
        """One UPDATE of all launches and one INSERT of all steps, in one transaction."""
        self.reset()
        values = {"now": NOW, "later": NOW + timedelta(days=1), "due": (NOW + timedelta(days=1)).isoformat()}
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(MOVE_ALL, values)
            cursor.execute(NOTE_ALL, values)
            cursor.execute("COMMIT")
        rate = STEPS * self.count / (time.perf_counter() - started)
        self.verify()
        return rate

    def product(self) -> float:
        """The engine's own batches."""
        self.reset()
        started = time.perf_counter()
        while step_due(limit=BATCH, now=NOW):
            pass
        rate = STEPS * self.count / (time.perf_counter() - started)
        self.verify()
        if Run.objects.exclude(state="running").exists():
            raise RuntimeError("a launch ended")
        return rate
