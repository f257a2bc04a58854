"""The states of deliveries in a worker's hands: claimed, sending, recorded; and what is taken back from the dead.

Every statement is a compare-and-set on the claim token. A lease that runs out gives claimed rows back; rows that may
have left are `unknown`, and only transactional ones are sent again.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from cdp.engine import worker_name
from cdp.sql import load
from messaging.models import ActivityKind, DeliveryState, Reason
from messaging.services.activity import ActivityRow, record_activity

MOST_REAPED = 1_000
FREE = """
UPDATE messaging_delivery SET state = 'planned', claim_token = NULL, lease_until = NULL
WHERE state = 'claimed' AND lease_until < %s
"""
LOST = """
UPDATE messaging_delivery d
SET state = CASE WHEN d.is_transactional THEN 'planned' ELSE 'unknown' END,
    reason = CASE WHEN d.is_transactional THEN d.reason ELSE 'unknown' END,
    failed_at = CASE WHEN d.is_transactional THEN d.failed_at ELSE %(now)s END,
    claim_token = CASE WHEN d.is_transactional THEN NULL ELSE d.claim_token END,
    attempts = d.attempts + 1, lease_until = NULL
FROM (SELECT id, cause_month FROM messaging_delivery WHERE state = 'sending' AND lease_until < %(now)s
      ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED) lost
WHERE d.id = lost.id AND d.cause_month = lost.cause_month
RETURNING d.state, d.id, d.cause_month, d.cause_kind, d.cause_id, d.contact_id, d.message_id
"""


@dataclass(slots=True)
class Claimed:
    """A delivery in this worker's hands."""

    delivery_id: int
    cause_month: date
    cause_kind: str
    cause_id: int
    endpoint: str
    contact_id: int
    message_id: int
    language: str
    sender_id: int | None
    is_transactional: bool
    is_test: bool
    context: dict[str, Any]
    attempts: int
    expires_at: datetime | None
    not_before: datetime

    def activity(
        self, kind: str, *, at: datetime, reason: str = "", details: dict[str, Any] | None = None
    ) -> ActivityRow:
        return ActivityRow(
            delivery_id=self.delivery_id, cause_month=self.cause_month, cause_kind=self.cause_kind,
            cause_id=self.cause_id, person_id=self.contact_id, message_id=self.message_id, kind=kind, at=at,
            reason=reason, details=details or {},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new state of a claimed delivery."""

    row: Claimed
    state: str
    reason: str = ""
    error: str = ""
    provider_id: str = ""
    tried: int = 0
    not_before: datetime | None = None
    details: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """What is written about a delivery when its window opens."""

    row: Claimed
    header: str
    subject: str
    revision_id: int
    language: str
    destinations: dict[str, str]


def lease() -> timedelta:
    return timedelta(seconds=settings.SEND_LEASE_SECONDS)


def claim(*, connection_id: int, priority: int, limit: int, now: datetime) -> tuple[uuid.UUID, list[Claimed]]:
    """Claim due deliveries, oldest first; committed on return."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            load("messaging", "claim_deliveries"),
            {
                "token": token, "lease": now + lease(), "worker": worker_name(), "connection": connection_id,
                "priority": priority, "now": now, "limit": limit,
            },
        )  # fmt: skip
        rows = cursor.fetchall()
    claimed = [Claimed(*row) for row in rows]
    for row in claimed:
        if isinstance(row.context, str):
            row.context = _read_json(row.context)
    claimed.sort(key=lambda row: (row.not_before, row.delivery_id))
    return token, claimed


def open_window(openings: Sequence[Opening], *, token: uuid.UUID, now: datetime) -> set[int]:
    """Ids of the deliveries that are now `sending`; the others are not to be sent now. In the caller's transaction."""
    opened: set[int] = set()
    with connection.cursor() as cursor:
        for month in sorted({opening.row.cause_month for opening in openings}):
            chosen = [opening for opening in openings if opening.row.cause_month == month]
            cursor.execute(
                load("messaging", "open_window"),
                {
                    "now": now, "lease": now + lease(), "token": token, "month": month,
                    "ids": [o.row.delivery_id for o in chosen], "headers": [o.header for o in chosen],
                    "subjects": [o.subject for o in chosen], "revisions": [o.revision_id for o in chosen],
                    "languages": [o.language for o in chosen],
                    "links": [Jsonb(o.destinations) if o.destinations else None for o in chosen],
                },
            )  # fmt: skip
            opened.update(row[0] for row in cursor.fetchall())
    return opened


def record(outcomes: Sequence[Outcome], *, token: uuid.UUID, now: datetime) -> int:
    """Write outcomes with their activity; in the caller's transaction. Returns how many were still this worker's."""
    if not outcomes:
        return 0
    written: set[int] = set()
    with connection.cursor() as cursor:
        for month in sorted({outcome.row.cause_month for outcome in outcomes}):
            chosen = [outcome for outcome in outcomes if outcome.row.cause_month == month]
            cursor.execute(
                load("messaging", "record_handover"),
                {
                    "now": now, "token": token, "month": month, "ids": [o.row.delivery_id for o in chosen],
                    "states": [o.state for o in chosen], "reasons": [o.reason for o in chosen],
                    "errors": [o.error for o in chosen], "providers": [o.provider_id for o in chosen],
                    "tried": [o.tried for o in chosen], "moments": [o.not_before for o in chosen],
                },
            )  # fmt: skip
            written.update(row[0] for row in cursor.fetchall())
    rows = [_announced(outcome, now) for outcome in outcomes if outcome.row.delivery_id in written]
    record_activity([row for row in rows if row is not None], now=now)
    return len(written)


KINDS: dict[str, str] = {
    DeliveryState.SENT: ActivityKind.SENT,
    DeliveryState.FAILED: ActivityKind.ERROR,
    DeliveryState.UNKNOWN: ActivityKind.ERROR,
    DeliveryState.SKIPPED: ActivityKind.UNAVAILABLE,
    DeliveryState.CANCELLED: ActivityKind.UNAVAILABLE,
}


def _announced(outcome: Outcome, now: datetime) -> ActivityRow | None:
    kind = KINDS.get(outcome.state)
    if kind is None:
        return None
    return outcome.row.activity(kind, at=now, reason=outcome.reason, details=outcome.details)


def reap(*, now: datetime) -> int:
    """Take back what workers that are gone held: claimed rows wait again; sent ones nobody knows of are final."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FREE, [now])
        count = int(cursor.rowcount)
        cursor.execute(LOST, {"now": now, "limit": MOST_REAPED})
        lost = cursor.fetchall()
        record_activity(
            [
                ActivityRow(
                    delivery_id=row[1], cause_month=row[2], cause_kind=row[3], cause_id=row[4], person_id=row[5],
                    message_id=row[6], kind=ActivityKind.ERROR, at=now, reason=Reason.UNKNOWN,
                )
                for row in lost
                if row[0] == DeliveryState.UNKNOWN
            ],
            now=now,
        )  # fmt: skip
    return count + len(lost)


def _read_json(text: str) -> dict[str, Any]:
    value = json.loads(text)
    return value if isinstance(value, dict) else {}
