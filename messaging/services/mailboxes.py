"""Looks into bounce mailboxes when it is time; one that fails is tried again later and later."""

from datetime import datetime, timedelta

import structlog
from django.db.models import F, Q

from messaging.bounces.mailboxes import MailboxError, fetch_mail
from messaging.models import BounceMailbox
from messaging.secrets import SecretUnreadableError
from messaging.services.notices import keep_mails

log = structlog.get_logger(__name__)

LONGEST_PAUSE = timedelta(hours=1)
LEASE = timedelta(minutes=5)


def poll_mailboxes(*, now: datetime) -> int:
    """Fetch from every mailbox that is due; returns how many mails came. No transaction is open meanwhile."""
    due = BounceMailbox.objects.filter(is_enabled=True).filter(
        Q(next_poll_at__isnull=True) | Q(next_poll_at__lte=now)
    )
    return sum(_poll(mailbox, now) for mailbox in due.order_by("pk"))


def _poll(mailbox: BounceMailbox, now: datetime) -> int:
    mine = BounceMailbox.objects.filter(pk=mailbox.pk, next_poll_at=mailbox.next_poll_at)
    if mailbox.next_poll_at is None:
        mine = BounceMailbox.objects.filter(pk=mailbox.pk, next_poll_at__isnull=True)
    if not mine.update(next_poll_at=now + LEASE):
        return 0  # another worker looks
    row = BounceMailbox.objects.filter(pk=mailbox.pk)
    pause = timedelta(minutes=mailbox.every_minutes)
    try:
        count = fetch_mail(mailbox, lambda mails: keep_mails(mailbox.pk, mails, now=now))
    except (MailboxError, SecretUnreadableError) as error:
        log.warning("mailbox_failed", mailbox=mailbox.name, error=str(error))
        wait = min(pause * 2 ** min(mailbox.failures, 6), LONGEST_PAUSE)
        row.update(
            failures=F("failures") + 1, last_error=str(error), last_error_at=now, next_poll_at=now + wait
        )
        return 0
    row.update(
        failures=0,
        polled_at=now,
        next_poll_at=now + (timedelta() if count else pause),
        received=F("received") + count,
    )
    return count
