"""Loads statements that live in files: `load("events", "store_batch")` reads events/sql/store_batch.sql."""

from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def load(app: str, name: str) -> str:
    """The text of `app/sql/name.sql`, without its comment header.

    Raises:
        FileNotFoundError: there is no such file.
    """
    lines = (ROOT / app / "sql" / f"{name}.sql").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))
