"""Tokens of many contacts at once."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp.hooks import ContactsChanged, contacts_changed

# Locked by kind and value, as upserts do.
SWITCH_OFF = """
WITH held AS (
    SELECT id FROM contacts_key WHERE person_id = ANY(%s) AND kind = ANY(%s) AND is_active ORDER BY kind, value FOR UPDATE
)
UPDATE contacts_key k SET is_active = false FROM held WHERE k.id = held.id RETURNING k.person_id, k.kind
"""


def switch_off_tokens(ids: Sequence[int], kinds: Sequence[str], *, now: datetime) -> int:
    """Keep the tokens of these contacts, but send to them no more; returns how many contacts had one."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SWITCH_OFF, [list(ids), list(kinds)])
        words: dict[int, set[str]] = {}
        for person_id, kind in cursor.fetchall():
            words.setdefault(person_id, set()).add(f"key.{kind}")
        if words:
            changes = [frozenset(found) for found in words.values()]
            contacts_changed.send(
                ContactsChanged(ids=list(words), results=["updated"] * len(words), changes=changes, now=now)
            )
    return len(words)
