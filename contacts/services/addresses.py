"""What a colleague may do to an address: unsubscribe it, blacklist it, take it off the blacklist (contacts document 7.2)."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp.hooks import ContactsChanged, contacts_changed
from contacts.models import Address, AddressStatus

STRONGER = {AddressStatus.SPAM, AddressStatus.UNSUBSCRIBED}

HOLDERS = """
WITH w AS (SELECT * FROM unnest(%s::text[], %s::text[]) AS w (kind, value))
SELECT c.id, 'address.email' FROM w JOIN contacts_contact c ON c.email_norm = w.value WHERE w.kind = 'email'
UNION SELECT c.id, 'address.phone' FROM w JOIN contacts_contact c ON c.phone = w.value WHERE w.kind = 'phone'
UNION SELECT c.id, 'address.key' FROM w JOIN contacts_contact c ON c.contact_key = w.value WHERE w.kind = 'key'
"""


def announce_holders(addresses: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """Tell that the state of addresses, as (kind, value), changed: `contacts_changed` for everybody who has one.

    The word is `address.email`, `address.phone` or `address.key`. Whoever writes a status calls this in its transaction.
    """
    if not addresses or not contacts_changed.is_connected:
        return
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS, [[kind for kind, _ in addresses], [value for _, value in addresses]])
        words: dict[int, set[str]] = {}
        for contact_id, word in cursor.fetchall():
            words.setdefault(contact_id, set()).add(word)
    if words:
        changes = [frozenset(found) for found in words.values()]
        contacts_changed.send(
            ContactsChanged(ids=list(words), results=["updated"] * len(words), changes=changes, now=now)
        )


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
    announce_holders([(row.kind, row.value)], now=now)
