"""What a colleague may do to an address: unsubscribe it, blacklist it, take it off the blacklist (contacts document 7.2)."""

from datetime import datetime

from django.db import transaction

from contacts.models import Address, AddressStatus

STRONGER = {AddressStatus.SPAM, AddressStatus.UNSUBSCRIBED}


def unsubscribe_address(*, kind: str, value: str, reason: str, actor: str, now: datetime) -> bool:
    """Stop bulk messages to an address; only its owner can take that back. Tells whether anything changed."""
    with transaction.atomic():
        row = Address.objects.select_for_update().filter(kind=kind, value=value).first()
        if row is None or row.status in STRONGER:
            return False
        _set(row, AddressStatus.UNSUBSCRIBED, reason, actor, now)
    return True


def blacklist_address(*, kind: str, value: str, reason: str, actor: str, now: datetime) -> bool:
    """Never send to an address again. Tells whether anything changed."""
    with transaction.atomic():
        row = Address.objects.select_for_update().filter(kind=kind, value=value).first()
        if row is None or row.status == AddressStatus.BLACKLISTED:
            return False
        _set(row, AddressStatus.BLACKLISTED, reason, actor, now)
    return True


def unblacklist_address(*, kind: str, value: str, actor: str, now: datetime) -> bool:
    """Take an address off the blacklist: it is again what it was before. Tells whether anything changed."""
    with transaction.atomic():
        row = Address.objects.select_for_update().filter(kind=kind, value=value).first()
        if row is None or row.status != AddressStatus.BLACKLISTED:
            return False
        _set(row, row.previous_status or AddressStatus.ACTIVE, "", actor, now)
    return True


def _set(row: Address, status: str, reason: str, actor: str, now: datetime) -> None:
    row.previous_status, row.status = row.status, status
    row.status_at, row.reason, row.actor = now, reason, actor
    row.save(update_fields=["status", "previous_status", "status_at", "reason", "actor"])
