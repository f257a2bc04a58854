"""Deleting (restorable), restoring and erasing (for good) contacts."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp.hooks import ContactsChanged, PersonsErased, contacts_changed, persons_erased
from contacts import persons
from contacts.models import Contact, ContactState

RESTORE = """
UPDATE contacts_contact SET state = 'active', deleted_at = NULL, delete_reason = '', updated_at = %s
WHERE id = ANY(%s) AND state = 'deleted' RETURNING id
"""
DELETE = """
UPDATE contacts_contact SET state = 'deleted', deleted_at = %s, delete_reason = %s, updated_at = %s
WHERE id = ANY(%s) AND state = 'active' RETURNING id
"""
# Identifier rows before contacts, in sorted order, as upserts lock them.
LOCK_KEYS = "SELECT 1 FROM contacts_key WHERE person_id = ANY(%s) ORDER BY kind, value FOR UPDATE"
LOCK_ADDRESSES = """
SELECT 1 FROM contacts_address a
WHERE (a.kind, a.value) IN (
    SELECT 'email', email_norm FROM contacts_contact WHERE id = ANY(%(ids)s)
    UNION SELECT 'phone', phone FROM contacts_contact WHERE id = ANY(%(ids)s)
    UNION SELECT 'key', contact_key FROM contacts_contact WHERE id = ANY(%(ids)s)
)
ORDER BY a.kind, a.value FOR UPDATE
"""
# Addresses nobody else holds go, but for those that must not be sent to: their row is what stops a send.
FORGET_ADDRESSES = """
WITH gone AS (
    SELECT 'email' AS kind, email_norm AS value FROM contacts_contact WHERE id = ANY(%(ids)s) AND email_norm IS NOT NULL
    UNION SELECT 'phone', phone FROM contacts_contact WHERE id = ANY(%(ids)s) AND phone IS NOT NULL
    UNION SELECT 'key', contact_key FROM contacts_contact WHERE id = ANY(%(ids)s) AND contact_key IS NOT NULL
), alone AS (
    SELECT g.kind, g.value FROM gone g WHERE NOT EXISTS (
        SELECT 1 FROM contacts_contact c WHERE c.id <> ALL(%(ids)s) AND (
            (g.kind = 'email' AND c.email_norm = g.value) OR (g.kind = 'phone' AND c.phone = g.value)
            OR (g.kind = 'key' AND c.contact_key = g.value)))
)
DELETE FROM contacts_address a USING alone WHERE a.kind = alone.kind AND a.value = alone.value
  AND a.status IN ('active', 'unconfirmed')
"""
ERASE = """
UPDATE contacts_contact SET state = 'erased', external_id = NULL, email = NULL, email_norm = NULL, phone = NULL,
    contact_key = NULL, first_name = NULL, last_name = NULL, address = NULL, town = NULL, region = NULL, postcode = NULL,
    language = NULL, time_zone = NULL, location = '{}', orders_info = NULL, data = '{}', provenance = '{}',
    source_detail = '', delete_reason = '', updated_at = %s, deleted_at = coalesce(deleted_at, %s)
WHERE id = ANY(%s) AND state <> 'erased' RETURNING id
"""


def delete_contacts(ids: Sequence[int], *, now: datetime, actor: str, reason: str = "") -> int:
    """Mark active contacts deleted; lists, fields, history and address statuses stay for a restore.

    Returns how many were active. `actor` is kept in the reason when none is given.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(ids)
        cursor.execute(DELETE, [now, reason or actor, now, list(ids)])
        changed = [row[0] for row in cursor.fetchall()]
        _announce(changed, "deleted", now)
    return len(changed)


def restore_contacts(ids: Sequence[int], *, now: datetime, actor: str) -> int:  # noqa: ARG001
    """Make deleted contacts active again, with their lists and statuses. Returns how many were deleted."""
    with transaction.atomic(), connection.cursor() as cursor:
        _lock(ids)
        cursor.execute(RESTORE, [now, list(ids)])
        changed = [row[0] for row in cursor.fetchall()]
        _announce(changed, "restored", now)
    return len(changed)


def erase_contacts(ids: Sequence[int], *, now: datetime, actor: str) -> int:  # noqa: ARG001
    """Wipe contacts for good: identifiers, fields, and the rows of every registered person table.

    An address that opted out or is blacklisted keeps its status row, so that it is never mailed again; others go.
    Returns how many were erased; an erased contact is left alone.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        wanted = list(ids)
        cursor.execute(LOCK_KEYS, [wanted])
        cursor.execute(LOCK_ADDRESSES, {"ids": wanted})
        _lock(ids)
        cursor.execute(FORGET_ADDRESSES, {"ids": wanted})
        cursor.execute("DELETE FROM contacts_device WHERE person_id = ANY(%s)", [wanted])
        for table in persons.registry.values():
            if table.on_erase == "delete":
                cursor.execute(f"DELETE FROM {table.table} WHERE {table.column} = ANY(%s)", [wanted])
        cursor.execute(ERASE, [now, now, wanted])
        erased = [row[0] for row in cursor.fetchall()]
        if erased:
            persons_erased.send(PersonsErased(ids=erased, now=now))
            _announce(erased, "erased", now)
    return len(erased)


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
