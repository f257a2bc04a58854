"""The registry of person tables: every table with rows of people, and how its rows follow a person.

Apps register theirs in `AppConfig.ready()`. Attaching a visitor, merging, undoing and erasing walk the registry; a test
holds every table with a person column against it.

Up to `MOST_MOVED_AT_ONCE` rows follow in the caller's transaction. A `PersonMove` is kept for every pair: the engine
`person_moves` moves the rest, and what transactions still store under the old id that resolved it before.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.apps import apps

from cdp.hooks import PersonsMoved, persons_moved

MOST_MOVED_AT_ONCE = 5_000

OnMove = Literal["move", "union", "drop", "stay"]
Moved = dict[int, dict[str, int]]  # source → table → rows


@dataclass(frozen=True, slots=True)
class PersonTable:
    """One table.

    Attributes:
        on_move: `move` re-points rows; `union` re-points those that break no unique key and drops the rest;
            `drop` deletes the source's rows; `stay` leaves them, because the app itself knows better.
        unique_with: for `union`, the other columns of the unique key.
        keeps_origin: rows have `original_person_id`, filled at the first move; an undone merge gives them back.
        on_erase: `delete`, or `keep` for rows that hold nothing personal.
        at_once: few rows a person, moved whole with the person under its locks and never by the engine.
    """

    table: str
    column: str = "person_id"
    on_move: OnMove = "move"
    unique_with: tuple[str, ...] = ()
    keeps_origin: bool = False
    on_erase: Literal["delete", "keep"] = "delete"
    at_once: bool = False


registry: dict[tuple[str, str], PersonTable] = {}


def register(*tables: PersonTable) -> None:
    for table in tables:
        registry[(table.table, table.column)] = table


def move_rows(
    cursor: Any, table: PersonTable, pairs: Sequence[tuple[int, int]], *, limit: int
) -> dict[int, int]:
    """Re-point at most `limit` rows of one table from the sources of `pairs` to their targets.

    No target is also a source. Returns how many rows of each source were touched; three statements at most.
    """
    if not pairs or limit <= 0 or table.on_move == "stay":
        return {}
    values = {"sources": [s for s, _ in pairs], "targets": [t for _, t in pairs], "limit": limit}
    if table.on_move == "union":
        cursor.execute(_drop_doubles(table), values)
    cursor.execute(_drop(table) if table.on_move == "drop" else _repoint(table), values)
    return dict(cursor.fetchall())


PAIRS = "unnest(%(sources)s::bigint[], %(targets)s::bigint[]) AS p (source, target)"


def _pick(table: PersonTable, more: str = "") -> str:
    return (
        f"SELECT t.ctid AS row, t.tableoid AS part, p.source, p.target FROM {PAIRS} "
        f"JOIN {table.table} t ON t.{table.column} = p.source{more} LIMIT %(limit)s"
    )


def _counted(statement: str) -> str:
    return f"WITH done AS ({statement}) SELECT source, count(*) FROM done GROUP BY source"


def _repoint(table: PersonTable) -> str:
    origin = (
        f", original_person_id = coalesce(t.original_person_id, t.{table.column})"
        if table.keeps_origin
        else ""
    )
    return _counted(
        f"UPDATE {table.table} t SET {table.column} = w.target{origin} FROM ({_pick(table)}) w "
        "WHERE t.ctid = w.row AND t.tableoid = w.part RETURNING w.source"
    )


def _drop(table: PersonTable) -> str:
    return _counted(
        f"DELETE FROM {table.table} t USING ({_pick(table)}) w "
        "WHERE t.ctid = w.row AND t.tableoid = w.part RETURNING w.source"
    )


def _drop_doubles(table: PersonTable) -> str:
    """Delete rows of sources whose key the target, or another source of it, has already."""
    key = ", ".join(f"t.{name}" for name in table.unique_with)
    return (
        f"DELETE FROM {table.table} t USING ("
        f"SELECT t.ctid AS row, t.tableoid AS part, p.source, row_number() OVER (PARTITION BY "
        f"coalesce(p.target, t.{table.column}), {key} ORDER BY (p.source IS NOT NULL), t.ctid) AS place "
        f"FROM {table.table} t LEFT JOIN {PAIRS} ON p.source = t.{table.column} "
        f"WHERE t.{table.column} = ANY(%(sources)s::bigint[] || %(targets)s::bigint[])"
        ") d WHERE d.source IS NOT NULL AND d.place > 1 AND t.ctid = d.row AND t.tableoid = d.part"
    )


def return_rows(
    cursor: Any, table: PersonTable, *, source: int, target: int, origins: Sequence[int], limit: int
) -> int:
    """Give back to `target` at most `limit` rows of `source` that came from one of `origins`; undoes `move_rows`."""
    if not table.keeps_origin or limit <= 0:
        return 0
    column = table.column
    cursor.execute(
        f"UPDATE {table.table} t SET {column} = %(target)s, "
        "original_person_id = nullif(t.original_person_id, %(target)s) "
        f"FROM (SELECT ctid AS row, tableoid AS part FROM {table.table} WHERE {column} = %(source)s "
        "AND original_person_id = ANY(%(origins)s) LIMIT %(limit)s) w "
        "WHERE t.ctid = w.row AND t.tableoid = w.part",
        {"source": source, "target": target, "origins": list(origins), "limit": limit},
    )
    return int(cursor.rowcount)


def move_people(
    cursor: Any, pairs: Sequence[tuple[int, int]], *, besides: Iterable[str] = (), now: datetime
) -> Moved:
    """Move rows of every registered table in the caller's transaction, as many as may move at once.

    The tables of `besides` are the caller's own work. The rest is left to the engine by a `PersonMove` a pair.
    """
    skipped = set(besides)
    moved: Moved = defaultdict(dict)
    budget = MOST_MOVED_AT_ONCE
    for table in registry.values():
        if table.table in skipped:
            continue
        limit = 2**31 if table.at_once else budget
        counts = move_rows(cursor, table, pairs, limit=limit)
        for source, count in counts.items():
            moved[source][table.table] = moved[source].get(table.table, 0) + count
        if not table.at_once:
            budget -= sum(counts.values())
    keep_moves(cursor, pairs, now=now)
    return moved


def keep_moves(cursor: Any, pairs: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """Let the engine finish these moves; pending moves to a source go on to its target."""
    sources, targets = [s for s, _ in pairs], [t for _, t in pairs]
    cursor.execute(
        "UPDATE contacts_personmove m SET target_id = p.target, settle_xid = NULL "
        "FROM unnest(%s::bigint[], %s::bigint[]) AS p (source, target) "
        "WHERE m.target_id = p.source",
        [sources, targets],
    )
    cursor.execute(  # what an undo still has to give back is now among the rows of the target
        "UPDATE contacts_personmove m SET source_id = p.target, settle_xid = NULL "
        "FROM unnest(%s::bigint[], %s::bigint[]) AS p (source, target) "
        "WHERE m.source_id = p.source AND m.origins IS NOT NULL",
        [sources, targets],
    )
    cursor.execute(
        "INSERT INTO contacts_personmove (source_id, target_id, created_at, moved) "
        "SELECT source, target, %s, '{}' FROM unnest(%s::bigint[], %s::bigint[]) AS p (source, target)",
        [now, sources, targets],
    )


def keep_wipes(cursor: Any, ids: Sequence[int], *, now: datetime) -> None:
    """Let the engine wipe what is still stored under erased persons."""
    cursor.execute(
        "INSERT INTO contacts_personmove (source_id, target_id, created_at, moved) "
        "SELECT id, NULL, %s, '{}' FROM unnest(%s::bigint[]) AS w (id)",
        [now, list(ids)],
    )


def wipe_rows(cursor: Any, table: PersonTable, ids: Sequence[int]) -> dict[int, int]:
    """Delete every row of these persons; returns how many each had."""
    cursor.execute(
        f"WITH gone AS (DELETE FROM {table.table} WHERE {table.column} = ANY(%s) RETURNING {table.column} AS id) "
        "SELECT id, count(*) FROM gone GROUP BY id",
        [list(ids)],
    )
    return dict(cursor.fetchall())


def attach_visitors(cursor: Any, pairs: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """Give the rows of visitors to persons; the visitor rows are deleted, the joins kept."""
    move_people(cursor, pairs, now=now)
    cursor.execute("DELETE FROM contacts_visitor WHERE id = ANY(%s)", [[source for source, _ in pairs]])
    cursor.execute(
        "INSERT INTO contacts_visitorjoin (visitor_id, person_id, joined_at) "
        "SELECT visitor, person, %s FROM unnest(%s::bigint[], %s::bigint[]) AS p (visitor, person)",
        [now, [visitor for visitor, _ in pairs], [person for _, person in pairs]],
    )
    persons_moved.send(
        PersonsMoved(source_ids=[s for s, _ in pairs], target_ids=[t for _, t in pairs], now=now)
    )


def pending_sources(person_ids: Sequence[int]) -> dict[int, list[int]]:
    """Ids whose rows are still on their way to these persons: reads of a person take them in."""
    found: dict[int, list[int]] = defaultdict(list)
    moves = apps.get_model("contacts", "PersonMove").objects
    rows = moves.filter(target_id__in=person_ids, origins=None)
    for source, target in rows.values_list("source_id", "target_id"):
        if target is not None:
            found[target].append(source)
    return found
