"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from contacts.services import jobs
from contacts.services.addresses import end_blocks
from contacts.services.bulk import forget_sessions
from contacts.services.exports import forget_exports
from contacts.services.unmerging import forget_trails


@shared_task(name="contacts.forget_sessions")
def forget_old_sessions() -> None:
    forget_sessions(now=datetime.now(UTC))


@shared_task(name="contacts.forget_merges")
def forget_old_merges() -> None:
    forget_trails(now=datetime.now(UTC))


@shared_task(name="contacts.forget_exports")
def forget_old_exports() -> None:
    forget_exports(now=datetime.now(UTC))


@shared_task(name="contacts.count")
def count_contacts() -> None:
    jobs.count_contacts(actor="calendar", now=datetime.now(UTC))


@shared_task(name="contacts.end_blocks")
def end_address_blocks() -> None:
    while end_blocks(now=datetime.now(UTC)):
        pass
