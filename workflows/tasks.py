"""What the calendar calls."""

from datetime import UTC, datetime

from celery import shared_task

from workflows.services import upkeep


@shared_task(name="workflows.keep_steps")
def keep_steps() -> None:
    upkeep.keep_steps(now=datetime.now(UTC))


@shared_task(name="workflows.forget_old")
def forget_old() -> None:
    upkeep.forget_old(now=datetime.now(UTC))
