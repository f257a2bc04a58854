"""Records what happened to deliveries: activity rows, timestamps on the delivery, the hook for segments and workflows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from cdp.hooks import MessageActivity, message_activity
from messaging.models import ActivityKind

# Kinds that fill a timestamp of the delivery, and the lower ones they imply.
STAMPS: dict[str, tuple[str, ...]] = {
    ActivityKind.DELIVERED: ("delivered_at",),
    ActivityKind.OPENED: ("opened_at", "delivered_at"),
    ActivityKind.CLICKED: ("clicked_at", "opened_at", "delivered_at"),
    ActivityKind.UNSUBSCRIBED: ("unsubscribed_at", "delivered_at"),
    ActivityKind.SPAM: ("complained_at", "delivered_at"),
    ActivityKind.ERROR: ("failed_at",),
}
KEEP_KEYS = """
INSERT INTO messaging_activitykey (delivery_id, source_key, at)
SELECT DISTINCT ON (d, k) d, k, %(now)s FROM unnest(%(deliveries)s::bigint[], %(keys)s::text[]) AS u (d, k)
ORDER BY d, k
ON CONFLICT (delivery_id, source_key) DO NOTHING
RETURNING delivery_id, source_key
"""
INSERT = """
INSERT INTO messaging_activity (at, person_id, delivery_id, cause_month, cause_kind, cause_id, message_id, channel,
                                kind, machine, link_id, url, reason, details, source_key)
SELECT * FROM unnest(%s::timestamptz[], %s::bigint[], %s::bigint[], %s::date[], %s::text[], %s::bigint[], %s::bigint[],
                     %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::text[])
"""
STAMP = """
UPDATE messaging_delivery d SET {column} = u.at
FROM (SELECT id, month, min(at) AS at FROM unnest(%s::bigint[], %s::date[], %s::timestamptz[]) AS s (id, month, at)
      GROUP BY id, month) u
WHERE d.id = u.id AND d.cause_month = u.month AND (d.{column} IS NULL OR d.{column} > u.at)
"""


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One thing that happened. `source_key` names a provider's event; a second one with the same key is dropped."""

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


def record_activity(rows: Sequence[ActivityRow], *, now: datetime) -> int:
    """Append activity in the caller's transaction; returns how many rows were new.

    Timestamps of the delivery take the earliest time of their kind; hits of machines fill none. Calls the hook
    `message_activity` with the new rows.
    """
    with connection.cursor() as cursor:
        new = _unseen(cursor, rows, now)
        if not new:
            return 0
        _insert(cursor, new)
        _stamp(cursor, new)
    if message_activity.is_connected:
        message_activity.send(
            MessageActivity(
                delivery_ids=[row.delivery_id for row in new],
                contact_ids=[row.person_id for row in new],
                kinds=[row.kind for row in new],
                is_machine=[bool(row.machine) for row in new],
                now=now,
            )
        )
    return len(new)


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
                row.at, row.person_id, row.delivery_id, row.cause_month, row.cause_kind, row.cause_id, row.message_id,
                row.channel, row.kind, row.machine, row.link_id, row.url, row.reason, Jsonb(row.details),
                row.source_key,
            )
            for row in rows
        ),
        strict=True,
    )  # fmt: skip
    cursor.execute(INSERT, [list(column) for column in columns])


def _stamp(cursor: Any, rows: Sequence[ActivityRow]) -> None:
    by_column: dict[str, list[ActivityRow]] = {}
    for row in rows:
        if not row.machine:
            for column in STAMPS.get(row.kind, ()):
                by_column.setdefault(column, []).append(row)
    for column, found in sorted(by_column.items()):
        values = [[r.delivery_id for r in found], [r.cause_month for r in found], [r.at for r in found]]
        cursor.execute(STAMP.format(column=column), values)
