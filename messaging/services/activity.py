"""Records what happened to deliveries: activity rows, times on the delivery, effects on addresses, the hook for others.

Rank (messaging document 8): sent < delivered < opened < clicked < unsubscribed < spam. A later, lower signal only fills
its time; a higher one implies the lower ones. Failing after a human opened or clicked is recorded and changes nothing;
failing after delivery takes the delivery back. The outcome does not depend on the order in which signals come.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from cdp.hooks import MessageActivity, message_activity
from cdp.sql import load
from contacts.services.addresses import apply_signals
from messaging.models import ActivityKind, Reason
from messaging.services.feedback import signals_of, with_category

# Kinds that fill a time of the delivery, and the lower ones they imply.
STAMPS: dict[str, tuple[str, ...]] = {
    ActivityKind.DELIVERED: ("delivered_at",),
    ActivityKind.OPENED: ("opened_at", "delivered_at"),
    ActivityKind.CLICKED: ("clicked_at", "opened_at", "delivered_at"),
    ActivityKind.UNSUBSCRIBED: ("unsubscribed_at", "delivered_at"),
    ActivityKind.SPAM: ("complained_at", "delivered_at"),
    ActivityKind.ERROR: ("failed_at",),
}
COLUMNS = ("delivered_at", "opened_at", "clicked_at", "unsubscribed_at", "complained_at", "failed_at")
KEEP_KEYS = """
INSERT INTO messaging_activitykey (delivery_id, source_key, at)
SELECT DISTINCT ON (d, k) d, k, %(now)s FROM unnest(%(deliveries)s::bigint[], %(keys)s::text[]) AS u (d, k)
ORDER BY d, k
ON CONFLICT (delivery_id, source_key) DO NOTHING
RETURNING delivery_id, source_key
"""
INSERT = """
INSERT INTO messaging_activity (id, at, person_id, delivery_id, cause_month, cause_kind, cause_id, message_id, channel,
                                kind, machine, link_id, url, reason, details, source_key)
SELECT coalesce(id, nextval('messaging_activity_id_seq')), at, person_id, delivery_id, cause_month, cause_kind, cause_id,
       message_id, channel, kind, machine, link_id, url, reason, details, source_key
FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::date[], %s::text[], %s::bigint[],
            %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::text[])
    AS u (id, at, person_id, delivery_id, cause_month, cause_kind, cause_id, message_id, channel, kind, machine, link_id,
          url, reason, details, source_key)
"""
LOCK = """
SELECT 1 FROM messaging_delivery d
JOIN unnest(%s::bigint[], %s::date[]) AS w (id, month) ON d.id = w.id AND d.cause_month = w.month
ORDER BY d.id FOR UPDATE OF d
"""


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One thing that happened.

    Attributes:
        reason: of an error, the category of failure (`messaging.bounces.categories`); of an unsubscribing, the contact's.
        details: for a reader. `categories` on an unsubscribing: it was from these only, the address stays subscribed.
        source_key: names a provider's event; a second row with the same key is dropped.
        id: an id drawn from the activity's sequence beforehand; None draws one.
    """

    delivery_id: int
    cause_month: date
    cause_kind: str
    cause_id: int
    person_id: int
    message_id: int
    kind: str
    at: datetime
    channel: str = "email"
    machine: str = ""
    link_id: int | None = None
    url: str = ""
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    source_key: str = ""
    id: int | None = None


def record_activity(rows: Sequence[ActivityRow], *, now: datetime) -> int:
    """Append activity in the caller's transaction; returns how many rows were new.

    Times of the delivery follow by rank, addresses by what was learnt of them (`messaging.services.feedback`); hits of
    machines do neither. Calls the hook `message_activity` with the new rows. Locks deliveries by id, then addresses.
    """
    if not rows:
        return 0
    rows = [with_category(row) for row in rows]
    with connection.cursor() as cursor:
        new = _unseen(cursor, rows, now)
        if not new:
            return 0
        _insert(cursor, new)
        _stamp(cursor, [row for row in new if not row.machine and row.kind in STAMPS and _is_known(row)])
        signals = signals_of(cursor, new)
    if signals:
        apply_signals(signals, now=now)
    announce(new, now=now)
    return len(new)


def announce(rows: Sequence[ActivityRow], *, now: datetime) -> None:
    """Tell segments and workflows."""
    if rows and message_activity.is_connected:
        message_activity.send(
            MessageActivity(
                delivery_ids=[row.delivery_id for row in rows],
                contact_ids=[row.person_id for row in rows],
                kinds=[str(row.kind) for row in rows],
                is_machine=[bool(row.machine) for row in rows],
                now=now,
            )
        )


def restamp(cursor: Any, deliveries: Sequence[tuple[int, date]]) -> None:
    """Set when a human first opened and clicked anew from the activity: some of it turned out to be machines'."""
    columns = _columns_of(deliveries)
    cursor.execute(LOCK, columns)
    cursor.execute(load("messaging", "restamp_deliveries"), columns)


def _is_known(row: ActivityRow) -> bool:
    """False for an outcome that nobody knows: the delivery's state says so, and waits for whatever is heard later."""
    return row.kind != ActivityKind.ERROR or row.reason != Reason.UNKNOWN


def _unseen(cursor: Any, rows: Sequence[ActivityRow], now: datetime) -> list[ActivityRow]:
    """Rows whose source key was not recorded before; those without a key are always new."""
    keyed = [row for row in rows if row.source_key]
    if not keyed:
        return list(rows)
    cursor.execute(
        KEEP_KEYS,
        {
            "now": now,
            "deliveries": [row.delivery_id for row in keyed],
            "keys": [row.source_key for row in keyed],
        },
    )
    fresh = set(cursor.fetchall())
    new = []
    for row in rows:
        key = (row.delivery_id, row.source_key)
        if not row.source_key or key in fresh:
            fresh.discard(key)
            new.append(row)
    return new


def _insert(cursor: Any, rows: Sequence[ActivityRow]) -> None:
    columns = zip(
        *(
            (
                row.id, row.at, row.person_id, row.delivery_id, row.cause_month, row.cause_kind, row.cause_id,
                row.message_id, row.channel, row.kind, row.machine, row.link_id, row.url, row.reason, Jsonb(row.details),
                row.source_key,
            )
            for row in rows
        ),
        strict=True,
    )  # fmt: skip
    cursor.execute(INSERT, [list(column) for column in columns])


def _stamp(cursor: Any, rows: Sequence[ActivityRow]) -> None:
    """One lock in id order, then one update: the earliest time of each kind, by rank."""
    if not rows:
        return
    first: dict[tuple[int, date], dict[str, datetime]] = {}
    for row in rows:
        times = first.setdefault((row.delivery_id, row.cause_month), {})
        for column in STAMPS[row.kind]:
            times[column] = min(row.at, times.get(column, row.at))
    order = sorted(first)
    columns = _columns_of(order)
    cursor.execute(LOCK, columns)
    times_by_column = [[first[key].get(column) for key in order] for column in COLUMNS]
    cursor.execute(load("messaging", "stamp_deliveries"), [*columns, *times_by_column])


def _columns_of(deliveries: Iterable[tuple[int, date]]) -> list[list[Any]]:
    found = list(deliveries)
    return [[delivery_id for delivery_id, _ in found], [month for _, month in found]]
