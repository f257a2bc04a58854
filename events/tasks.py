"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from events.services import upkeep


@shared_task(name="events.keep_partitions")
def keep_partitions() -> None:
    upkeep.keep_partitions(now=datetime.now(UTC))


@shared_task(name="events.drop_expired_events")
def drop_expired_events() -> None:
    upkeep.drop_expired_events(now=datetime.now(UTC))


@shared_task(name="events.forget_old_intake")
def forget_old_intake() -> None:
    upkeep.forget_old_intake(now=datetime.now(UTC))
