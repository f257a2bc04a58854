"""Statements that live in files, and one statement in place of many: a page asks a dozen tables whether there is anything.

`load("events", "store_batch")` reads events/sql/store_batch.sql.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


@cache
def load(app: str, name: str) -> str:
    """The text of `app/sql/name.sql`, without its comment header.

    Raises:
        FileNotFoundError: there is no such file.
    """
    lines = (ROOT / app / "sql" / f"{name}.sql").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def count_each(querysets: Sequence[Any]) -> list[int]:
    """How many rows each query has, in one statement. Slice the queries: a count goes through all their rows."""
    return [int(value) for value in _ask("(SELECT count(*) FROM ({}) AS counted)", "0", querysets)]


def exist_each(querysets: Sequence[Any]) -> list[bool]:
    """Whether each query has a row, in one statement."""
    return [
        bool(value) for value in _ask("EXISTS ({})", "false", [rows.order_by()[:1] for rows in querysets])
    ]


def _ask(shape: str, none: str, querysets: Sequence[Any]) -> Sequence[Any]:
    parts: list[str] = []
    params: list[Any] = []
    for rows in querysets:
        try:
            text, values = rows.values("pk").query.sql_with_params()
        except EmptyResultSet:  # its conditions cannot be met
            parts.append(none)
            continue
        parts.append(shape.format(text))
        params.extend(values)
    if not parts:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        return tuple(cursor.fetchone())
