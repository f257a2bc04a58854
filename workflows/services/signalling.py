"""Works off signals: events start and stop launches, segments and lists stop them, merges and deliveries wake them.

One transaction a batch, one holder of the lane, ids ascending: a stop never overtakes the start before it. A batch that
fails for its data is halved; a signal that fails alone is kept as dead, with its reason.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef

from cdp.crash import crash_point
from cdp.hooks import HookError
from contacts.models import Contact, ContactState, ListMember
from events.models import EventFlag, EventType
from workflows.definition import conditions
from workflows.definition.conditions import Subject
from workflows.models import Run, SignalKind, Workflow, WorkflowListens
from workflows.services.candidates import Candidate
from workflows.services.compiled import Compiled, CompiledRule, compiled_version
from workflows.services.ending import end_runs
from workflows.services.journal import Journal
from workflows.services.starting import start_runs

log = structlog.get_logger(__name__)

HOLD_LANE = "SELECT 1 FROM workflows_signallane WHERE id = 1 FOR UPDATE SKIP LOCKED"
OLDEST = "SELECT id FROM workflows_signal ORDER BY id LIMIT %s"
TAKE = """
WITH taken AS (DELETE FROM workflows_signal WHERE id = ANY(%s) RETURNING id, kind, person_id, ref, event_id::text, flags, at)
SELECT * FROM taken ORDER BY id
"""
BURY = """
WITH taken AS (DELETE FROM workflows_signal WHERE id = %s RETURNING person_id, kind, ref, event_id, flags, at)
INSERT INTO workflows_deadsignal (person_id, kind, ref, event_id, flags, at, reason, failed_at)
SELECT person_id, kind, ref, event_id, flags, at, %s, %s FROM taken
"""
EVENTS = """
SELECT e.id::text, e.person_id, e.event_type_id, e.event_at, e.received_at, e.key_value, e.flags, e.params::text
FROM events_event e WHERE e.id = ANY(%s::uuid[]) AND e.event_at >= %s
"""
RECENT = timedelta(hours=26)
OF_PERSON = """
SELECT r.id FROM workflows_run r
JOIN unnest(%(people)s::bigint[], %(events)s::uuid[]) AS u (person_id, event_id)
  ON r.person_id = u.person_id AND r.workflow_id = %(workflow)s
WHERE r.state IN ('running', 'paused') AND (r.event_id IS NULL OR u.event_id IS NULL OR r.event_id <> u.event_id)
"""
OF_KEY = """
SELECT r.id FROM workflows_run r
JOIN unnest(%(keys)s::text[], %(events)s::uuid[]) AS u (key, event_id)
  ON r.event_key = u.key AND r.workflow_id = %(workflow)s
WHERE r.state IN ('running', 'paused') AND r.event_key <> '' AND (r.event_id IS NULL OR r.event_id <> u.event_id)
"""
WAKE = """
WITH due AS (
    SELECT id FROM workflows_run WHERE delivery_id = ANY(%s) AND state = 'running' AND wake_at > %s ORDER BY id FOR UPDATE
)
UPDATE workflows_run r SET wake_at = %s FROM due WHERE r.id = due.id
"""
KNOWN_CONTACTS = "SELECT id FROM contacts_contact WHERE id = ANY(%s) AND state = 'active'"


@dataclass(frozen=True, slots=True)
class News:
    """One signal."""

    id: int
    kind: int
    person_id: int
    ref: int
    event_id: str | None
    flags: int
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent:
    id: str
    person_id: int
    type_id: int
    at: datetime
    received_at: datetime
    key: str
    flags: int
    params: dict[str, Any]


@dataclass(slots=True)
class Listeners:
    """Workflows that listen: by event type those that start, and rules that stop by type, segment and list."""

    starts: dict[int, list[Compiled]] = field(default_factory=dict)
    stops: dict[tuple[int, int], list[tuple[int, CompiledRule]]] = field(default_factory=dict)


class LaneBusyError(Exception):
    """Another process works signals."""


def work_signals(*, limit: int, now: datetime) -> int:
    """Work off the oldest `limit` signals; returns how many are gone.

    Raises:
        OperationalError, InterfaceError, HookError: nobody's fault; nothing was done, all is tried again.
    """
    with connection.cursor() as cursor:
        cursor.execute(OLDEST, [limit])
        ids = [row[0] for row in cursor.fetchall()]
    return _work(ids, now=now) if ids else 0


def _work(ids: Sequence[int], *, now: datetime) -> int:
    try:
        return _work_batch(ids, now=now)
    except LaneBusyError:
        return 0
    except (OperationalError, InterfaceError, HookError):
        raise
    except Exception as error:
        if len(ids) == 1:
            log.exception("workflow_signal_failed", signal=ids[0])
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(BURY, [ids[0], f"{type(error).__name__}: {error}"[:2000], now])
            return 1
        middle = len(ids) // 2
        return _work(ids[:middle], now=now) + _work(ids[middle:], now=now)


def _work_batch(ids: Sequence[int], *, now: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit TO off")
        cursor.execute(HOLD_LANE)
        if cursor.fetchone() is None:
            raise LaneBusyError
        cursor.execute(TAKE, [list(ids)])
        news = [News(*row) for row in cursor.fetchall()]
        if not news:
            return 0
        journal = Journal(now)
        by_kind: dict[int, list[News]] = {}
        for one in news:
            by_kind.setdefault(one.kind, []).append(one)
        _merged(cursor, by_kind.get(SignalKind.MOVED, ()), journal)
        _events(by_kind.get(SignalKind.EVENT, ()), journal)
        _memberships(by_kind.get(SignalKind.ENTERED, ()), by_kind.get(SignalKind.JOINED, ()), journal)
        _gone(by_kind.get(SignalKind.GONE, ()), journal)
        _deliveries(cursor, by_kind.get(SignalKind.DELIVERY, ()), now=now)
        crash_point("workflow_signals_before_write")
        journal.write()
        crash_point("workflow_signals_before_commit")
    crash_point("workflow_signals_after_commit")
    return len(news)


def read_listeners(refs: Iterable[tuple[int, int]]) -> Listeners:
    """Published workflows that listen to these (kind, ref) pairs."""
    wanted = set(refs)
    rows = WorkflowListens.objects.filter(kind__in={k for k, _ in wanted}, ref__in={r for _, r in wanted})
    pairs = [row for row in rows.values_list("kind", "ref", "workflow_id") if (row[0], row[1]) in wanted]
    versions = dict(
        Workflow.objects.filter(pk__in={row[2] for row in pairs}, version__isnull=False).values_list(
            "pk", "version_id"
        )
    )
    keys = dict(
        EventType.objects.filter(pk__in=[r for k, r in wanted if k == SignalKind.EVENT]).values_list(
            "pk", "key"
        )
    )
    found = Listeners()
    for kind, ref, workflow_id in sorted(pairs):
        if workflow_id in versions:
            _listen(found, kind, ref, keys.get(ref, ""), compiled_version(versions[workflow_id]))
    return found


def _listen(found: Listeners, kind: int, ref: int, type_key: str, compiled: Compiled) -> None:
    start = compiled.definition.start
    if (
        kind == SignalKind.EVENT
        and start.enabled
        and start.event is not None
        and start.event.type == type_key
    ):
        found.starts.setdefault(ref, []).append(compiled)
    for rule in compiled.exit_rules:
        segment = rule.rule.segment
        by_event = kind == SignalKind.EVENT and type_key in rule.rule.types
        by_group = segment is not None and int(segment.id) == ref and kind == (
            SignalKind.ENTERED if segment.ref == "segment" else SignalKind.JOINED
        )  # fmt: skip
        if by_event or by_group:
            found.stops.setdefault((kind, ref), []).append((compiled.workflow_id, rule))


def _events(news: Sequence[News], journal: Journal) -> None:
    if not news:
        return
    listeners = read_listeners((SignalKind.EVENT, one.ref) for one in news)
    if not listeners.starts and not listeners.stops:
        return
    events = _stored(news, now=journal.now)
    for wave in waves(events, listeners):
        candidates = [
            Candidate(
                compiled.workflow_id, event.person_id, "event", event.at, event.key, event.id,
                compiled.definition.start.event.type if compiled.definition.start.event else "", event.params,
                event.received_at, event.flags,
            )
            for event in wave for compiled in listeners.starts.get(event.type_id, ())
        ]  # fmt: skip
        if candidates:
            start_runs(candidates, journal)
        _stop_by_events(wave, listeners, journal)


def _stored(news: Sequence[News], *, now: datetime) -> list[StoredEvent]:
    """The events of signals, in order; recent ones are read from the newest partitions only."""
    ids = [one.event_id for one in news if one.event_id]
    found: dict[str, StoredEvent] = {}
    oldest = min(one.at for one in news)
    with connection.cursor() as cursor:
        for since in (min(now, oldest) - RECENT, datetime.min.replace(year=1900, tzinfo=now.tzinfo)):
            missing = [one for one in ids if one not in found]
            if missing:
                cursor.execute(EVENTS, [missing, since])
                found.update(
                    {row[0]: StoredEvent(*[*row[:7], json.loads(row[7])]) for row in cursor.fetchall()}
                )
    return [found[one] for one in ids if one in found]


def waves(events: Sequence[StoredEvent], listeners: Listeners) -> list[list[StoredEvent]]:
    """Events cut so that within a wave, of one person or key, all that start come before all that stop."""
    found: list[list[StoredEvent]] = []
    at: dict[Any, int] = {}
    stopping: set[Any] = set()
    for event in events:
        who = event.person_id or event.key
        if event.type_id in listeners.starts and who in stopping:
            stopping.discard(who)
            at[who] = at.get(who, 0) + 1
        if (SignalKind.EVENT, event.type_id) in listeners.stops:
            stopping.add(who)
        place = at.get(who, 0)
        while len(found) <= place:
            found.append([])
        found[place].append(event)
    return found


def _stop_by_events(events: Sequence[StoredEvent], listeners: Listeners, journal: Journal) -> None:
    reasons: dict[int, str] = {}
    by_rule: dict[tuple[int, str], tuple[CompiledRule, list[StoredEvent]]] = {}
    for event in events:
        if event.flags & EventFlag.PAST:
            continue
        for workflow_id, rule in listeners.stops.get((SignalKind.EVENT, event.type_id), ()):
            fits = rule.tree is None or conditions.evaluate(
                rule.tree, Subject(event.params, {}, {}), now=journal.now
            )
            if fits:
                by_rule.setdefault((workflow_id, rule.rule.id), (rule, []))[1].append(event)
    if not by_rule:
        return
    with connection.cursor() as cursor:
        people = [event.person_id for _, matching in by_rule.values() for event in matching]
        cursor.execute(KNOWN_CONTACTS, [people])
        contacts = {row[0] for row in cursor.fetchall()}
        for (workflow_id, rule_id), (rule, matching) in sorted(by_rule.items(), key=lambda item: item[0]):
            for run_id in _stopped_runs(cursor, workflow_id, rule, matching, contacts):
                reasons.setdefault(run_id, f"exit:{rule_id}")
    end_runs(reasons, journal)


def _stopped_runs(
    cursor: Any, workflow_id: int, rule: CompiledRule, events: Sequence[StoredEvent], contacts: set[int]
) -> list[int]:
    """Open launches of the contact, or with the event's key when the event is of no contact, or the rule says key."""
    match = rule.rule.match
    by_person = [e for e in events if match != "key" and e.person_id in contacts]
    by_key = [
        e for e in events if match == "key" or (match == "contact_else_key" and e.person_id not in contacts)
    ]
    found: list[int] = []
    for statement, column, chosen in (
        (OF_PERSON, "people", [e.person_id for e in by_person]), (OF_KEY, "keys", [e.key for e in by_key]),
    ):  # fmt: skip
        of = by_person if column == "people" else by_key
        if of:
            cursor.execute(statement, {"workflow": workflow_id, column: chosen, "events": [e.id for e in of]})
            found.extend(row[0] for row in cursor.fetchall())
    return found


def _memberships(entered: Sequence[News], joined: Sequence[News], journal: Journal) -> None:
    """Exit rules by segment and list. Who left a list again meanwhile is not stopped."""
    news = [*entered, *joined]
    if not news:
        return
    lists = {one.ref for one in joined}
    on_list = set()
    if lists:
        rows = ListMember.objects.filter(list_id__in=lists, contact_id__in={one.person_id for one in joined})
        on_list = set(rows.values_list("list_id", "contact_id"))
    listeners = read_listeners((one.kind, one.ref) for one in news)
    reasons: dict[int, str] = {}
    with connection.cursor() as cursor:
        for (kind, ref), rules in sorted(listeners.stops.items()):
            people = sorted({
                one.person_id for one in news
                if (one.kind, one.ref) == (kind, ref) and (kind != SignalKind.JOINED or (ref, one.person_id) in on_list)
            })  # fmt: skip
            for workflow_id, rule in rules:
                values: dict[str, Any] = {
                    "workflow": workflow_id,
                    "people": people,
                    "events": [None] * len(people),
                }
                cursor.execute(OF_PERSON, values)
                for (run_id,) in cursor.fetchall():
                    reasons.setdefault(run_id, f"exit:{rule.rule.id}")
    end_runs(reasons, journal)


def _gone(news: Sequence[News], journal: Journal) -> None:
    """Launches of contacts that are no longer active."""
    people = {one.person_id for one in news}
    if people:
        active = Contact.objects.filter(pk=OuterRef("person_id"), state=ContactState.ACTIVE)
        rows = Run.objects.filter(~Exists(active), person_id__in=people, state__in=("running", "paused"))
        end_runs(dict.fromkeys(rows.values_list("pk", flat=True), "contact_deleted"), journal)


def _merged(cursor: Any, news: Sequence[News], journal: Journal) -> None:
    """Where a workflow allows one launch a contact, the older one of a merged contact goes on for the survivor."""
    people = {one.person_id for one in news}
    if not people:
        return
    rows = Run.objects.filter(person_id__in=people, state__in=("running", "paused"), solo_id__isnull=False)
    ordered = rows.order_by("started_at", "pk").values_list("pk", "workflow_id", "person_id", "solo_id")
    kept: dict[tuple[int, int], int] = {}
    younger: dict[int, str] = {}
    moved: list[tuple[int, int]] = []
    for pk, workflow_id, person_id, solo_id in ordered:
        if (workflow_id, person_id) in kept:
            younger[pk] = "duplicate_after_merge"
            continue
        kept[workflow_id, person_id] = pk
        if solo_id != person_id:
            moved.append((pk, person_id))
    end_runs(younger, journal)
    if moved:
        cursor.executemany(
            "UPDATE workflows_run SET solo_id = %s WHERE id = %s", [(p, pk) for pk, p in sorted(moved)]
        )


def _deliveries(cursor: Any, news: Sequence[News], *, now: datetime) -> None:
    if news:
        cursor.execute(WAKE, [[one.ref for one in news], now, now])
