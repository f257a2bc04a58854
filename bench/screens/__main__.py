"""`DATABASE_URL=… python -m bench.screens`: what the admin's pages ask of a large database.

For each page: queries, and the time they take (median and longest of `--visits` after a first). With `--restart COMMAND`, which
restarts PostgreSQL with nothing of its files in memory, also the time of a first visit after it. Beside the clock stands the
processor's time of the server's process, where the server runs on this machine: others that share the machine lengthen the
first, not the second. A page fails that takes more than `--most` ms by the median of it, or whose plans read more than MOST_READ
rows of a large table. `--load` fills an empty, migrated database first (`load.sql`). `--json`: a line a page.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import django
from django.db import connection

from bench.screens.loading import load
from bench.screens.pages import GROUPS, addresses

LARGE = ("contacts_contact", "contacts_key", "contacts_address", "contacts_listmember", "events_event")
MOST_READ = 60_000  # a view of a rare state counts to a thousand


def main() -> int:
    options = read_options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    os.environ.setdefault("CDP_SECRET_KEY", "only-for-benchmarks-" + "x" * 40)
    django.setup()
    if options.load:
        load(contacts=options.contacts, events=options.events)
    with connection.cursor() as cursor:  # whose processor's time would be other processes'
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    client = signed_in()
    failed = 0
    if not options.json:
        names = ("median", "longest", "processor", "cold", "page")
        print(
            f"{'queries':>7} {names[0]:>7} {names[1]:>7} {names[2]:>9} {names[3]:>7} {names[4]:>8}  address (milliseconds)"
        )
    for group, address in addresses(options.group or list(GROUPS)):
        if options.only in address:
            page = visit(client, address, options.visits)
            if options.restart:
                page["cold_ms"] = visit_cold(client, address, options.restart)
            failed += judged(page) > options.most or bool(page["reads_too_much"])
            tell({"group": group} | page, as_json=options.json, most=options.most)
    return 1 if failed else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.screens", description=__doc__)
    parser.add_argument("--load", action="store_true", help="fill the database first")
    parser.add_argument("--contacts", type=int, default=300_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--group", action="append", choices=list(GROUPS), help="these pages only; may be repeated"
    )
    parser.add_argument("--only", default="", help="pages whose address holds this")
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--most", type=float, default=20.0, help="milliseconds a page may take")
    parser.add_argument("--restart", default="", help="a command that restarts PostgreSQL with cold caches")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def tell(page: dict[str, Any], *, as_json: bool, most: float) -> None:
    if as_json:
        print(json.dumps(page), flush=True)
        return
    cold = f"{page['cold_ms']:>7.1f}" if "cold_ms" in page else f"{'':>7}"
    worked = f"{page['processor_ms']:>9.1f}" if "processor_ms" in page else f"{'':>9}"
    mark = "  SLOW" if judged(page) > most else ""
    print(
        f"{page['queries']:>7} {page['median_ms']:>7.1f} {page['longest_ms']:>7.1f} {worked} {cold} {page['kib']:>4} KiB  "
        f"{page['address'] or '(home)'}{mark}", flush=True,
    )  # fmt: skip
    for scan in page["reads_too_much"]:
        print(f"{'':>28}  reads too much: {scan}")


def judged(page: dict[str, Any]) -> float:
    return float(page.get("processor_ms", page["median_ms"]))


def signed_in() -> Any:
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # nothing is collected here
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    user, _ = get_user_model().objects.get_or_create(
        username="bench-screens", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(user)
    return client


def visit(client: Any, address: str, visits: int) -> dict[str, Any]:
    """Queries, milliseconds in the database, size of the page, and plans that read too much of a large table."""
    ask(client, address)
    times, worked, asked, size = [], [], [], 0
    for _ in range(visits):
        before = processor_nanoseconds()
        asked, size = ask(client, address)
        times.append(milliseconds(asked))
        worked.append((processor_nanoseconds() - before) / 1e6)
    processor = {"processor_ms": round(statistics.median(worked), 1)} if any(worked) else {}
    return processor | {
        "address": address, "queries": len(asked), "median_ms": round(statistics.median(times), 1),
        "longest_ms": round(max(times), 1), "kib": size // 1024,
        "reads_too_much": [scan for sql, params, _ in asked for scan in scans_of(sql, params)],
    }  # fmt: skip


def processor_nanoseconds() -> int:
    """What our server process has worked so far; 0 where it is not on this machine."""
    connection.ensure_connection()
    file = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(file.read_text().split()[0]) if file.exists() else 0


def visit_cold(client: Any, address: str, restart: str) -> float:
    """Milliseconds in the database of a first visit, on a connection that is open already."""
    connection.close()
    subprocess.run(shlex.split(restart), check=True, stdout=subprocess.DEVNULL)
    connection.ensure_connection()
    asked, _size = ask(client, address)
    return round(milliseconds(asked), 1)


def ask(client: Any, address: str) -> tuple[list[Any], int]:
    asked: list[Any] = []
    with connection.execute_wrapper(Recorder(asked)):
        reply = client.get(f"/admin/{address}")
    if reply.status_code != 200:
        raise RuntimeError(f"{address} answers {reply.status_code}")
    return asked, len(reply.content)


def milliseconds(asked: list[Any]) -> float:
    return float(sum(seconds for _sql, _params, seconds in asked) * 1000)


class Recorder:
    """Keeps every statement with its parameters and seconds."""

    def __init__(self, kept: list[Any]) -> None:
        self.kept = kept

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.kept.append((sql, params, time.perf_counter() - started))


def scans_of(sql: str, params: Any) -> list[str]:
    """Reads of more than `MOST_READ` rows of a large table, by index or not."""
    if not sql.lstrip().upper().startswith(("SELECT", "WITH")):
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
        plan = cursor.fetchone()[0][0]["Plan"]
    nodes = [node for node in nodes_of(plan) if node.get("Relation Name", "").startswith(LARGE)]
    return [
        f"{node['Node Type']} {node['Relation Name']}, {read_by(node)} rows: {sql[:300]}"
        for node in nodes
        if read_by(node) > MOST_READ
    ]


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes_of(part))]


def read_by(node: dict[str, Any]) -> int:
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + dropped) * node["Actual Loops"])


if __name__ == "__main__":
    sys.exit(main())
