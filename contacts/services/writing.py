"""Writes what a wave of upserts decided, table by table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from contacts.persons import attach_visitors
from contacts.services.changes import Change
from contacts.services.inputs import WRITABLE, ContactInput, Person, Policy
from contacts.services.locking import Locked

JSON_COLUMNS = frozenset({"orders_info", "location", "data", "provenance"})
STATE_COLUMNS = (
    "state", "external_id", "email", "email_norm", "phone", "contact_key", "updated_at", *WRITABLE, "data", "provenance",
)  # fmt: skip
NEW_COLUMNS = (
    "id",
    *STATE_COLUMNS,
    "created_at",
    "source",
    "source_detail",
    "is_restricted",
    "delete_reason",
)
TYPES = {"updated_at": "timestamptz"} | dict.fromkeys(JSON_COLUMNS, "jsonb")

COPY_NEW = f"COPY contacts_contact ({', '.join(NEW_COLUMNS)}) FROM STDIN"
UPDATE_CHANGED = f"""
UPDATE contacts_contact c
SET ({", ".join(STATE_COLUMNS)}, deleted_at, delete_reason) =
    ({", ".join(f"w.{name}" for name in STATE_COLUMNS)}, NULL, '')
FROM unnest(%s::bigint[], {", ".join(f"%s::{TYPES.get(name, 'text')}[]" for name in STATE_COLUMNS)})
    AS w (id, {", ".join(STATE_COLUMNS)})
WHERE c.id = w.id
"""
GIVE_KEYS = """
UPDATE contacts_key k SET person_id = w.person_id, scope = coalesce(w.scope, k.scope), is_active = coalesce(w.active, k.is_active)
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::bool[]) AS w (kind, value, person_id, scope, active)
WHERE k.kind = w.kind AND k.value = w.value AND (k.person_id <> w.person_id OR k.scope <> coalesce(w.scope, k.scope)
    OR k.is_active <> coalesce(w.active, k.is_active))
RETURNING k.person_id, k.kind
"""
DROP_KEYS = """
DELETE FROM contacts_key k USING unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE k.kind = w.kind AND k.value = w.value
"""
DROP_ADDRESSES = """
DELETE FROM contacts_address a USING unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE a.kind = w.kind AND a.value = w.value
"""
NOTE_FORMER = """
INSERT INTO contacts_identifierchange (person_id, kind, value, held_until, reason, moved_to)
SELECT person_id, kind, value, %s, reason, moved_to
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[]) AS w (person_id, kind, value, reason, moved_to)
"""
RECONFIRM = """
UPDATE contacts_address a SET status = 'unconfirmed', status_at = %s, reason = '', actor = %s
FROM unnest(%s::text[], %s::text[]) AS w (kind, value)
WHERE a.kind = w.kind AND a.value = w.value AND a.status = 'unsubscribed'
"""
JOIN_LISTS = """
INSERT INTO contacts_listmember (contact_id, list_id, added_at)
SELECT contact_id, list_id, %s FROM unnest(%s::bigint[], %s::bigint[]) AS w (contact_id, list_id)
ON CONFLICT (contact_id, list_id) DO NOTHING
RETURNING contact_id, list_id
"""
LEAVE_LISTS = """
DELETE FROM contacts_listmember m USING unnest(%s::bigint[], %s::bigint[]) AS w (contact_id, list_id)
WHERE m.contact_id = w.contact_id AND m.list_id = w.list_id
RETURNING m.contact_id, m.list_id
"""
REMOVE_OTHER_TOKENS = """
DELETE FROM contacts_key k USING unnest(%s::bigint[], %s::text[]) AS w (person_id, kind)
WHERE k.person_id = w.person_id AND k.kind = w.kind
  AND NOT EXISTS (SELECT 1 FROM unnest(%s::text[], %s::text[]) AS kept (kind, value)
                  WHERE kept.kind = k.kind AND kept.value = k.value)
"""
REMOVE_OTHER_DEVICES = """
DELETE FROM contacts_device d USING contacts_key k, unnest(%s::bigint[], %s::text[]) AS w (person_id, kind)
WHERE d.key_id = k.id AND k.person_id = w.person_id AND k.kind = w.kind
  AND NOT EXISTS (SELECT 1 FROM unnest(%s::text[], %s::text[]) AS kept (kind, value)
                  WHERE kept.kind = k.kind AND kept.value = k.value)
"""
FOLLOW_KEYS = """
UPDATE contacts_device d SET person_id = k.person_id
FROM contacts_key k JOIN unnest(%s::text[], %s::text[]) AS w (kind, value) USING (kind, value)
WHERE d.key_id = k.id AND d.person_id <> k.person_id
"""
KEEP_DEVICES = """
INSERT INTO contacts_device (key_id, person_id, app_id, model, os, locale, client_version, app_version, details, seen_at)
SELECT k.id, k.person_id, w.app_id, w.model, w.os, w.locale, w.client, w.app, w.details, %s
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
    AS w (kind, value, app_id, model, os, locale, client, app, details)
JOIN contacts_key k ON k.kind = w.kind AND k.value = w.value
ON CONFLICT (key_id) DO UPDATE SET person_id = excluded.person_id, app_id = excluded.app_id, model = excluded.model,
    os = excluded.os, locale = excluded.locale, client_version = excluded.client_version,
    app_version = excluded.app_version, details = excluded.details, seen_at = excluded.seen_at
"""
NEW_VISITORS = """
INSERT INTO contacts_visitor (id, email_norm, phone, created_at)
SELECT id, email_norm, phone, %s FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS w (id, email_norm, phone)
ON CONFLICT (id) DO UPDATE SET email_norm = coalesce(contacts_visitor.email_norm, excluded.email_norm),
    phone = coalesce(contacts_visitor.phone, excluded.phone)
"""
DEVICE_PARTS = ("appId", "deviceModel", "os", "locale", "clientVersion", "appVersion")


@dataclass(slots=True)
class Plan:
    """Everything a wave will write."""

    now: datetime
    source: str
    actor: str
    created: list[tuple[Person, str]] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    visitors: list[Person] = field(default_factory=list)
    promoted: list[int] = field(default_factory=list)  # visitors whose id a new contact takes
    attach: list[tuple[int, int]] = field(default_factory=list)  # (visitor, person)
    given_keys: list[tuple[str, str, int, str | None, bool | None]] = field(default_factory=list)
    dropped_keys: list[tuple[str, str]] = field(default_factory=list)
    dropped_addresses: list[tuple[str, str]] = field(default_factory=list)
    former: list[tuple[int, str, str, str, int | None]] = field(default_factory=list)
    reconfirmed: list[tuple[str, str]] = field(default_factory=list)
    joined: list[tuple[int, int]] = field(default_factory=list)
    left: list[tuple[int, int]] = field(default_factory=list)
    devices: list[tuple[Any, ...]] = field(default_factory=list)
    replaced: list[tuple[int, str]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    rekeyed: list[tuple[int, str]] = field(
        default_factory=list
    )  # (person, kind) of keys got or changed, once written
    relisted: list[tuple[int, int]] = field(
        default_factory=list
    )  # (contact, list) joined or left, once written

    def unused(self, item: ContactInput, locked: Locked, index: int) -> None:
        """Take back identifier rows inserted for an input that came to nothing."""
        mine = locked.reserved[index]
        self.dropped_keys.extend(key for key in item.owned_keys() if locked.fresh_keys.get(key) == mine)
        self.dropped_addresses.extend(a for a in item.addresses() if a in locked.fresh_addresses)

    def claim(
        self,
        item: ContactInput,
        locked: Locked,
        index: int,
        person: Person,
        policy: Policy,
        *,
        is_new: bool = False,
    ) -> bool:
        """Give the person the keys of the input, taking them from other owners; tells whether anything moved."""
        if policy is Policy.EVENT and not is_new:
            self.unused(item, locked, index)
            return False
        moved = False
        scopes = {(token.kind, token.value): token for token in item.tokens}
        for key in item.owned_keys():
            token = scopes.get(key)
            fresh = locked.fresh_keys.get(key)
            owner = locked.known.owners.get(key)
            if key[0] == "ext" and person.external_id != key[1]:
                if fresh is not None:
                    self.dropped_keys.append(key)
                continue
            moved = moved or owner != person.id
            if fresh != person.id:
                scope = token.scope if token and token.scope else None
                self.given_keys.append((*key, person.id, scope, token.is_active if token else None))
            if owner is not None and owner != person.id and owner in locked.known.people:
                self.former.append((owner, *key, "moved", person.id))
            if token is not None and token.device is not None:
                self.devices.append(_device_row(key, token.device))
        if item.replace_tokens and not is_new:
            self.replaced.extend((person.id, kind) for kind in item.replace_tokens)
            self.kept.extend(item.owned_keys())
        return moved

    def forget_untaken(self, item: ContactInput, locked: Locked, person: Person) -> None:
        """Take back rows of addresses that the policy kept the person from taking."""
        held = {("email", person.email_norm), ("phone", person.phone), ("key", person.contact_key)}
        self.dropped_addresses.extend(
            address
            for address in item.addresses()
            if address in locked.fresh_addresses and address not in held
        )

    def reconfirm(self, item: ContactInput, locked: Locked, person: Person) -> None:
        """A form filled in again asks an unsubscribed address to confirm once more."""
        for address in item.addresses():
            held = address[1] in (person.email_norm, person.phone)
            if held and locked.statuses.get(address) == "unsubscribed":
                self.reconfirmed.append(address)

    def lists(self, item: ContactInput, person_id: int) -> None:
        self.joined.extend((person_id, number) for number in item.list_ids)
        self.left.extend((person_id, number) for number in item.leave_list_ids)

    def write(self, cursor: Any) -> None:
        """Run the wave's statements."""
        if self.promoted:
            cursor.execute("DELETE FROM contacts_visitor WHERE id = ANY(%s)", [self.promoted])
        self._write_people(cursor)
        if self.visitors:
            people = self.visitors
            columns = [[p.id for p in people], [p.email_norm for p in people], [p.phone for p in people]]
            cursor.execute(NEW_VISITORS, [self.now, *columns])
        self._write_identifiers(cursor)
        if self.attach:
            attach_visitors(cursor, self.attach, now=self.now)
        if self.joined:
            cursor.execute(JOIN_LISTS, [self.now, *_columns(self.joined, 2)])
            self.relisted.extend(cursor.fetchall())
        if self.left:
            cursor.execute(LEAVE_LISTS, _columns(self.left, 2))
            self.relisted.extend(cursor.fetchall())

    def words(self) -> list[tuple[int, str]]:
        """(contact, word) of what was written besides columns: lists joined or left, keys got or lost."""
        visitors = {person.id for person in self.visitors}
        found = [(contact, f"list.{number}") for contact, number in self.relisted]
        found += [(person, f"key.{kind}") for person, kind in self.rekeyed if person not in visitors]
        found += [
            (person, f"key.{kind}") for person, kind, _v, reason, _to in self.former if reason == "moved"
        ]
        found += [(person, f"key.{kind}") for person, kind in self.replaced]
        return found

    def _write_people(self, cursor: Any) -> None:
        if self.created:
            with cursor.copy(COPY_NEW) as copy:
                for person, detail in self.created:
                    copy.write_row(
                        (person.id, *_state(person), person.created_at, self.source, detail, False, "")
                    )
        if self.changed:
            rows = [(change.person.id, *_state(change.person)) for change in self.changed]
            cursor.execute(UPDATE_CHANGED, _columns(rows, 1 + len(STATE_COLUMNS)))
            for change in self.changed:
                self.former.extend((change.person.id, *pair, "replaced", None) for pair in change.formerly)

    def _write_identifiers(self, cursor: Any) -> None:
        if self.dropped_keys:
            cursor.execute(DROP_KEYS, _columns(self.dropped_keys, 2))
        if self.dropped_addresses:
            cursor.execute(DROP_ADDRESSES, _columns(self.dropped_addresses, 2))
        if self.given_keys:
            columns = _columns(self.given_keys, 5)
            cursor.execute(GIVE_KEYS, columns)
            self.rekeyed.extend(cursor.fetchall())
            cursor.execute(FOLLOW_KEYS, columns[:2])
        if self.replaced:
            kept = _columns(self.kept, 2) if self.kept else [[], []]
            cursor.execute(REMOVE_OTHER_DEVICES, [*_columns(self.replaced, 2), *kept])
            cursor.execute(REMOVE_OTHER_TOKENS, [*_columns(self.replaced, 2), *kept])
        if self.devices:
            cursor.execute(KEEP_DEVICES, [self.now, *_columns(self.devices, 9)])
        if self.reconfirmed:
            cursor.execute(RECONFIRM, [self.now, self.actor, *_columns(self.reconfirmed, 2)])
        if self.former:
            person_ids, kinds, values, reasons, moved_to = _columns(self.former, 5)
            cursor.execute(NOTE_FORMER, [self.now, person_ids, kinds, values, reasons, moved_to])


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows turned into parallel arrays for `unnest`."""
    return [[row[place] for row in rows] for place in range(width)]


def _state(person: Person) -> tuple[Any, ...]:
    """Values of `STATE_COLUMNS`."""
    values = person.values
    orders_info = values.get("orders_info")
    return (
        person.state, person.external_id, person.email, person.email_norm, person.phone, person.contact_key,
        person.updated_at, values.get("first_name"), values.get("last_name"), values.get("address"),
        values.get("town"), values.get("region"), values.get("postcode"), values.get("language"),
        values.get("time_zone"), None if orders_info is None else Jsonb(orders_info),
        Jsonb(values.get("location") or {}), Jsonb(person.data), Jsonb(person.provenance),
    )  # fmt: skip


def _device_row(key: tuple[str, str], device: dict[str, Any]) -> tuple[Any, ...]:
    parts = [str(device.get(name) or "") for name in DEVICE_PARTS]
    rest = {name: value for name, value in device.items() if name not in DEVICE_PARTS and value is not None}
    return (*key, *parts, Jsonb(rest))
