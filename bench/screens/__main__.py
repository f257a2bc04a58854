"""`DATABASE_URL=… python -m bench.screens [--load]`: what the admin's pages ask of a large database.

For each page: queries, the time they take (median of three visits after a first), and every plan that reads more than
MOST_READ rows of a large table, which makes the command fail. `--load` fills an empty, migrated database first (load.sql).
"""

import argparse
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
from django.db import connection

LARGE = ("contacts_contact", "contacts_key", "contacts_address", "contacts_listmember", "events_event")
VISITS = 3
MOST_READ = 60_000  # a fifth of the contacts: a view of a rare state counts to a thousand
PAGES = (
    "", "contacts/contact/", "contacts/contact/?sort=created", "contacts/contact/?view=new",
    "contacts/contact/?view=email-active", "contacts/contact/?view=email-unconfirmed",
    "contacts/contact/?view=email-unsubscribed", "contacts/contact/?view=email-spam",
    "contacts/contact/?view=email-blacklisted", "contacts/contact/?view=phone-active",
    "contacts/contact/?view=phone-blacklisted", "contacts/contact/?view=deleted",
    "contacts/contact/?sort=created-first", "contacts/contact/?sort=changed-first", "contacts/contact/?source=api",
    "contacts/contact/?source=import", "contacts/contact/?source=widget", "contacts/contact/?language=uk",
    "contacts/contact/?language=none", "contacts/contact/?language=de", "contacts/contact/?zone=Europe/Warsaw",
    "contacts/contact/?email=none", "contacts/contact/?email=spam", "contacts/contact/?phone=none",
    "contacts/contact/?push=telegram", "contacts/contact/?push=none", "contacts/contact/?list={list}",
    "contacts/contact/?nolist={list}", "contacts/contact/?created_from=2020-01-01", "contacts/contact/?updated_to={day}",
    "contacts/contact/?created_from={day}&created_to={day}", "contacts/contact/?filled=town",
    "contacts/contact/?empty=phone&source=widget", "contacts/contact/panel/filters/", "contacts/contactjob/", "jobs/tray/",
    "contacts/contact/?q=id:777",
    "contacts/contact/?q=extid:A-777", "contacts/contact/?q=person777@example.com", "contacts/contact/?q=380500000778",
    "contacts/contact/?q=Koval777", "contacts/contact/?q=koval", "contacts/contact/?q=nobody-at-all",
    "contacts/contact/?q=ol", "contacts/contact/2/change/", "contacts/contact/1/activity/",
    "contacts/contact/1/activity/?period=all", "contacts/contact/1/activity/?period=all&q=Size type 2",
    "contacts/contactlist/", "contacts/contactlist/?q=List 7", "events/eventtype/", "events/eventtype/?view=silent",
    "events/event/", "events/event/?period=30d", "events/event/?type={type}&period=30d", "events/event/?q=id:1&period=30d",
    "events/event/?q=person777@example.com&period=30d", "events/event/?q=A-4242&period=30d",
    "events/event/?q=no-such-key&period=30d", "events/event/?period=own&from=2020-01-01", "events/event/live/",
    "cdp/enginestate/",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.screens", description=__doc__)
    parser.add_argument("--load", action="store_true", help="fill the database first")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    django.setup()
    if options.load:
        with connection.cursor() as cursor:
            cursor.execute((Path(__file__).parent / "load.sql").read_text())
    client = signed_in()
    whole = 0
    print(f"{'queries':>7} {'database':>9} {'page':>9}  address")
    for address in addresses():
        queries, milliseconds, size, scans = visit(client, f"/admin/{address}")
        whole += len(scans)
        print(
            f"{queries:>7} {milliseconds:>6.1f} ms {size // 1024:>5} KiB  {address or '(home)'}", flush=True
        )
        for scan in scans:
            print(f"{'':>28}  reads too much: {scan}")
    return 1 if whole else 0


def signed_in() -> Any:
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    user, _ = get_user_model().objects.get_or_create(
        username="bench-screens", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(user)
    return client


def addresses() -> list[str]:
    from contacts.models import ContactList
    from events.models import EventType

    busy = EventType.objects.filter(key="sizeType3").values_list("pk", flat=True).first() or 1
    some = ContactList.objects.values_list("pk", flat=True).order_by("pk").first() or 1
    day = (datetime.now(UTC) - timedelta(days=200)).date().isoformat()
    return [page.format(type=busy, list=some, day=day) for page in PAGES]


def visit(client: Any, address: str) -> tuple[int, float, int, list[str]]:
    """How many queries, milliseconds in the database, bytes of the page, and plans that read all of a large table."""
    times, asked, size = [], [], 0
    for _ in range(VISITS + 1):
        asked = []
        with connection.execute_wrapper(Recorder(asked)):
            reply = client.get(address)
        if reply.status_code != 200:
            raise RuntimeError(f"{address} answers {reply.status_code}")
        size = len(reply.content)
        times.append(sum(one[2] for one in asked) * 1000)
    return (
        len(asked),
        statistics.median(times[1:]),
        size,
        [scan for sql, params, _ in asked for scan in scans_of(sql, params)],
    )


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
    if not sql.lstrip().upper().startswith("SELECT"):
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
