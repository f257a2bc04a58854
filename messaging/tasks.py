"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from messaging.services.notices import forget_notices


@shared_task(name="messaging.forget_notices")
def forget_old_notices() -> None:
    forget_notices(now=datetime.now(UTC))
