"""Moves launches that are due: claims a batch, runs their blocks in groups, writes where they have come to.

One transaction a batch. A launch goes from block to block without returning to the queue until it waits, ends, or has
passed `MOST_IN_A_ROW` blocks. Each group runs in a savepoint: one that fails is halved until the launches that make it
fail stand alone; those fail, the others go on. Limit: one UPDATE with its journal (`python -m bench workflow_steps`).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg.types.json import Jsonb

from cdp.api.moments import zone_of
from cdp.crash import crash_point
from cdp.hooks import HookError
from cdp.models import Account
from cdp.sql import load
from workflows.blocks.base import Batch, Ends, Fails, Left, Outcome, Visit, Waits, handles
from workflows.blocks.flow import early_stops
from workflows.services.compiled import Compiled, CompiledNode, compiled_version
from workflows.services.journal import Journal

log = structlog.get_logger(__name__)

MOST_IN_A_ROW = 50
WRITE_CONTEXTS = """
UPDATE workflows_run r SET context = u.context, sent = u.sent
FROM unnest(%s::bigint[], %s::jsonb[], %s::jsonb[]) AS u (id, context, sent) WHERE r.id = u.id
"""
GONE: Outcome = Ends("stopped", "contact_deleted", result="stopped:contact_deleted")
STOPPED: Outcome = Ends("stopped", "workflow_stopped", result="stopped:workflow_stopped")
OPEN = ("running", "paused")


def step_due(*, limit: int, now: datetime) -> int:
    """Move at most `limit` due launches on; returns how many were claimed.

    Raises:
        OperationalError, InterfaceError: the database is away, or ended a deadlock; nothing was done.
        HookError: a handler of another app failed; nothing was done.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit TO off")
        cursor.execute(load("workflows", "claim_runs"), {"now": now, "limit": limit})
        visits = [Visit(*row) for row in cursor.fetchall()]
        for visit in visits:
            if visit.wait is not None:
                visit.wait = json.loads(visit.wait)  # type: ignore[arg-type]
        if not visits:
            return 0
        account = Account.objects.get(pk=1)
        walk = Walk(now, zone_of(account.time_zone), account.language)
        walk.run(visits)
        crash_point("workflow_batch_before_write")
        walk.write(visits)
        crash_point("workflow_batch_before_commit")
    crash_point("workflow_batch_after_commit")
    return len(visits)


@dataclass(slots=True)
class Walk:
    """One batch under way."""

    now: datetime
    zone: tzinfo
    language: str
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.now)

    def run(self, visits: Sequence[Visit]) -> None:
        groups: dict[tuple[int, str], list[Visit]] = {}
        for visit in visits:
            if visit.workflow_status == "paused" and not visit.is_test:
                visit.state = "paused"
                visit.wake_at = self.now
            else:
                groups.setdefault((visit.version_id, visit.node), []).append(visit)
        for _round in range(MOST_IN_A_ROW):
            if not groups:
                return
            current, groups = groups, {}
            for (version_id, node), group in current.items():
                self._run_group(version_id, node, group, groups)
                crash_point("workflow_block_done")
        for group in groups.values():  # fairness: the rest of a long way is walked in a later batch
            for visit in group:
                visit.wake_at = self.now

    def _run_group(
        self, version_id: int, node: str, group: list[Visit], groups: dict[tuple[int, str], list[Visit]]
    ) -> None:
        try:
            compiled = compiled_version(version_id)
            found = compiled.nodes[node]
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.exception("workflow_version_failed", version=version_id, node=node)
            for visit in group:
                self._end(visit, _internal(error))
            return
        outcomes = self._execute(compiled, found, group)
        for visit, outcome in zip(group, outcomes, strict=True):
            self._apply(compiled, found, visit, outcome, groups)

    def _execute(self, compiled: Compiled, found: CompiledNode, group: list[Visit]) -> list[Outcome]:
        """Outcomes of a group; halved while it fails."""
        try:
            with transaction.atomic():
                return self._outcomes(compiled, found, group)
        except (OperationalError, InterfaceError, HookError):
            raise
        except Exception as error:
            if len(group) == 1:
                log.exception("workflow_block_failed", run=group[0].run_id, node=found.node.id)
                return [_internal(error)]
            middle = len(group) // 2
            first = self._execute(compiled, found, group[:middle])
            return [*first, *self._execute(compiled, found, group[middle:])]

    def _outcomes(self, compiled: Compiled, found: CompiledNode, group: list[Visit]) -> list[Outcome]:
        decided: dict[int, Outcome] = {}
        for visit in group:
            if visit.contact_state != "active":
                decided[visit.run_id] = GONE
            elif visit.workflow_status in ("stopping", "archived") and not visit.is_test:
                decided[visit.run_id] = STOPPED
        asked = [visit for visit in group if visit.run_id not in decided] if decided else group
        if not asked:
            return [decided[visit.run_id] for visit in group]
        batch = self._batch(compiled, found, asked)
        if found.node.data.disabled:
            passed: Outcome = Left(found.block.outputs(found.params)[0], "skipped:disabled")
            answers = [passed] * len(asked)
        else:
            answers = self._checked(compiled, found, batch)
        if not decided:
            return answers
        decided.update((visit.run_id, answer) for visit, answer in zip(asked, answers, strict=True))
        return [decided[visit.run_id] for visit in group]

    def _batch(self, compiled: Compiled, found: CompiledNode, visits: Sequence[Visit]) -> Batch:
        return Batch(
            compiled.workflow_id, compiled.definition.name, compiled.version_id, compiled.definition, found.node, visits,
            self.now, self.zone, self.language,
        )  # fmt: skip

    def _checked(self, compiled: Compiled, found: CompiledNode, batch: Batch) -> list[Outcome]:
        """Run the block; the early-stop check of Start comes after every wait, and before what was held is sent."""
        start = compiled.start.params
        if not start.early_stop:
            return _run_block(found, batch)
        held = [visit for visit in batch.visits if visit.wait is not None and "held_since" in visit.wait]
        stopped = early_stops(start, batch, held)
        going = [visit for visit in batch.visits if visit.run_id not in stopped]
        outcomes: dict[int, Outcome] = {}
        if going:
            part = self._batch(compiled, found, going)
            outcomes = dict(zip((v.run_id for v in going), _run_block(found, part), strict=True))
        if found.block.is_wait:
            stopped |= early_stops(start, batch, [v for v in going if type(outcomes[v.run_id]) is Left])
        for run_id, reason in stopped.items():
            outcomes[run_id] = Ends("stopped", reason, result=f"stopped:{reason}")
        return [outcomes[visit.run_id] for visit in batch.visits]

    def _apply(
        self, compiled: Compiled, found: CompiledNode, visit: Visit, outcome: Outcome,
        groups: dict[tuple[int, str], list[Visit]],
    ) -> None:  # fmt: skip
        if type(outcome) is Waits:
            _keep_sent(visit, outcome)
            visit.wait, visit.wake_at, visit.delivery_id = outcome.wait, outcome.until, outcome.delivery_id
            return
        if type(outcome) is Fails:
            outcome = _after_failure(found, outcome)
        if type(outcome) is Ends:
            self._end(visit, outcome)
            return
        if type(outcome) is Left:
            self._leave(compiled, visit, outcome, groups)

    def _leave(
        self, compiled: Compiled, visit: Visit, outcome: Left, groups: dict[tuple[int, str], list[Visit]]
    ) -> None:
        node, output = visit.node, outcome.output
        _keep_sent(visit, outcome)
        target = compiled.targets.get((node, output))
        self._note(visit, outcome.result, outcome.detail, output, outcome.delivery_id)
        if outcome.data:
            visit.context.setdefault("steps", {})[node] = outcome.data
            visit.is_changed = True
        if target is None:  # a loose end is an End
            self.journal.count(visit.version_id, node, "end:completed", is_test=visit.is_test)
            visit.state, visit.wait, visit.delivery_id, visit.wake_at = "completed", None, None, self.now
            return
        self.journal.count(visit.version_id, node, f"out:{output}", is_test=visit.is_test)
        self.journal.count(visit.version_id, target, "entered", is_test=visit.is_test)
        visit.node, visit.number, visit.entered_at = target, visit.number + 1, self.now
        visit.wait, visit.delivery_id = None, None
        groups.setdefault((visit.version_id, target), []).append(visit)

    def _end(self, visit: Visit, outcome: Ends) -> None:
        self._note(visit, outcome.result, outcome.detail)
        self.journal.count(visit.version_id, visit.node, f"end:{outcome.state}", is_test=visit.is_test)
        visit.state, visit.reason = outcome.state, outcome.reason
        visit.wait, visit.delivery_id, visit.wake_at = None, None, self.now

    def _note(
        self,
        visit: Visit,
        result: str,
        detail: dict[str, Any] | None,
        output: str = "",
        delivery_id: int | None = None,
    ) -> None:
        if result.startswith(("failed:", "unknown:")):
            visit.has_errors = True
        self.journal.step(
            visit.run_id, visit.person_id, visit.number, visit.node, visit.version_id, visit.entered_at, result,
            output=output, delivery_id=delivery_id, detail=detail, is_test=visit.is_test,
        )  # fmt: skip

    def write(self, visits: Sequence[Visit]) -> None:
        changed = [visit for visit in visits if visit.is_changed]
        values: dict[str, Any] = {
            "now": self.now, "ids": array(v.run_id for v in visits), "nodes": texts(v.node for v in visits),
            "numbers": array(v.number for v in visits), "states": texts(v.state for v in visits),
            "entered": texts(v.entered_at.isoformat() for v in visits),
            "wakes": texts((v.wake_at or self.now).isoformat() for v in visits),
            "waits": texts(None if v.wait is None else json.dumps(v.wait) for v in visits),
            "deliveries": array("NULL" if v.delivery_id is None else v.delivery_id for v in visits),
            "reasons": texts(v.reason for v in visits), "errors": array("t" if v.has_errors else "f" for v in visits),
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(load("workflows", "write_runs"), values)
            if changed:
                columns: list[Any] = [
                    [v.run_id for v in changed], [Jsonb(v.context) for v in changed], [Jsonb(v.sent) for v in changed],
                ]  # fmt: skip
                cursor.execute(WRITE_CONTEXTS, columns)
        self.journal.write()


def array(values: Iterable[int | str]) -> str:
    """An array of numbers as PostgreSQL reads it; several times as fast as the driver's own writing of lists."""
    return f"{{{','.join(map(str, values))}}}"


def texts(values: Iterable[str | None]) -> str:
    """The same for texts."""
    quoted = (
        "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for value in values
    )
    return f"{{{','.join(quoted)}}}"


def _keep_sent(visit: Visit, outcome: Left | Waits) -> None:
    if outcome.sent is not None:
        visit.sent.append(outcome.sent)
        visit.is_changed = True


def _run_block(found: CompiledNode, batch: Batch) -> list[Outcome]:
    outcomes = found.block.execute(found.params, batch)
    if len(outcomes) != len(batch.visits):
        raise ValueError(f"{found.block.type} gave {len(outcomes)} outcomes for {len(batch.visits)} launches")
    return outcomes


def _internal(error: Exception) -> Ends:
    return Ends(
        "failed",
        "internal",
        result="failed:internal",
        detail={"error": f"{type(error).__name__}: {error}"[:500]},
    )


def _after_failure(found: CompiledNode, outcome: Fails) -> Outcome:
    """What follows a failure, as the block's settings say (product document, 13.5)."""
    on_error = found.node.data.on_error
    if on_error == "fail":
        return Ends("failed", outcome.result.partition(":")[2], result=outcome.result, detail=outcome.detail)
    exits = handles(found.block, found.params, on_error)
    if on_error == "branch":
        return Left("error", outcome.result, outcome.detail)
    return Left("no" if "no" in exits else exits[0], outcome.result, outcome.detail)
