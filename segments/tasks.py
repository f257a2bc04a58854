"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from segments.services import upkeep


@shared_task(name="segments.forget_changes")
def forget_changes() -> None:
    upkeep.forget_changes(now=datetime.now(UTC))
