"""Lists and who is on them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp.hooks import ContactsChanged, contacts_changed
from contacts.models import ContactList

JOIN = """
INSERT INTO contacts_listmember (contact_id, list_id, added_at)
SELECT id, %s, %s FROM contacts_contact WHERE id = ANY(%s) AND state IN ('active', 'deleted') ORDER BY id
FOR KEY SHARE
ON CONFLICT (contact_id, list_id) DO NOTHING
RETURNING contact_id
"""


# Leaving the list of a category is a choice: a later merge must not bring the contact back.
OPT_OUT = """
INSERT INTO contacts_subscriptionchoice (contact_id, category_id, channel, is_subscribed, chosen_at, actor)
SELECT w.id, c.id, '*', false, %s, %s FROM contacts_subscriptioncategory c, unnest(%s::bigint[]) AS w (id) WHERE c.list_id = %s
ON CONFLICT (contact_id, category_id, channel) DO UPDATE
SET is_subscribed = false, chosen_at = excluded.chosen_at, actor = excluded.actor
"""

OPT_IN = """
UPDATE contacts_subscriptionchoice s SET is_subscribed = true, chosen_at = %s, actor = %s
FROM contacts_subscriptioncategory c
WHERE c.list_id = %s AND s.category_id = c.id AND s.contact_id = ANY(%s) AND s.channel = '*' AND NOT s.is_subscribed
"""


def ensure_lists(names: Iterable[str], *, now: datetime) -> dict[str, int]:
    """Ids of the lists of these names; missing ones are made."""
    wanted = list(dict.fromkeys(names))
    ContactList.objects.bulk_create(
        [ContactList(name=name, created_at=now, updated_at=now) for name in sorted(wanted)],
        ignore_conflicts=True,
    )
    return dict(ContactList.objects.filter(name__in=wanted).values_list("name", "pk"))


def add_to_list(list_id: int, contact_ids: Sequence[int], *, now: datetime, actor: str = "") -> int:
    """Put contacts on a list; ids of nobody are passed over. Returns how many were not on it before.

    Who had opted out of the list's category is subscribed to it again.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(JOIN, [list_id, now, list(contact_ids)])
        added = [row[0] for row in cursor.fetchall()]
        cursor.execute(OPT_IN, [now, actor, list_id, added])
        _announce(list_id, added, now)
    return len(added)


def remove_from_list(
    list_id: int, contact_ids: Sequence[int] | None, *, now: datetime, actor: str = ""
) -> int:
    """Take contacts off a list; None empties it. The contacts stay. Returns how many were on it.

    Off the list of a subscription category they have opted out of it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        one = "" if contact_ids is None else " AND contact_id = ANY(%s)"
        parameters: tuple[Any, ...] = (list_id,) if contact_ids is None else (list_id, list(contact_ids))
        cursor.execute(
            f"DELETE FROM contacts_listmember WHERE list_id = %s{one} RETURNING contact_id", parameters
        )
        removed = sorted(row[0] for row in cursor.fetchall())
        cursor.execute(OPT_OUT, [now, actor, removed, list_id])
        _announce(list_id, removed, now)
    return len(removed)


def _announce(list_id: int, ids: Sequence[int], now: datetime) -> None:
    if ids:
        changes = [frozenset({f"list.{list_id}"})] * len(ids)
        contacts_changed.send(
            ContactsChanged(ids=ids, results=["updated"] * len(ids), changes=changes, now=now)
        )
