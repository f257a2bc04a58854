"""Reads and locks everything an upsert needs: identifier rows first, in sorted order, then the people who hold them.

Identifier rows are the mutex. Every transaction takes keys, then addresses, then contacts, each in sorted order; so
concurrent upserts of the same people wait for each other and never deadlock. One statement inserts the missing rows and
locks the present ones (`DO UPDATE … WHERE false` locks and writes nothing; a row that its owner's erasing deletes
meanwhile is inserted anew); a later statement reads, and so sees what the transaction it waited for has committed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contacts.services.inputs import WRITABLE, ContactInput, Person
from contacts.services.matching import Known
from contacts.services.suppression import recall_statuses

COLUMNS = (
    "id", "state", "external_id", "email", "email_norm", "phone", "contact_key", "updated_at", "created_at",
    *WRITABLE, "data", "provenance",
)  # fmt: skip

JSON_COLUMNS = ("orders_info", "location", "data", "provenance")

RESERVE_IDS = "SELECT nextval('contacts_person_id_seq') FROM generate_series(1, %s)"

INSERT_KEYS = """
INSERT INTO contacts_key (kind, value, person_id, scope, is_active, created_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::bool[]), (VALUES (%s::timestamptz)) t
ON CONFLICT (kind, value) DO UPDATE SET scope = excluded.scope WHERE false
RETURNING kind, value
"""
READ_KEYS = """
SELECT k.kind, k.value, k.person_id FROM contacts_key k
JOIN unnest(%s::text[], %s::text[]) AS wanted (kind, value) USING (kind, value)
"""
DROP_KEYS = """
DELETE FROM contacts_key k USING unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE k.kind = w.kind AND k.value = w.value
"""
# Other keys of visitors and of people known by nothing but tokens: these may have to follow, so they are locked as well.
SIBLING_KEYS = """
WITH stray AS (
    SELECT k.person_id AS id FROM contacts_key k
    JOIN unnest(%(kinds)s::text[], %(values)s::text[]) AS w (kind, value) USING (kind, value)
    LEFT JOIN contacts_contact c ON c.id = k.person_id
    WHERE c.id IS NULL OR (c.external_id IS NULL AND c.email_norm IS NULL AND c.phone IS NULL AND c.contact_key IS NULL)
    UNION SELECT id FROM contacts_visitor WHERE email_norm = ANY(%(emails)s)
    UNION SELECT id FROM contacts_visitor WHERE phone = ANY(%(phones)s)
)
SELECT k.kind, k.value FROM contacts_key k JOIN stray ON stray.id = k.person_id
"""
KEYS_OF = "SELECT person_id, kind, value FROM contacts_key WHERE person_id = ANY(%s)"
LOCK_PRESENT_KEYS = """
SELECT 1 FROM contacts_key k JOIN unnest(%s::text[], %s::text[]) AS w (kind, value) USING (kind, value)
ORDER BY k.kind, k.value FOR UPDATE OF k
"""
LOCK_PRESENT_ADDRESSES = """
SELECT 1 FROM contacts_address a JOIN unnest(%s::text[], %s::text[]) AS w (kind, value) USING (kind, value)
ORDER BY a.kind, a.value FOR UPDATE OF a
"""
INSERT_ADDRESSES = """
INSERT INTO contacts_address (kind, value, status, previous_status, status_at, reason, actor, soft_errors, is_sms_capable)
SELECT kind, value, %s, '', %s, '', %s, 0, capable FROM unnest(%s::text[], %s::text[], %s::bool[]) AS w (kind, value, capable)
ON CONFLICT (kind, value) DO UPDATE SET actor = excluded.actor WHERE false
RETURNING kind, value
"""
READ_ADDRESSES = """
SELECT a.kind, a.value, a.status FROM contacts_address a
JOIN unnest(%s::text[], %s::text[]) AS wanted (kind, value) USING (kind, value)
"""
LOCK_PEOPLE = f"""
SELECT {", ".join(f"c.{name}" for name in COLUMNS)} FROM contacts_contact c
WHERE c.id IN (
    SELECT unnest(%(ids)s::bigint[])
    UNION SELECT id FROM contacts_contact WHERE email_norm = ANY(%(emails)s)
    UNION SELECT id FROM contacts_contact WHERE phone = ANY(%(phones)s)
    UNION SELECT id FROM contacts_contact WHERE contact_key = ANY(%(keys)s)
)
ORDER BY c.id FOR UPDATE
"""
RESOLVE = "SELECT id, merged_into FROM contacts_contact WHERE id = ANY(%s) AND state = 'merged'"
LOCK_BY_FIELD = """
SELECT id, data ->> %(field)s FROM contacts_contact WHERE data ->> %(field)s = ANY(%(values)s) AND state <> 'erased'
"""
LOCK_VISITORS = """
SELECT id, email_norm, phone FROM contacts_visitor
WHERE id = ANY(%(ids)s) OR email_norm = ANY(%(emails)s) OR phone = ANY(%(phones)s)
ORDER BY id FOR UPDATE
"""


@dataclass(slots=True)
class Locked:
    """What one wave holds locked. `reserved[i]` is the id that input i takes when it makes somebody new."""

    known: Known
    reserved: list[int]
    fresh_keys: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # inserted now → reserved id on the row
    fresh_addresses: set[tuple[str, str]] = field(default_factory=set)
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)  # address statuses before this wave
    keys: set[tuple[str, str]] = field(default_factory=set)  # every key row locked, wanted or not


def lock_present(cursor: Any, items: Sequence[ContactInput]) -> None:
    """Lock the identifiers that exist of a batch of several waves, so that a later wave waits for nobody."""
    keys = sorted({key for item in items for key in item.owned_keys()})
    addresses = sorted({address for item in items for address in item.addresses()})
    for statement, wanted in ((LOCK_PRESENT_KEYS, keys), (LOCK_PRESENT_ADDRESSES, addresses)):
        if wanted:
            cursor.execute(statement, [[kind for kind, _ in wanted], [value for _, value in wanted]])


def lock(cursor: Any, items: Sequence[ContactInput], *, now: datetime, new_status: str, actor: str) -> Locked:
    """Insert and lock the identifiers of `items`, then read and lock the people who hold them."""
    cursor.execute(RESERVE_IDS, [len(items)])
    locked = Locked(Known(), [row[0] for row in cursor.fetchall()])
    _lock_keys(cursor, items, locked, now)
    _lock_addresses(cursor, items, locked, now, new_status, actor)
    _lock_people(cursor, items, locked)
    return locked


def _lock_keys(cursor: Any, items: Sequence[ContactInput], locked: Locked, now: datetime) -> None:
    wanted: dict[tuple[str, str], tuple[int, str, bool]] = {}
    for item, reserved in zip(items, locked.reserved, strict=True):
        if item.external_id is not None:
            wanted[("ext", item.external_id)] = (reserved, "", True)
        for token in item.tokens:
            wanted[(token.kind, token.value)] = (reserved, token.scope, token.is_active)
    siblings = _siblings(cursor, items) - wanted.keys()
    if not wanted and not siblings:
        return
    order = sorted({*wanted, *siblings})
    rows = [(*key, *wanted.get(key, (0, "", True))) for key in order]
    cursor.execute(INSERT_KEYS, [*([row[place] for row in rows] for place in range(5)), now])
    fresh = set(cursor.fetchall())
    vanished = sorted(fresh & siblings)
    if vanished:  # deleted while we waited: nobody asked for them
        cursor.execute(DROP_KEYS, [[kind for kind, _ in vanished], [value for _, value in vanished]])
    locked.fresh_keys = {key: wanted[key][0] for key in fresh if key in wanted}
    present = [key for key in order if key in wanted and key not in fresh]
    if present:
        cursor.execute(READ_KEYS, [[kind for kind, _ in present], [value for _, value in present]])
        locked.known.owners = {(kind, value): person for kind, value, person in cursor.fetchall()}
    locked.keys = set(order)


def _siblings(cursor: Any, items: Sequence[ContactInput]) -> set[tuple[str, str]]:
    tokens = [(token.kind, token.value) for item in items for token in item.tokens]
    values = {
        "kinds": [kind for kind, _ in tokens], "values": [value for _, value in tokens],
        "emails": [item.email_norm for item in items if item.email_norm is not None],
        "phones": [item.phone for item in items if item.phone is not None],
    }  # fmt: skip
    cursor.execute(SIBLING_KEYS, values)
    return set(cursor.fetchall())


def unlocked_owners(cursor: Any, locked: Locked, person_ids: Sequence[int]) -> set[int]:
    """Those of these people who have a key that this wave did not lock: they gained it while it waited."""
    cursor.execute(KEYS_OF, [list(person_ids)])
    return {person for person, kind, value in cursor.fetchall() if (kind, value) not in locked.keys}


def _lock_addresses(
    cursor: Any, items: Sequence[ContactInput], locked: Locked, now: datetime, new_status: str, actor: str
) -> None:
    wanted = {address: item.is_sms_capable for item in items for address in item.addresses()}
    if not wanted:
        return
    order = sorted(wanted)
    columns = [[kind for kind, _ in order], [value for _, value in order]]
    capable = [wanted[address] or address[0] != "phone" for address in order]
    cursor.execute(INSERT_ADDRESSES, [new_status, now, actor, *columns, capable])
    locked.fresh_addresses = set(cursor.fetchall())
    locked.statuses = recall_statuses(cursor, list(locked.fresh_addresses))
    present = [address for address in order if address not in locked.fresh_addresses]
    if present:
        cursor.execute(READ_ADDRESSES, [[kind for kind, _ in present], [value for _, value in present]])
        locked.statuses |= {(kind, value): status for kind, value, status in cursor.fetchall()}


def _lock_people(cursor: Any, items: Sequence[ContactInput], locked: Locked) -> None:
    known = locked.known
    given = {item.contact_id for item in items if item.contact_id is not None}
    if given:  # a contact merged before means the one it was merged into
        cursor.execute(RESOLVE, [sorted(given)])
        known.merged = dict(cursor.fetchall())
    ids = given | set(known.merged.values()) | set(known.owners.values())
    held: dict[str, list[str]] = {"email": [], "phone": [], "key": []}
    for kind, value in locked.statuses:
        held[kind].append(value)
    field_holders = _by_field(cursor, items)
    for holders in field_holders.values():
        ids.update(holders)
    if not ids and not locked.statuses:
        return
    wanted = {"ids": sorted(ids), "emails": held["email"], "phones": held["phone"], "keys": held["key"]}
    cursor.execute(LOCK_PEOPLE, wanted)
    for row in cursor.fetchall():
        person = read_person(row)
        known.people[person.id] = person
        for address in (("email", person.email_norm), ("phone", person.phone), ("key", person.contact_key)):
            if address[1] is not None:
                known.holders[(address[0], address[1])].append(person.id)
    for address, holders in field_holders.items():
        known.holders[address] = [i for i in holders if i in known.people]
    cursor.execute(LOCK_VISITORS, wanted)
    for visitor, email_norm, phone in cursor.fetchall():
        known.visitors.add(visitor)
        for kind, value in (("email", email_norm), ("phone", phone)):
            if value is not None:
                known.visitor_holders[(kind, value)].append(visitor)


def _by_field(cursor: Any, items: Sequence[ContactInput]) -> dict[tuple[str, str], list[int]]:
    """Holders by an additional field, for the inputs that dedupe on one."""
    found: dict[tuple[str, str], list[int]] = {}
    wanted: dict[str, set[str]] = {}
    for item in items:
        for kind in item.dedupe or ():
            name = kind.removeprefix("field:")
            if name != kind and item.data.get(name) is not None:
                wanted.setdefault(name, set()).add(str(item.data[name]))
    for name, values in wanted.items():
        cursor.execute(LOCK_BY_FIELD, {"field": name, "values": sorted(values)})
        for person_id, value in cursor.fetchall():
            found.setdefault((f"field:{name}", value), []).append(person_id)
    return found


def read_person(row: Iterable[Any]) -> Person:
    """A `Person` from a row of `COLUMNS`."""
    values = dict(zip(COLUMNS, row, strict=True))
    for name in JSON_COLUMNS:  # Django leaves jsonb as text to its model fields
        if values[name] is not None:
            values[name] = json.loads(values[name])
    return Person(
        **{name: values.pop(name) for name in COLUMNS[:9]},
        data=values.pop("data"),
        provenance=values.pop("provenance"),
        values={name: value for name, value in values.items() if value not in (None, {})},
    )
