"""The registry of person tables: every table with rows of people, and how its rows follow a person.

Apps register theirs in `AppConfig.ready()`. Attaching a visitor, merging, undoing and erasing walk the registry; a test
holds every table with a person column against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cdp.hooks import PersonsMoved, persons_moved

MOST_MOVED_AT_ONCE = 5_000

OnMove = Literal["move", "union", "drop"]


@dataclass(frozen=True, slots=True)
class PersonTable:
    """One table.

    Attributes:
        on_move: `move` re-points rows; `union` re-points those that break no unique key and drops the rest;
            `drop` deletes the source's rows.
        unique_with: for `union`, the other columns of the unique key.
        keeps_origin: rows have `original_person_id`, filled at the first move.
        on_erase: `delete`, or `keep` for rows that hold nothing personal.
    """

    table: str
    column: str = "person_id"
    on_move: OnMove = "move"
    unique_with: tuple[str, ...] = ()
    keeps_origin: bool = False
    on_erase: Literal["delete", "keep"] = "delete"


registry: dict[tuple[str, str], PersonTable] = {}


def register(*tables: PersonTable) -> None:
    for table in tables:
        registry[(table.table, table.column)] = table


def move_rows(cursor: Any, table: PersonTable, *, source: int, target: int, limit: int) -> int:
    """Re-point at most `limit` rows of one table from `source` to `target`; returns how many were touched."""
    name, column = table.table, table.column
    pick = f"SELECT ctid, tableoid FROM {name} WHERE {column} = %(source)s LIMIT %(limit)s"
    values = {"source": source, "target": target, "limit": limit}
    if table.on_move == "union":
        same = " AND ".join(f"o.{other} = t.{other}" for other in table.unique_with)
        cursor.execute(
            f"DELETE FROM {name} t WHERE t.{column} = %(source)s AND EXISTS "
            f"(SELECT 1 FROM {name} o WHERE o.{column} = %(target)s AND {same})",
            values,
        )
    if table.on_move == "drop":
        cursor.execute(
            f"DELETE FROM {name} t USING ({pick}) p WHERE t.ctid = p.ctid AND t.tableoid = p.tableoid", values
        )
    else:
        origin = (
            f", original_person_id = coalesce(t.original_person_id, t.{column})" if table.keeps_origin else ""
        )
        cursor.execute(
            f"UPDATE {name} t SET {column} = %(target)s{origin} FROM ({pick}) p "
            "WHERE t.ctid = p.ctid AND t.tableoid = p.tableoid",
            values,
        )
    return int(cursor.rowcount)


def attach_visitors(cursor: Any, pairs: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """Give the rows of visitors to persons, in the caller's transaction up to `MOST_MOVED_AT_ONCE` rows.

    What is more goes to `PersonMove`, which the engine `person_moves` works off. The visitor rows are deleted.
    """
    budget = MOST_MOVED_AT_ONCE
    left_over = []
    for source, target in pairs:
        for table in registry.values():
            if budget > 0:
                budget -= move_rows(cursor, table, source=source, target=target, limit=budget)
        if budget <= 0:
            left_over.append((source, target))
    cursor.execute("DELETE FROM contacts_visitor WHERE id = ANY(%s)", [[source for source, _ in pairs]])
    if left_over:
        cursor.executemany(
            "INSERT INTO contacts_personmove (source_id, target_id, created_at, moved) VALUES (%s, %s, %s, '{}')",
            [(source, target, now) for source, target in left_over],
        )
    persons_moved.send(
        PersonsMoved(source_ids=[s for s, _ in pairs], target_ids=[t for _, t in pairs], now=now)
    )
