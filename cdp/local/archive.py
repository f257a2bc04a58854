"""Saves the configured database to a file and brings it back, with PostgreSQL's own programs."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from psycopg.conninfo import make_conninfo

from cdp.local.postgres import Binaries, find_binaries
from cdp.local.processes import LocalError

# The transaction stays open: only a complete restore commits it.
EMPTY_DATABASE = b"""\
begin;
set local lock_timeout = '30s';
drop schema public cascade;
create schema public authorization pg_database_owner;
grant usage on schema public to public;
"""


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
    """Replace everything in the database by what `file` holds, in one transaction: all of it or nothing.

    Raises:
        LocalError: the file is no backup or damaged, or restoring failed; the database is as it was.
    """
    found = programs()
    connections.close_all()
    psql = [found.program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={_target()}"]
    pg_restore = [found.program("pg_restore"), "--no-owner", "--file=-", str(file)]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            psql, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        ) as session,
    ):
        if session.stdin is None:
            raise RuntimeError("psql was started without a pipe")
        with contextlib.suppress(BrokenPipeError):  # psql ended early: its code and words say why
            session.stdin.write(EMPTY_DATABASE)
            session.stdin.flush()
            script = subprocess.run(pg_restore, stdout=session.stdin, stderr=subprocess.PIPE, check=False)
            if script.returncode == 0:
                session.stdin.write(b"commit;\n")
            session.stdin.close()
        session.wait()
        said.seek(0)
        words = said.read().decode(errors="replace") + script.stderr.decode(errors="replace")
        if session.returncode or script.returncode:
            raise LocalError(f"nothing was changed: {words.strip()[-2000:]}")


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
    return make_conninfo(
        host=values["HOST"], port=values["PORT"] or 5432, user=values["USER"], dbname=values["NAME"]
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "PGPASSWORD": connection.settings_dict["PASSWORD"] or ""}


def _run(name: str, *arguments: str) -> None:
    command = [programs().program(name), *arguments]
    run = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if run.returncode:
        raise LocalError(f"{name} failed: {run.stderr.strip()[-2000:]}")
