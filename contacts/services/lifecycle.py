"""Deleting (restorable) and restoring contacts; every act is kept in the audit. Erasing is `erasing`."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp.deadlock import retry_deadlock
from cdp.hooks import ContactsChanged, contacts_changed
from contacts.models import AuditAction, Contact, ContactState
from contacts.services import audit
from contacts.services.erasing import erase_contacts

__all__ = ["delete_contacts", "erase_contacts", "is_known", "restore_contacts"]

RESTORE = """
UPDATE contacts_contact SET state = 'active', deleted_at = NULL, delete_reason = '', updated_at = %s
WHERE id = ANY(%s) AND state = 'deleted' RETURNING id
"""
DELETE = """
UPDATE contacts_contact SET state = 'deleted', deleted_at = %s, delete_reason = %s, updated_at = %s
WHERE id = ANY(%s) AND state = 'active' RETURNING id
"""


@retry_deadlock
def delete_contacts(ids: Sequence[int], *, now: datetime, actor: str, reason: str = "") -> int:
    """Mark active contacts deleted; lists, fields, history and address statuses stay for a restore.

    Returns how many were active. The actor stands for the reason when none is given.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(ids)
        cursor.execute(DELETE, [now, reason or actor, now, list(ids)])
        changed = [row[0] for row in cursor.fetchall()]
        audit.keep(
            [(one, {}) for one in changed], action=AuditAction.DELETED, actor=actor, reason=reason, now=now
        )
        _announce(changed, "deleted", now)
    return len(changed)


@retry_deadlock
def restore_contacts(ids: Sequence[int], *, now: datetime, actor: str) -> int:
    """Make deleted contacts active again, with their lists and statuses. Returns how many were deleted."""
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(ids)
        cursor.execute(RESTORE, [now, list(ids)])
        changed = [row[0] for row in cursor.fetchall()]
        audit.keep([(one, {}) for one in changed], action=AuditAction.RESTORED, actor=actor, now=now)
        _announce(changed, "restored", now)
    return len(changed)


def _lock(ids: Sequence[int]) -> None:
    """Lock in id order, as upserts do."""
    list(
        Contact.objects.filter(pk__in=list(ids))
        .order_by("pk")
        .select_for_update()
        .values_list("pk", flat=True)
    )


def _announce(ids: Sequence[int], result: str, now: datetime) -> None:
    if ids:
        changes = [frozenset({"state"})] * len(ids)
        contacts_changed.send(ContactsChanged(ids=ids, results=[result] * len(ids), changes=changes, now=now))


def is_known(contact_id: int) -> bool:
    """Whether the id is a contact that is active or deleted."""
    return Contact.objects.filter(
        pk=contact_id, state__in=[ContactState.ACTIVE, ContactState.DELETED]
    ).exists()
