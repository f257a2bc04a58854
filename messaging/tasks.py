"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from messaging.services import upkeep
from messaging.services.notices import forget_notices


@shared_task(name="messaging.forget_notices")
def forget_old_notices() -> None:
    forget_notices(now=datetime.now(UTC))


@shared_task(name="messaging.keep_partitions")
def keep_partitions() -> None:
    upkeep.keep_partitions(now=datetime.now(UTC))


@shared_task(name="messaging.forget_activity_keys")
def forget_activity_keys() -> None:
    upkeep.forget_activity_keys(now=datetime.now(UTC))
