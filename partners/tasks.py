"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from partners.guard import forget_fingerprints


@shared_task(name="partners.forget_fingerprints")
def forget_old_fingerprints() -> None:
    forget_fingerprints(now=datetime.now(UTC))
