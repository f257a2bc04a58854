"""Addresses of erased people that must not be sent to: kept as salted hashes, known again when they return.

The status of an address outlives its holder: an erased opt-out that is imported again is an opt-out at once.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contacts.services.merge_store import columns_of

MUST_NOT_SEND = ("unsubscribed", "spam", "blacklisted", "blocked")

SALT = "SELECT salt FROM contacts_suppressionsalt WHERE id = 1"
MAKE_SALT = "INSERT INTO contacts_suppressionsalt (id, salt) VALUES (1, %s) ON CONFLICT (id) DO NOTHING"
DIGEST = "sha256(s.salt || convert_to(a.kind || ':' || a.value, 'UTF8'))"
HASH = f"""
INSERT INTO contacts_suppressedaddress (digest, status, previous_status, status_at, blocked_until, is_blacklisted, erased_at)
SELECT {DIGEST}, a.status, a.previous_status, a.status_at, a.blocked_until, a.is_blacklisted, %s
FROM contacts_address a JOIN unnest(%s::text[], %s::text[]) AS w (kind, value) USING (kind, value),
     contacts_suppressionsalt s
WHERE (a.status = ANY(%s) OR a.is_blacklisted) AND a.kind <> 'key'
ON CONFLICT (digest) DO UPDATE SET status = excluded.status, previous_status = excluded.previous_status,
    status_at = excluded.status_at, blocked_until = excluded.blocked_until, is_blacklisted = excluded.is_blacklisted,
    erased_at = excluded.erased_at
"""
FORGET = """
DELETE FROM contacts_address a USING unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE a.kind = w.kind AND a.value = w.value
"""
FORGET_HISTORY = """
DELETE FROM contacts_addresschange h USING unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE h.kind = w.kind AND h.value = w.value
"""
HAS_ANY = "SELECT EXISTS (SELECT 1 FROM contacts_suppressedaddress)"
RECALL = f"""
UPDATE contacts_address a SET status = p.status, previous_status = p.previous_status, status_at = p.status_at,
    blocked_until = p.blocked_until, is_blacklisted = p.is_blacklisted
FROM unnest(%s::text[], %s::text[]) AS w (kind, value), contacts_suppressionsalt s, contacts_suppressedaddress p
WHERE a.kind = w.kind AND a.value = w.value AND p.digest = {DIGEST}
RETURNING a.kind, a.value, a.status
"""


def read_salt(cursor: Any) -> bytes:
    """The installation's one salt of digests of erased people's identifiers; made when first needed."""
    cursor.execute(SALT)
    row = cursor.fetchone()
    if row is None:
        cursor.execute(MAKE_SALT, [secrets.token_bytes(32)])
        cursor.execute(SALT)
        row = cursor.fetchone()
    return bytes(row[0])


def forget_addresses(cursor: Any, addresses: Sequence[tuple[str, str]], *, now: datetime) -> int:
    """Drop the rows of addresses nobody holds any more; returns how many leave a hash because they opted out."""
    if not addresses:
        return 0
    columns = columns_of(sorted(addresses), 2)
    read_salt(cursor)
    cursor.execute(HASH, [now, *columns, list(MUST_NOT_SEND)])
    hashed = int(cursor.rowcount)
    cursor.execute(FORGET, columns)
    cursor.execute(FORGET_HISTORY, columns)
    return hashed


def recall_statuses(cursor: Any, fresh: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Give addresses made just now the status they had when they were erased; returns those that had one."""
    if not fresh:
        return {}
    cursor.execute(HAS_ANY)
    if not cursor.fetchone()[0]:
        return {}
    cursor.execute(RECALL, columns_of(sorted(fresh), 2))
    return {(kind, value): status for kind, value, status in cursor.fetchall()}
