"""Works off `PersonMove`: what was too much for one transaction, and what came under an old id after it was left.

A move is over when nothing is left and every transaction that may have resolved an event to the old id has ended: such a
transaction wrote its id before it looked, so all of them are below the highest id of the moment after the move was seen.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q

from cdp.crash import crash_point
from cdp.hooks import ContactsChanged, contacts_changed
from contacts import persons
from contacts.models import PersonMove

SLICE_ROWS = 5_000
SLICE_MOVES = 200

NEXT_XID = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
COUNT_MOVED = """
UPDATE contacts_mergerecord r
SET moved = r.moved || jsonb_build_object(w.name, coalesce((r.moved ->> w.name)::bigint, 0) + w.rows)
FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS w (loser_id, name, rows)
WHERE r.loser_id = w.loser_id AND r.undone_at IS NULL
"""
# What a bulk request answered about the erased: [value looked by, contact id].
FORGET_MAPPINGS = """
UPDATE contacts_importsession s SET mapping = (
    SELECT coalesce(jsonb_agg(part ORDER BY place), '[]') FROM jsonb_array_elements(s.mapping) WITH ORDINALITY AS m (part, place)
    WHERE (part ->> 1)::bigint <> ALL(%(ids)s)
)
WHERE s.mapping <> '[]' AND EXISTS (SELECT 1 FROM jsonb_array_elements(s.mapping) part WHERE (part ->> 1)::bigint = ANY(%(ids)s))
"""


class OldestXid(models.Func):
    """The id below which every transaction is over."""

    template = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    arity = 0
    output_field = models.BigIntegerField()


def work_moves(*, now: datetime) -> int:
    """Do one slice in one transaction; returns how many rows and moves it handled."""
    with transaction.atomic(), connection.cursor() as cursor:
        due = PersonMove.objects.filter(Q(settle_xid=None) | Q(settle_xid__lte=OldestXid()))
        moves = list(due.select_for_update(skip_locked=True).order_by("pk")[:SLICE_MOVES])
        if not moves:
            return 0
        handled = _move(cursor, [m for m in moves if m.target_id is not None and m.origins is None], now)
        handled += _wipe(cursor, [m for m in moves if m.target_id is None])
        for move in moves:
            if move.origins is not None and handled < SLICE_ROWS:
                handled += _return(cursor, move, SLICE_ROWS - handled)
        if handled < SLICE_ROWS:
            handled += _settle(cursor, moves)
        crash_point("person_moves_before_commit")
    return handled


def _move(cursor: Any, moves: Sequence[PersonMove], now: datetime) -> int:
    pairs = [(move.source_id, move.target_id) for move in moves if move.target_id is not None]
    moved: dict[int, dict[str, int]] = defaultdict(dict)
    total = 0
    for table in persons.registry.values():
        if table.at_once or total >= SLICE_ROWS:
            continue
        counts = persons.move_rows(cursor, table, pairs, limit=SLICE_ROWS - total)
        total += sum(counts.values())
        for source, count in counts.items():
            moved[source][table.table] = moved[source].get(table.table, 0) + count
    rows = [(source, name, count) for source, counts in moved.items() for name, count in counts.items()]
    if rows:
        cursor.execute(COUNT_MOVED, [[row[place] for row in rows] for place in range(3)])
        _tell(sorted({target for source, target in pairs if source in moved}), now)
    return total


def _tell(targets: Sequence[int], now: datetime) -> None:
    """The people have rows they had not: other apps look at them again, muted."""
    contacts_changed.send(
        ContactsChanged(
            ids=targets,
            results=["updated"] * len(targets),
            changes=[frozenset({"moved"})] * len(targets),
            now=now,
            is_muted=True,
        )
    )


def _wipe(cursor: Any, moves: Sequence[PersonMove]) -> int:
    ids = [move.source_id for move in moves]
    if not ids:
        return 0
    cursor.execute(FORGET_MAPPINGS, {"ids": ids})
    total = int(cursor.rowcount)
    for table in persons.registry.values():
        if table.on_erase == "delete" and not table.at_once:
            total += sum(persons.wipe_rows(cursor, table, ids).values())
    return total


def _return(cursor: Any, move: PersonMove, limit: int) -> int:
    total = 0
    for table in persons.registry.values():
        total += persons.return_rows(
            cursor, table, source=move.source_id, target=move.target_id or 0, origins=move.origins or [],
            limit=limit - total,
        )  # fmt: skip
    return total


def finish_returns(cursor: Any, ids: Sequence[int]) -> None:
    """Give back at once what an undo left to the engine: one of the two is about to be wiped."""
    pending = PersonMove.objects.filter(origins__isnull=False)
    for move in pending.filter(Q(source_id__in=ids) | Q(target_id__in=ids)).order_by("pk"):
        _return(cursor, move, 2**31)
        move.delete()


def _settle(cursor: Any, moves: Sequence[PersonMove]) -> int:
    """Close the moves that waited for older transactions; note for the others which to wait for."""
    over = [move.pk for move in moves if move.settle_xid is not None]
    new = [move.pk for move in moves if move.settle_xid is None]
    PersonMove.objects.filter(pk__in=over).delete()
    if new:
        cursor.execute(NEXT_XID)
        PersonMove.objects.filter(pk__in=new).update(settle_xid=cursor.fetchone()[0])
    return len(moves)
