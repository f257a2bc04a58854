"""Finds contacts that may be one person, set-based and bounded; a colleague merges or dismisses them.

Each reason is one statement over the contacts. Of a group of alike contacts the one that would be kept is paired with each
of the others, so that merging all pairs of a group leaves one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from contacts.models import ContactField, DuplicatePair, DuplicateReason, DuplicateState
from contacts.services import merge_store
from contacts.services.merge_rules import strength
from contacts.services.merging import MergeOutcome, merge_pairs

MOST_GROUPS = 10_000  # of one reason
MOST_OF_GROUP = 20  # a shop's own info@ address is no person
BIRTHDAY = "BIRTHDAY"

NAMED = "first_name IS NOT NULL AND last_name IS NOT NULL"
NAME = ("lower(first_name)", "lower(last_name)")
# Who is kept (contacts spec 4.2), as an order.
BEST = """(external_id IS NULL), -((email_norm IS NOT NULL)::int + (phone IS NOT NULL)::int + (contact_key IS NOT NULL)::int),
    created_at, id"""
FIND = """
WITH alike AS (
    SELECT {keys} FROM contacts_contact WHERE state = 'active' AND {given} GROUP BY {places} HAVING count(*) > 1
    ORDER BY {places} LIMIT %(groups)s
), ranked AS (
    SELECT id, row_number() OVER w AS place, first_value(id) OVER w AS best FROM contacts_contact
    WHERE state = 'active' AND {given} AND ({keys}) IN (SELECT * FROM alike)
    WINDOW w AS (PARTITION BY {keys} ORDER BY {best})
)
INSERT INTO contacts_duplicatepair AS p (first_id, second_id, reason, state, found_at, decided_by)
SELECT least(id, best), greatest(id, best), %(reason)s, 'open', %(now)s, '' FROM ranked WHERE place BETWEEN 2 AND %(members)s
ON CONFLICT (first_id, second_id) DO UPDATE SET reason = excluded.reason, found_at = excluded.found_at
WHERE p.state = 'open' AND p.found_at < excluded.found_at
"""
FORGET_STALE = "DELETE FROM contacts_duplicatepair WHERE state = 'open' AND found_at < %s"


def find_by(reason: str, *, now: datetime) -> int:
    """Propose pairs that are alike in one way; dismissed pairs stay dismissed. Returns how many are proposed now."""
    keys, given = _alike(reason)
    if not keys:
        return 0
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    statement = FIND.format(keys=", ".join(keys), given=given, places=places, best=BEST)
    values: dict[str, Any] = {"groups": MOST_GROUPS, "members": MOST_OF_GROUP, "reason": reason, "now": now}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _alike(reason: str) -> tuple[tuple[str, ...], str]:
    """Expressions that are equal, and the condition under which they say something."""
    columns = {
        DuplicateReason.EMAIL: "email_norm", DuplicateReason.PHONE: "phone", DuplicateReason.CONTACT_KEY: "contact_key",
    }  # fmt: skip
    if reason in columns:
        column = columns[DuplicateReason(reason)]
        return (column,), f"{column} IS NOT NULL"
    if reason == DuplicateReason.TOWN:
        return (
            *NAME,
            "lower(address)",
            "lower(town)",
        ), f"{NAMED} AND address IS NOT NULL AND town IS NOT NULL"
    birthday = ContactField.objects.filter(key=BIRTHDAY).order_by("pk").values_list("pk", flat=True).first()
    if birthday is None:
        return (), ""
    value = f"(data ->> '{int(birthday)}')"
    return (*NAME, value), f"{NAMED} AND {value} IS NOT NULL"


def forget_stale(*, found_before: datetime) -> int:
    """Drop proposals that a newer search did not find again."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_STALE, [found_before])
        return int(cursor.rowcount)


def dismiss_pairs(pair_ids: Sequence[int], *, actor: str, now: datetime) -> int:
    """Say that these are not one person; a later search does not ask again. Returns how many were open."""
    open_pairs = DuplicatePair.objects.filter(pk__in=pair_ids, state=DuplicateState.OPEN)
    return open_pairs.update(state=DuplicateState.DISMISSED, decided_at=now, decided_by=actor)


def reopen_pair(pair_id: int) -> bool:
    """Take a dismissal back."""
    dismissed = DuplicatePair.objects.filter(pk=pair_id, state=DuplicateState.DISMISSED)
    return bool(dismissed.update(state=DuplicateState.OPEN, decided_at=None, decided_by=""))


def merge_duplicates(
    pairs: Sequence[DuplicatePair], *, actor: str, now: datetime, is_automatic: bool = True
) -> list[MergeOutcome]:
    """Merge proposed pairs, each into the one that is known best; a merged pair is a proposal no longer.

    Raises:
        OperationalError: the people kept changing while they were being locked.
    """
    ids = sorted({one for pair in pairs for one in (pair.first_id, pair.second_id)})
    with transaction.atomic(), connection.cursor() as cursor:
        sides = merge_store.read_sides(cursor, ids, with_memberships=False)
        ordered = []
        for pair in pairs:
            both = [pair.first_id, pair.second_id]
            known = [one for one in both if one in sides]
            winner = min(known, key=lambda one: strength(sides[one].row, one)) if known else both[0]
            ordered.append((winner, both[0] if winner == both[1] else both[1]))
        outcomes = merge_pairs(
            ordered, reason=_reason(pairs), actor=actor, now=now, is_automatic=is_automatic
        )
        settled = [p.pk for p, o in zip(pairs, outcomes, strict=True) if o.result != "refused"]
        DuplicatePair.objects.filter(pk__in=settled).delete()
    return outcomes


def _reason(pairs: Sequence[DuplicatePair]) -> str:
    """The common reason of the pairs, in the product's own language: records are read by everybody."""
    return ", ".join(sorted({pair.reason for pair in pairs}))
