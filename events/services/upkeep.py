"""The daily and hourly upkeep of events: partitions ahead, retention, forgotten idempotency keys."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max

from cdp.models import Account
from events.models import DedupKey, EventType, RejectedEvent
from events.partitions import PartitionReport, ensure_partitions

DEDUP_WINDOW = timedelta(hours=72)
REJECTED_KEPT = 10_000


def keep_partitions(*, now: datetime) -> PartitionReport:
    """Make the months that will be needed and drop those whose retention has passed; safe to repeat.

    Events stay as long as the account says, or the longest of its event types.
    """
    account = Account.objects.values_list("event_retention_days", flat=True).get(pk=1)
    longest = EventType.objects.aggregate(days=Max("retention_days"))["days"] or 0
    return ensure_partitions(connection=connection, now=now, retention_days=max(account, longest))


def forget_old_intake(*, now: datetime) -> int:
    """Drop idempotency keys past their window and all but the newest refused requests. Returns the keys dropped."""
    newest = RejectedEvent.objects.order_by("-id").values("id")[REJECTED_KEPT : REJECTED_KEPT + 1]
    RejectedEvent.objects.filter(id__lte=newest).delete()
    return DedupKey.objects.filter(received_at__lt=now - DEDUP_WINDOW).delete()[0]
