"""What a transaction notes: steps of launches, tallies of blocks, starts and refusals; written once, at its end.

Tallies are rows that every engine writes to: they are taken last and in one order, so that no two engines wait for
each other.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

COPY_STEPS = (
    "COPY workflows_runstep (run_id, person_id, number, node, version_id, entered_at, at, result, output, delivery_id,"
    " detail) FROM STDIN"
)
ADD_NODES = """
INSERT INTO workflows_nodetally (version_id, node, what, hour, count)
SELECT u.version_id, u.node, u.what, date_trunc('hour', %(now)s::timestamptz, 'UTC'), u.count
FROM unnest(%(versions)s::bigint[], %(nodes)s::text[], %(whats)s::text[], %(counts)s::bigint[])
    AS u (version_id, node, what, count)
ORDER BY 1, 2, 3
ON CONFLICT (version_id, node, what, hour) DO UPDATE SET count = workflows_nodetally.count + excluded.count
"""
ADD_STARTS = """
INSERT INTO workflows_starttally (workflow_id, day, reason, count)
SELECT u.workflow_id, (%(now)s::timestamptz AT TIME ZONE 'UTC')::date, u.reason, u.count
FROM unnest(%(workflows)s::bigint[], %(reasons)s::text[], %(counts)s::bigint[]) AS u (workflow_id, reason, count)
ORDER BY 1, 3
ON CONFLICT (workflow_id, day, reason) DO UPDATE SET count = workflows_starttally.count + excluded.count
"""
ADD_REFUSALS = """
INSERT INTO workflows_startrefusal (workflow_id, person_id, event_id, reason, at)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[], %s::text[], %s::timestamptz[])
"""
KEPT_REFUSALS = 1_000


def escape(text: str) -> str:
    """A text as COPY reads it."""
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text


@dataclass(slots=True)
class Journal:
    """Notes of one transaction."""

    now: datetime
    steps: list[str] = field(default_factory=list)
    nodes: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    starts: Counter[tuple[int, str]] = field(default_factory=Counter)
    refusals: list[tuple[int, int, str | None, str, datetime]] = field(default_factory=list)
    stamp: str = ""

    def __post_init__(self) -> None:
        self.stamp = self.now.isoformat()

    def step(
        self, run_id: int, person_id: int, number: int, node: str, version_id: int, entered_at: datetime, result: str,
        *, output: str = "", delivery_id: int | None = None, detail: dict[str, Any] | None = None, is_test: bool = False,
    ) -> None:  # fmt: skip
        """Note a step; `result` other than ok is tallied too."""
        delivery = "\\N" if delivery_id is None else str(delivery_id)
        told = "\\N" if detail is None else escape(json.dumps(detail, ensure_ascii=False, default=str))
        self.steps.append(
            f"{run_id}\t{person_id}\t{number}\t{node}\t{version_id}\t{entered_at.isoformat()}\t{self.stamp}\t"
            f"{escape(result)}\t{escape(output)}\t{delivery}\t{told}\n"
        )
        if result != "ok":
            self.count(version_id, node, f"result:{result}", is_test=is_test)

    def count(self, version_id: int, node: str, what: str, *, is_test: bool) -> None:
        """Tally for the graph; tests say nothing of how people fare."""
        if not is_test:
            self.nodes[version_id, node, what] += 1

    def refuse(self, workflow_id: int, person_id: int, event_id: str | None, reason: str) -> None:
        self.starts[workflow_id, reason] += 1
        self.refusals.append((workflow_id, person_id, event_id, reason, self.now))

    def write(self) -> None:
        """Write everything, in the caller's transaction; nothing may be locked after it."""
        with connection.cursor() as cursor:
            if self.steps:
                with cursor.copy(COPY_STEPS) as copy:
                    copy.write("".join(self.steps))
            if self.refusals:
                cursor.execute(ADD_REFUSALS, [list(column) for column in zip(*self._newest(), strict=True)])
            if self.starts:
                rows = sorted(self.starts.items())
                values: dict[str, Any] = {
                    "now": self.now, "workflows": [k[0] for k, _ in rows], "reasons": [k[1] for k, _ in rows],
                    "counts": [count for _, count in rows],
                }  # fmt: skip
                cursor.execute(ADD_STARTS, values)
            if self.nodes:
                found = sorted(self.nodes.items())
                cursor.execute(ADD_NODES, {
                    "now": self.now, "versions": [k[0] for k, _ in found], "nodes": [k[1] for k, _ in found],
                    "whats": [k[2] for k, _ in found], "counts": [count for _, count in found],
                })  # fmt: skip

    def _newest(self) -> list[tuple[int, int, str | None, str, datetime]]:
        """The newest refusals of each workflow; more than are kept would be deleted again."""
        seen: Counter[int] = Counter()
        kept = []
        for row in reversed(self.refusals):
            seen[row[0]] += 1
            if seen[row[0]] <= KEPT_REFUSALS:
                kept.append(row)
        return kept[::-1]
