"""Changing the account."""

from datetime import datetime

from django.db import transaction

from cdp.hooks import AccountChanged, account_changed
from cdp.models import Account


def save_account(account: Account, *, now: datetime) -> None:
    """Save the account's settings and tell the apps, in one transaction."""
    with transaction.atomic():
        account.save()
        account_changed.send(AccountChanged(now))
