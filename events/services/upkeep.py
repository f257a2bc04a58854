"""The daily and hourly upkeep of events: partitions ahead, retention, forgotten idempotency keys."""

from collections import defaultdict
from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.db.models import Max

from cdp.hooks import AccountChanged
from cdp.models import Account
from events.models import DedupKey, EventType, RejectedEvent
from events.partitions import (
    PartitionReport,
    ensure_partitions,
    keep_from,
    make_partitions,
    partition_name,
    present_partitions,
)

log = structlog.get_logger(__name__)

DEDUP_WINDOW = timedelta(hours=72)
REJECTED_KEPT = 10_000
EXPIRE_BATCH = 5_000
EXPIRE_MOST = 2_000_000  # a run; the rest waits for the next day
# Index: events_event_type of each partition.
EXPIRE = """
DELETE FROM {partition} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {partition} WHERE event_type_id = ANY (%s) AND event_at < %s LIMIT %s))
"""


def keep_partitions(*, now: datetime) -> PartitionReport:
    """Make the months that will be needed and drop those whose retention has passed; safe to repeat.

    Events stay as long as the account says, or the longest of its event types.
    """
    return ensure_partitions(connection=connection, now=now, retention_days=_longest())


def make_room(*, now: datetime) -> list[str]:
    """Make the months that a longer retention needs, at once: an event without its month would be set aside.

    Nothing is dropped here. Returns the names of new partitions.
    """
    return make_partitions(connection=connection, now=now, retention_days=_longest())


def make_room_for_account(change: AccountChanged) -> None:
    """Handler of `account_changed`."""
    make_room(now=change.now)


def _longest() -> int:
    account: int = Account.objects.values_list("event_retention_days", flat=True).get(pk=1)
    longest: int | None = EventType.objects.aggregate(days=Max("retention_days"))["days"]
    return max(account, longest or 0)


def drop_expired_events(*, now: datetime, most: int = EXPIRE_MOST, batch: int = EXPIRE_BATCH) -> int:
    """Delete events older than their own type's term (else the account's) from months that others still need.

    Works in batches, a transaction each, and stops after `most` rows. Returns how many went.
    """
    account = Account.objects.values_list("event_retention_days", flat=True).get(pk=1)
    terms: dict[int, list[int]] = defaultdict(list)
    for pk, days in EventType.objects.values_list("pk", "retention_days"):
        terms[days or account].append(pk)
    gone = 0
    for days, type_ids in sorted(terms.items()):
        edge = keep_from(now, days)
        for partition in present_partitions(connection):
            if partition > partition_name(edge):
                break
            while gone < most and (count := _expire(partition, type_ids, edge, min(batch, most - gone))):
                gone += count
    if gone:
        log.info("events_expired", count=gone, complete=gone < most)
    return gone


def _expire(partition: str, type_ids: list[int], edge: datetime, limit: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(EXPIRE.format(partition=partition), [type_ids, edge, limit])
        return int(cursor.rowcount)


def forget_old_intake(*, now: datetime) -> int:
    """Drop idempotency keys past their window and all but the newest refused requests. Returns the keys dropped."""
    newest = RejectedEvent.objects.order_by("-id").values("id")[REJECTED_KEPT : REJECTED_KEPT + 1]
    RejectedEvent.objects.filter(id__lte=newest).delete()
    return DedupKey.objects.filter(received_at__lt=now - DEDUP_WINDOW).delete()[0]
