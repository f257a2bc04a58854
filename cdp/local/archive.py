"""Saves the configured database to a file and brings it back, with PostgreSQL's own programs."""

import os
import subprocess
from pathlib import Path

from django.conf import settings
from django.db import connection, connections

from cdp.local.postgres import Binaries, find_binaries
from cdp.local.processes import LocalError


def dump(file: Path) -> None:
    """Write the whole database to `file`; the file appears only when it is complete.

    Raises:
        LocalError: the program is missing or failed.
    """
    partial = file.with_name(file.name + ".part")
    partial.touch(mode=0o600)
    _run("pg_dump", "--format=custom", "--no-owner", f"--file={partial}", f"--dbname={_target()}")
    partial.replace(file)


def load(file: Path) -> None:
    """Replace everything in the database by what `file` holds.

    Raises:
        LocalError: the file is no backup, or restoring failed.
    """
    _run("pg_restore", "--list", str(file))
    with connection.cursor() as cursor:
        cursor.execute("drop schema public cascade")
        cursor.execute("create schema public authorization pg_database_owner")
        cursor.execute("grant usage on schema public to public")
    connections.close_all()
    options = ["--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={_target()}"]
    _run("pg_restore", *options, str(file))


def is_empty() -> bool:
    """Whether the database has no table."""
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)


def programs() -> Binaries:
    """Programs of the server's own version."""
    return find_binaries(settings.CDP_POSTGRES, major=server_major())


def server_major() -> int:
    """The major version of the server we are connected to."""
    with connection.cursor() as cursor:
        cursor.execute("show server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def _target() -> str:
    values = connection.settings_dict
    return (
        f"host={values['HOST']} port={values['PORT'] or 5432} user={values['USER']} dbname={values['NAME']}"
    )


def _run(name: str, *arguments: str) -> None:
    environment = {**os.environ, "PGPASSWORD": connection.settings_dict["PASSWORD"] or ""}
    command = [programs().program(name), *arguments]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise LocalError(f"{name} failed: {run.stderr.strip()[-2000:]}")
