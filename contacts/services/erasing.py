"""Erases contacts for good (contacts spec 13): identifiers, fields, rows of every registered table, merge tombstones.

What is left: the id, a certificate in the audit (who, when, rows by table), and for addresses that opted out a salted hash.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp.bell import ring
from cdp.crash import crash_point
from cdp.deadlock import retry_deadlock
from cdp.hooks import ContactsChanged, PersonsErased, contacts_changed, persons_erased
from contacts import persons
from contacts.models import AuditAction
from contacts.services import audit
from contacts.services.holding import Held, hold_people
from contacts.services.moves import finish_returns
from contacts.services.suppression import forget_addresses
from contacts.services.waiting import forget_in_waiting, hold_waiting

TOMBSTONES = "SELECT id FROM contacts_contact WHERE merged_into = ANY(%s)"
FORMER = "SELECT kind, value FROM contacts_identifierchange WHERE person_id = ANY(%s)"
ADDRESS_KINDS = frozenset({"email", "phone", "key"})
# Addresses of these people that nobody else holds.
ALONE = """
SELECT w.kind, w.value FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS w (kind, value)
WHERE NOT EXISTS (SELECT 1 FROM contacts_contact c WHERE w.kind = 'email' AND c.email_norm = w.value AND c.id <> ALL(%(ids)s))
  AND NOT EXISTS (SELECT 1 FROM contacts_contact c WHERE w.kind = 'phone' AND c.phone = w.value AND c.id <> ALL(%(ids)s))
  AND NOT EXISTS (SELECT 1 FROM contacts_contact c WHERE w.kind = 'key' AND c.contact_key = w.value AND c.id <> ALL(%(ids)s))
"""
# Anonymous visitors seen with such an address are the same person; their cookies stay and say nothing.
FORGET_VISITORS = """
UPDATE contacts_visitor SET email_norm = CASE WHEN email_norm = ANY(%(emails)s) THEN NULL ELSE email_norm END,
    phone = CASE WHEN phone = ANY(%(phones)s) THEN NULL ELSE phone END
WHERE email_norm = ANY(%(emails)s) OR phone = ANY(%(phones)s) RETURNING id
"""
FORGET_REASONS = "UPDATE contacts_contactaudit SET reason = '' WHERE contact_id = ANY(%s) AND reason <> ''"
WIPE_INCOMING = "UPDATE contacts_personmove SET target_id = NULL, settle_xid = NULL WHERE target_id = ANY(%s)"
ERASE = """
UPDATE contacts_contact SET state = 'erased', external_id = NULL, email = NULL, email_norm = NULL, phone = NULL,
    contact_key = NULL, first_name = NULL, last_name = NULL, address = NULL, town = NULL, region = NULL, postcode = NULL,
    language = NULL, time_zone = NULL, location = '{}', orders_info = NULL, data = '{}', provenance = '{}', merged_into = NULL,
    source_detail = '', delete_reason = '', updated_at = %s, deleted_at = coalesce(deleted_at, %s)
WHERE id = ANY(%s) AND state <> 'erased' RETURNING id
"""


@retry_deadlock
def erase_contacts(ids: Sequence[int], *, now: datetime, actor: str, reason: str = "") -> int:
    """Wipe contacts, and the tombstones of those merged into them, in one transaction.

    An address that opted out or is blacklisted and that nobody else holds leaves a salted hash, so that it is never
    mailed again; other addresses go. Returns how many were erased, tombstones not counted; an erased contact is left
    alone. `reason` is for the certificate and must hold no personal data.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        hold_waiting(cursor)
        wanted = list(ids)
        tombstones = _tombstones(cursor, wanted)
        addresses = _former(cursor, [*wanted, *tombstones])
        held = hold_people(cursor, wanted, addresses=addresses, expand=_tombstones)
        gone, hashed = _wipe_addresses(cursor, held, addresses, now)
        finish_returns(cursor, held.ids)
        cursor.execute(WIPE_INCOMING, [held.ids])
        rows = _wipe_rows(cursor, held.ids)
        cursor.execute(FORGET_REASONS, [held.ids])
        cursor.execute(ERASE, [now, now, held.ids])
        erased = sorted(row[0] for row in cursor.fetchall())
        if erased:
            persons.keep_wipes(cursor, erased, now=now)
            identifiers = [*gone, *(key for keys in held.keys.values() for key in keys)]
            forget_in_waiting(cursor, erased, identifiers)
            persons_erased.send(PersonsErased(ids=erased, now=now, identifiers=identifiers))
            _announce(erased, now)
            mine = [one for one in erased if one in set(wanted)]
            details = {"tombstones": len(erased) - len(mine), "addresses": len(gone), "hashed": hashed}
            acts = [(one, {"rows": rows.get(one, {})} | details) for one in erased]
            audit.keep(acts, action=AuditAction.ERASED, actor=actor, reason=reason, now=now)
            transaction.on_commit(lambda: ring("person_moves"))
        crash_point("erase_before_commit")
    return len([one for one in erased if one in set(wanted)])


def _tombstones(cursor: Any, ids: Iterable[int]) -> set[int]:
    cursor.execute(TOMBSTONES, [sorted(ids)])
    return {row[0] for row in cursor.fetchall()}


def _former(cursor: Any, ids: Sequence[int]) -> list[tuple[str, str]]:
    """Addresses these people held once."""
    cursor.execute(FORMER, [list(ids)])
    return sorted({(kind, value) for kind, value in cursor.fetchall() if kind in ADDRESS_KINDS})


def _wipe_addresses(
    cursor: Any, held: Held, former: Sequence[tuple[str, str]], now: datetime
) -> tuple[list[tuple[str, str]], int]:
    """Forget what nobody else holds; returns it, and how many of it left a hash.

    Only rows that are locked are dropped: an address of old that had none may be made by somebody at this moment.
    """
    mine = sorted({*held.addresses, *former})
    parts = {"kinds": [kind for kind, _ in mine], "values": [value for _, value in mine], "ids": held.ids}
    cursor.execute(ALONE, parts)
    gone = sorted(cursor.fetchall())
    hashed = forget_addresses(cursor, [one for one in gone if one in held.addresses], now=now)
    values = {
        "emails": [value for kind, value in gone if kind == "email"],
        "phones": [value for kind, value in gone if kind == "phone"],
    }
    cursor.execute(FORGET_VISITORS, values)
    visitors = [row[0] for row in cursor.fetchall()]
    for table in persons.registry.values():
        if visitors and table.on_erase == "delete" and not table.at_once:
            persons.wipe_rows(cursor, table, visitors)
    return gone, hashed


def _wipe_rows(cursor: Any, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Delete the rows of every registered table; counts by contact and table. Devices go before their keys."""
    rows: dict[int, dict[str, int]] = defaultdict(dict)
    tables = sorted(persons.registry.values(), key=lambda table: table.table != "contacts_device")
    for table in tables:
        if table.on_erase == "delete":
            for contact_id, count in persons.wipe_rows(cursor, table, ids).items():
                rows[contact_id][table.table] = rows[contact_id].get(table.table, 0) + count
    return rows


def _announce(ids: Sequence[int], now: datetime) -> None:
    changes = [frozenset({"state"})] * len(ids)
    contacts_changed.send(ContactsChanged(ids=ids, results=["erased"] * len(ids), changes=changes, now=now))
