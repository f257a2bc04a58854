"""Locks whole people for merging, undoing and erasing, in the order upserts lock: keys, addresses, contacts.

What still moves (`PersonMove`) is locked before anything else, since the engine holds such a row while it moves. A key or
an address that the people gained while we waited is seen once the contacts are locked; then all is let go and locked
again, so that identifiers are never locked after contacts and nobody deadlocks.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from cdp.deadlock import Crowded
from contacts.services.suppression import recall_statuses

LOCK_MOVES = """
SELECT 1 FROM contacts_personmove WHERE source_id = ANY(%(ids)s) OR target_id = ANY(%(ids)s) ORDER BY id FOR UPDATE
"""
KEYS = "SELECT kind, value, person_id FROM contacts_key WHERE person_id = ANY(%s)"
LOCK_KEYS = f"{KEYS} ORDER BY kind, value FOR UPDATE"
ADDRESSES = """
SELECT 'email' AS kind, email_norm AS value FROM contacts_contact WHERE id = ANY(%(ids)s) AND email_norm IS NOT NULL
UNION SELECT 'phone', phone FROM contacts_contact WHERE id = ANY(%(ids)s) AND phone IS NOT NULL
UNION SELECT 'key', contact_key FROM contacts_contact WHERE id = ANY(%(ids)s) AND contact_key IS NOT NULL
"""
LOCK_ADDRESSES = f"""
SELECT a.kind, a.value FROM contacts_address a
WHERE (a.kind, a.value) IN ({ADDRESSES} UNION SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[]))
ORDER BY a.kind, a.value FOR UPDATE
"""
# As LOCK_ADDRESSES, in the same order, but makes the rows that are missing.
MAKE_ADDRESSES = f"""
INSERT INTO contacts_address (kind, value, status, previous_status, status_at, reason, actor, soft_errors, is_sms_capable)
SELECT kind, value, 'active', '', %(now)s, '', '', 0, true
FROM ({ADDRESSES} UNION SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[])) a (kind, value) ORDER BY kind, value
ON CONFLICT (kind, value) DO UPDATE SET actor = excluded.actor WHERE false RETURNING kind, value
"""
LOCK_CONTACTS = "SELECT id FROM contacts_contact WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
HELD_ADDRESSES = f"SELECT a.kind, a.value FROM contacts_address a WHERE (a.kind, a.value) IN ({ADDRESSES})"
MOST_TRIES = 20


@dataclass(slots=True)
class Held:
    """What is locked. `keys[person]`: (kind, value) of each key; `addresses`: rows of what they hold and of what was asked."""

    ids: list[int]
    keys: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    addresses: set[tuple[str, str]] = field(default_factory=set)


def hold_people(
    cursor: Any,
    ids: Sequence[int],
    *,
    addresses: Sequence[tuple[str, str]] = (),
    expand: Callable[[Any, Iterable[int]], set[int]] | None = None,
    make_at: datetime | None = None,
) -> Held:
    """Lock contacts with every identifier they hold; to be called in a transaction that holds no other people.

    `addresses` are locked with those the contacts hold; with `make_at` rows that are missing are made, with the status
    they had if they were erased. `expand` adds contacts that belong with those asked for; it is
    asked again under lock.

    Raises:
        Crowded: the people kept changing while we waited.
    """
    wanted = set(ids)
    for _ in range(MOST_TRIES):
        savepoint = transaction.savepoint()
        if expand is not None:
            wanted |= expand(cursor, wanted)
        held = _try(cursor, sorted(wanted), addresses, make_at)
        if held is not None and (expand is None or expand(cursor, wanted) <= wanted):
            transaction.savepoint_commit(savepoint)
            return held
        transaction.savepoint_rollback(savepoint)
    raise Crowded(f"{len(wanted)} contacts changed while they were being locked")


def _try(
    cursor: Any, ids: list[int], addresses: Sequence[tuple[str, str]], make_at: datetime | None
) -> Held | None:
    more = {"kinds": [kind for kind, _ in addresses], "values": [value for _, value in addresses]}
    cursor.execute(LOCK_MOVES, {"ids": ids})
    cursor.execute(LOCK_KEYS, [ids])
    keys = cursor.fetchall()
    if make_at is not None:
        cursor.execute(MAKE_ADDRESSES, {"ids": ids, "now": make_at, **more})
        recall_statuses(cursor, cursor.fetchall())
    cursor.execute(LOCK_ADDRESSES, {"ids": ids, **more})
    locked = set(cursor.fetchall())
    cursor.execute(LOCK_CONTACTS, [ids])
    held = Held([row[0] for row in cursor.fetchall()], addresses=locked)
    cursor.execute(KEYS, [ids])
    if not set(cursor.fetchall()) <= set(keys):
        return None
    cursor.execute(HELD_ADDRESSES, {"ids": ids})
    if not set(cursor.fetchall()) <= locked:
        return None
    for kind, value, person_id in keys:
        held.keys.setdefault(person_id, []).append((kind, value))
    return held
