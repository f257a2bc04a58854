"""Reads the two sides of merges and writes what `merge_rules` made of them, set-based."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from contacts.services.merge_rules import COLUMNS, Folded, Side

JSON_COLUMNS = frozenset({"orders_info", "location", "data", "provenance"})
TYPES = dict.fromkeys(JSON_COLUMNS, "jsonb") | {
    "created_at": "timestamptz", "updated_at": "timestamptz", "deleted_at": "timestamptz", "is_restricted": "bool",
    "merged_into": "bigint",
}  # fmt: skip
MOMENTS = frozenset({"created_at", "updated_at", "deleted_at"})

READ = f"SELECT id, {', '.join(COLUMNS)} FROM contacts_contact WHERE id = ANY(%s) ORDER BY id"
READ_KEYS = "SELECT person_id, kind, value FROM contacts_key WHERE person_id = ANY(%s) ORDER BY kind, value"
READ_LISTS = "SELECT contact_id, list_id, added_at FROM contacts_listmember WHERE contact_id = ANY(%s)"
READ_CHOICES = """
SELECT contact_id, category_id, channel, is_subscribed, chosen_at, actor FROM contacts_subscriptionchoice
WHERE contact_id = ANY(%s)
"""
READ_TOMBSTONES = "SELECT id, merged_into FROM contacts_contact WHERE merged_into = ANY(%s) ORDER BY id"
WRITE = f"""
UPDATE contacts_contact c SET ({", ".join(COLUMNS)}) = ({", ".join(f"w.{name}" for name in COLUMNS)})
FROM unnest(%s::bigint[], {", ".join(f"%s::{TYPES.get(name, 'text')}[]" for name in COLUMNS)}) AS w (id, {", ".join(COLUMNS)})
WHERE c.id = w.id
"""
LEAVE_ALL = "DELETE FROM contacts_listmember WHERE contact_id = ANY(%s)"
LEAVE = """
DELETE FROM contacts_listmember m USING unnest(%s::bigint[], %s::bigint[]) AS w (contact_id, list_id)
WHERE m.contact_id = w.contact_id AND m.list_id = w.list_id
"""
JOIN = """
INSERT INTO contacts_listmember (contact_id, list_id, added_at)
SELECT w.* FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS w (contact_id, list_id, added_at)
JOIN contacts_contactlist l ON l.id = w.list_id
ON CONFLICT (contact_id, list_id) DO UPDATE SET added_at = excluded.added_at
"""
FORGET_CHOICES = """
DELETE FROM contacts_subscriptionchoice c
USING unnest(%s::bigint[], %s::bigint[], %s::text[]) AS w (contact_id, category_id, channel)
WHERE c.contact_id = w.contact_id AND c.category_id = w.category_id AND c.channel = w.channel
"""
FORGET_ALL_CHOICES = "DELETE FROM contacts_subscriptionchoice WHERE contact_id = ANY(%s)"
CHOOSE = """
INSERT INTO contacts_subscriptionchoice (contact_id, category_id, channel, is_subscribed, chosen_at, actor)
SELECT w.* FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bool[], %s::timestamptz[], %s::text[])
    AS w (contact_id, category_id, channel, is_subscribed, chosen_at, actor)
JOIN contacts_subscriptioncategory c ON c.id = w.category_id
ON CONFLICT (contact_id, category_id, channel) DO UPDATE
SET is_subscribed = excluded.is_subscribed, chosen_at = excluded.chosen_at, actor = excluded.actor
"""
REPOINT_TOMBSTONES = """
UPDATE contacts_contact c SET merged_into = w.target
FROM unnest(%s::bigint[], %s::bigint[]) AS w (source, target) WHERE c.merged_into = w.source
"""
REPOINT_RECORDS = """
UPDATE contacts_mergerecord r SET winner_id = w.target
FROM unnest(%s::bigint[], %s::bigint[]) AS w (source, target) WHERE r.winner_id = w.source AND r.undone_at IS NULL
"""
NOTE_FORMER = """
INSERT INTO contacts_identifierchange (person_id, kind, value, held_until, reason)
SELECT person_id, kind, value, %s, 'merged' FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS w (person_id, kind, value)
"""


def columns_of(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into parallel arrays for `unnest`."""
    return [[row[place] for row in rows] for place in range(width)]


def read_sides(cursor: Any, ids: Sequence[int], *, with_memberships: bool = True) -> dict[int, Side]:
    """The contacts, with what a merge moves."""
    wanted = list(ids)
    cursor.execute(READ, [wanted])
    sides = {row[0]: Side(row[0], _row(row[1:])) for row in cursor.fetchall()}
    if not with_memberships:
        return sides
    cursor.execute(READ_KEYS, [wanted])
    for person, kind, value in cursor.fetchall():
        sides[person].keys.append((kind, value))
    cursor.execute(READ_LISTS, [wanted])
    for contact, number, added_at in cursor.fetchall():
        sides[contact].lists[number] = added_at
    cursor.execute(READ_CHOICES, [wanted])
    for contact, category, channel, is_subscribed, chosen_at, actor in cursor.fetchall():
        sides[contact].choices[(category, channel)] = (is_subscribed, chosen_at, actor)
    cursor.execute(READ_TOMBSTONES, [wanted])
    for tombstone, target in cursor.fetchall():
        sides[target].tombstones.append(tombstone)
    return sides


def _row(values: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(COLUMNS, values, strict=True))
    for name in JSON_COLUMNS:  # Django leaves jsonb as text to its model fields
        if found[name] is not None:
            found[name] = json.loads(found[name])
    return found


def write_sides(cursor: Any, sides: Sequence[Side]) -> None:
    """Every column of these contacts, in one statement."""
    rows = [(side.id, *(_cell(name, side.row[name]) for name in COLUMNS)) for side in sides]
    cursor.execute(WRITE, columns_of(rows, 1 + len(COLUMNS)))


def _cell(name: str, value: Any) -> Any:
    return Jsonb(value) if name in JSON_COLUMNS and value is not None else value


def write_memberships(
    cursor: Any, done: Sequence[Folded], final: Mapping[int, int], sides: Mapping[int, Side]
) -> None:
    """Lists and choices: the losers have none left, the last winners what the folding gave them."""
    losers = sorted(final)
    touched_lists = {(final[f.loser_id], number) for f in done for number in f.lists["winner"]}
    joined = [(w, n, sides[w].lists[n]) for w, n in sorted(touched_lists) if n in sides[w].lists]
    left = [(w, n) for w, n in sorted(touched_lists) if n not in sides[w].lists]
    cursor.execute(LEAVE_ALL, [losers])
    if joined:
        cursor.execute(JOIN, columns_of(joined, 3))
    if left:
        cursor.execute(LEAVE, columns_of(left, 2))
    touched_choices = {(final[f.loser_id], key) for f in done for key in f.choices["winner"]}
    cursor.execute(FORGET_ALL_CHOICES, [losers])
    chosen = [(w, *key, *sides[w].choices[key]) for w, key in sorted(touched_choices)]
    if chosen:
        cursor.execute(CHOOSE, columns_of(chosen, 6))


def bury(cursor: Any, final: Mapping[int, int], done: Sequence[Folded], *, now: datetime) -> None:
    """Older tombstones and records of the losers point at the last winner; identifiers not taken become history."""
    pairs = columns_of(sorted(final.items()), 2)
    cursor.execute(REPOINT_TOMBSTONES, pairs)
    cursor.execute(REPOINT_RECORDS, pairs)
    former = [(final[f.loser_id], *identifier) for f in done for identifier in f.former]
    if former:
        cursor.execute(NOTE_FORMER, [now, *columns_of(former, 3)])


def trail_of(folded: Folded) -> dict[str, Any]:
    """A merge as `MergeRecord.trail` keeps it; moments as text with their microseconds."""
    return {
        "loser": {name: _text(value) for name, value in folded.loser.items()},
        "changes": {name: [_text(part) for part in parts] for name, parts in folded.changes.items()},
        "keys": [list(key) for key in folded.keys],
        "tombstones": folded.tombstones,
        "former": [list(pair) for pair in folded.former],
        "lists": {
            "loser": [[number, _text(at)] for number, at in folded.lists["loser"].items()],
            "winner": [[n, _text(old), _text(new)] for n, (old, new) in folded.lists["winner"].items()],
        },
        "choices": {
            "loser": [[*key, *map(_text, value)] for key, value in folded.choices["loser"].items()],
            "winner": [
                [*key, _choice(old), _choice(new)] for key, (old, new) in folded.choices["winner"].items()
            ],
        },
    }


def _choice(value: Any) -> list[Any] | None:
    return None if value is None else [_text(part) for part in value]


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def loser_of(trail: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a loser as they were; what a trail written by an older version lacks is absent."""
    return {name: read_cell(name, value) for name, value in trail["loser"].items()}


def read_cell(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in MOMENTS and value is not None else value
