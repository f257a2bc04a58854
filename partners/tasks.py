"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from partners.guard import forget_fingerprints
from partners.services import disable_idle_keys


@shared_task(name="partners.forget_fingerprints")
def forget_old_fingerprints() -> None:
    forget_fingerprints(now=datetime.now(UTC))


@shared_task(name="partners.disable_idle_keys")
def switch_off_idle_keys() -> None:
    disable_idle_keys(now=datetime.now(UTC))
