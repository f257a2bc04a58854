"""The daily upkeep of messages: partitions ahead, retention, forgotten keys of provider events."""

from datetime import datetime, timedelta

from django.db import connection

from cdp.models import Account
from events.partitions import PartitionReport
from messaging.models import ActivityKey
from messaging.partitions import ensure_partitions

KEYS_KEPT = timedelta(days=30)  # no provider tells twice after that


def keep_partitions(*, now: datetime) -> PartitionReport:
    """Make the months that will be needed and drop those past the account's retention of events; safe to repeat."""
    days = Account.objects.values_list("event_retention_days", flat=True).get(pk=1)
    return ensure_partitions(connection=connection, now=now, retention_days=days)


def forget_activity_keys(*, now: datetime) -> int:
    """Drop the keys of provider events that are too old to be told again."""
    return ActivityKey.objects.filter(at__lt=now - KEYS_KEPT).delete()[0]
