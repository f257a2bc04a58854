"""`manage.py doctor`: checks the installation and says what to do."""

import json
import shutil
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from cdp.engine import registry
from cdp.health import unapplied_migrations
from cdp.local import archive
from cdp.local.postgres import VERSIONS
from cdp.management.commands.engines import engine_state
from cdp.models import EngineState
from events.partitions import month_start, next_month, partition_name

LATE_SECONDS = 300
LEAST_FREE_BYTES = 2_000_000_000
LARGEST_PAGE_COST = 2.0  # PostgreSQL's own 4 is meant for spinning discs


class Command(BaseCommand):
    help = "Checks configuration, database, migrations, broker, engines and disk; ends with 1 when something is wrong."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *_args: Any, **options: Any) -> None:
        found = [_examine(name, check) for name, check in CHECKS.items()]
        found += [_examine(name, check, is_advice=True) for name, check in ADVICE.items()]
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
        else:
            for row in found:
                word = "WRONG" if not row["ok"] else "hint " if row["hint"] else "ok   "
                self.stdout.write(f"{word} {row['check']}: {row['message']}")
        if not all(row["ok"] for row in found):
            raise SystemExit(1)


def _examine(name: str, check: Callable[[], str], *, is_advice: bool = False) -> dict[str, Any]:
    is_hint = False
    try:
        wrong = check()
        is_hint = is_advice and bool(wrong)
    except DatabaseError as error:
        wrong = (
            f"the database does not answer ({type(error).__name__}): start `manage.py up` or set DATABASE_URL"
        )
    return {"check": name, "ok": not wrong or is_hint, "hint": is_hint, "message": wrong or "fine"}


def _configuration() -> str:
    return " ".join(str(message) for message in run_checks() if message.is_serious())


def _database() -> str:
    major = archive.server_major()
    return "" if major in VERSIONS else f"PostgreSQL {major} is not supported: use 15 to 18"


def _migrations() -> str:
    missing = unapplied_migrations()
    return f"{len(missing)} are not applied: run `manage.py migrate`" if missing else ""


def _broker() -> str:
    link = Connection(settings.BROKER_URL, connect_timeout=3)
    try:
        link.ensure_connection(max_retries=1, timeout=5)
    except (OSError, OperationalError, *link.connection_errors) as error:
        return f"does not answer ({type(error).__name__}); nothing is lost, but delays grow to 1 s: check BROKER_URL"
    finally:
        link.release()
    return ""


def _engines() -> str:
    now = datetime.now(UTC)
    states = {state.name: state for state in EngineState.objects.all()}
    wrong = []
    for name in sorted(registry):
        state = states.get(name)
        if not state or engine_state(state, now) != "running":
            wrong.append(f"{name} does not run: start `manage.py work {registry[name].group}`.")
        elif state.oldest_at and (now - state.oldest_at).total_seconds() > LATE_SECONDS:
            wrong.append(f"{name} is {(now - state.oldest_at).total_seconds():.0f} s behind.")
    return " ".join(wrong)


def _disk() -> str:
    directory = settings.DATA_DIR if settings.DATA_DIR.exists() else settings.BASE_DIR
    free = shutil.disk_usage(directory).free
    return "" if free > LEAST_FREE_BYTES else f"only {free // 1_000_000} MB are free for {directory}"


def _extension() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select 1 from pg_available_extensions where name = 'pg_trgm'")
        return "" if cursor.fetchone() else "pg_trgm is missing: install PostgreSQL's contrib package"


def _letters() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_encoding_to_char(encoding), datctype from pg_database where datname = current_database()"
        )
        encoding, letters = cursor.fetchone() or ("", "")
        if encoding != "UTF8":
            return (
                f"the database is encoded in {encoding}: make it anew with ENCODING 'UTF8' (backup, restore)"
            )
        cursor.execute("select lower('Ж') = 'ж'")
        if cursor.fetchone() == (True,):
            return ""
    return f"LC_CTYPE {letters} knows no letters but ASCII: make the database anew with LC_CTYPE 'C.UTF-8'"


def _partitions() -> str:
    month = month_start(datetime.now(UTC))
    wanted = [partition_name(month), partition_name(next_month(month))]
    with connection.cursor() as cursor:
        cursor.execute("select name from unnest(%s::text[]) name where to_regclass(name) is null", [wanted])
        missing = [name for (name,) in cursor.fetchall()]
    return (
        f"{', '.join(missing)} missing: run `manage.py partitions` and see that beat runs" if missing else ""
    )


def _static_files() -> str:
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    return "" if settings.DEBUG or manifest.exists() else "not collected: run `manage.py prepare --no-demo`"


def _planner() -> str:
    """What makes the server plan our statements worse than it could; `up` sets both for its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('jit')::boolean, current_setting('random_page_cost')::float8,"
            " quote_ident(current_database())"
        )
        compiles, page_cost, database = cursor.fetchone() or (False, 0, "")
    wanted = []
    if compiles:
        wanted.append(f"ALTER DATABASE {database} SET jit = off (compiling costs more than short statements)")
    if page_cost > LARGEST_PAGE_COST:
        wanted.append(f"on SSD: ALTER DATABASE {database} SET random_page_cost = 1.1 (it is {page_cost:g})")
    return "; ".join(wanted)


CHECKS: dict[str, Callable[[], str]] = {
    "configuration": _configuration,
    "database": _database,
    "letters": _letters,
    "extension pg_trgm": _extension,
    "migrations": _migrations,
    "partitions": _partitions,
    "broker": _broker,
    "engines": _engines,
    "disk": _disk,
    "static files": _static_files,
}
ADVICE: dict[str, Callable[[], str]] = {"planner": _planner}  # what works, but could do better
