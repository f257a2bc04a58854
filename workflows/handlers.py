"""Handlers of other apps' hooks: each appends what concerns a workflow to the queue of signals, in one statement.

What concerns none is left out by a join with `WorkflowListens`, or with the launches that are open.
"""

from typing import Any

from django.db import connection, transaction

from cdp.bell import ring
from cdp.hooks import ContactsChanged, EventsProcessed, MembershipChanged, MessageActivity, PersonsMoved
from workflows.models import SignalKind, WorkflowListens

ENGINE = "workflow_signals"
EVENTS = """
INSERT INTO workflows_signal (kind, person_id, ref, event_id, flags, at)
SELECT %(kind)s, u.person_id, u.type_id, u.event_id, u.flags, %(now)s
FROM unnest(%(events)s::uuid[], %(people)s::bigint[], %(types)s::bigint[], %(flags)s::int[]) WITH ORDINALITY
    AS u (event_id, person_id, type_id, flags, place)
WHERE u.type_id IN (SELECT ref FROM workflows_workflowlistens WHERE kind = %(kind)s)
ORDER BY u.place
"""
ENTERED = """
INSERT INTO workflows_signal (kind, person_id, ref, flags, at)
SELECT %(kind)s, m.person_id, m.segment_id, 0, %(now)s FROM segments_journal m
WHERE m.pass_id = %(pass)s AND m.is_entering AND NOT m.is_muted AND m.segment_id = ANY(%(segments)s)
ORDER BY m.segment_id, m.person_id
"""
LISTENED = "SELECT DISTINCT ref FROM workflows_workflowlistens WHERE kind = %s AND ref = ANY(%s)"
JOINED = """
INSERT INTO workflows_signal (kind, person_id, ref, flags, at)
SELECT %(kind)s, u.person_id, u.list_id, 0, %(now)s
FROM unnest(%(people)s::bigint[], %(lists)s::bigint[]) AS u (person_id, list_id)
WHERE u.list_id IN (SELECT ref FROM workflows_workflowlistens WHERE kind = %(kind)s)
"""
OPEN = "EXISTS (SELECT 1 FROM workflows_run r WHERE r.person_id = {} AND r.state IN ('running', 'paused'))"
GONE = f"""
INSERT INTO workflows_signal (kind, person_id, ref, flags, at)
SELECT %(kind)s, u.person_id, 0, 0, %(now)s FROM unnest(%(people)s::bigint[]) AS u (person_id)
WHERE {OPEN.format("u.person_id")}
"""
MOVED = f"""
INSERT INTO workflows_signal (kind, person_id, ref, flags, at)
SELECT %(kind)s, u.target, u.source, 0, %(now)s FROM unnest(%(targets)s::bigint[], %(sources)s::bigint[]) AS u (target, source)
WHERE {OPEN.format("u.target")} OR {OPEN.format("u.source")}
"""
DELIVERIES = """
INSERT INTO workflows_signal (kind, person_id, ref, flags, at)
SELECT %(kind)s, r.person_id, r.delivery_id, 0, %(now)s FROM workflows_run r
WHERE r.delivery_id = ANY(%(deliveries)s) AND r.state = 'running'
"""


def _append(statement: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        if cursor.rowcount:
            transaction.on_commit(lambda: ring(ENGINE))


def event_types_heard() -> list[int]:
    """Event types that some workflow listens to."""
    rows = WorkflowListens.objects.filter(kind=SignalKind.EVENT).values_list("ref", flat=True).distinct()
    return [int(ref) for ref in rows]


def keep_events(batch: EventsProcessed) -> None:
    _append(
        EVENTS, kind=int(SignalKind.EVENT), events=list(batch.event_ids), people=list(batch.person_ids),
        types=list(batch.type_ids), flags=list(batch.flags), now=batch.now,
    )  # fmt: skip


def keep_membership(batch: MembershipChanged) -> None:
    """Who entered segments that a workflow listens to; the journal is read for none other."""
    kind = int(SignalKind.ENTERED)
    with connection.cursor() as cursor:
        cursor.execute(LISTENED, [kind, list(batch.segment_ids)])
        segments = [ref for (ref,) in cursor.fetchall()]
    if segments:
        _append(ENTERED, **{"kind": kind, "pass": batch.pass_id, "segments": segments, "now": batch.now})


def keep_contacts(batch: ContactsChanged) -> None:
    """Contacts that joined a list, and those that are gone."""
    gone = [
        pk for pk, result in zip(batch.ids, batch.results, strict=True) if result in ("deleted", "merged")
    ]
    if gone:
        _append(GONE, kind=int(SignalKind.GONE), people=gone, now=batch.now)
    joined = [
        (pk, int(name.removeprefix("list.")))
        for pk, changed in zip(batch.ids, batch.changes, strict=True)
        for name in changed
        if name.startswith("list.")
    ]
    if joined and not batch.is_muted:
        people, lists = [pk for pk, _ in joined], [number for _, number in joined]
        _append(JOINED, kind=int(SignalKind.JOINED), people=people, lists=lists, now=batch.now)


def keep_moves(batch: PersonsMoved) -> None:
    _append(
        MOVED,
        kind=int(SignalKind.MOVED),
        targets=list(batch.target_ids),
        sources=list(batch.source_ids),
        now=batch.now,
    )


def keep_activity(batch: MessageActivity) -> None:
    _append(DELIVERIES, kind=int(SignalKind.DELIVERY), deliveries=list(batch.delivery_ids), now=batch.now)
