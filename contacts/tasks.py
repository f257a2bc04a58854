"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from contacts.services.addresses import end_blocks
from contacts.services.bulk import forget_sessions


@shared_task(name="contacts.forget_sessions")
def forget_old_sessions() -> None:
    forget_sessions(now=datetime.now(UTC))


@shared_task(name="contacts.end_blocks")
def end_address_blocks() -> None:
    while end_blocks(now=datetime.now(UTC)):
        pass
