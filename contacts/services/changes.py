"""What an input changes on a contact: the pure part of the write policy (contacts spec 5.5)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contacts.services.inputs import WRITABLE, ContactInput, Person, Policy


@dataclass(slots=True)
class Change:
    """The next state of a contact. `formerly`: identifiers it no longer holds, as (kind, value)."""

    person: Person
    changed: set[str] = field(default_factory=set)
    formerly: list[tuple[str, str]] = field(default_factory=list)


def new_person(item: ContactInput, *, person_id: int, now: datetime) -> Person:
    return Person(
        id=person_id, state="active", external_id=item.external_id, email=item.email, email_norm=item.email_norm,
        phone=item.phone, contact_key=item.contact_key, updated_at=now, created_at=now,
        values={name: value for name, value in item.fields.items() if value is not None},
        data={key: value for key, value in item.data.items() if value is not None}, provenance={},
    )  # fmt: skip


def apply(item: ContactInput, person: Person, *, policy: Policy, now: datetime, origin: list[Any]) -> Change:
    """Write `item` onto `person` in place and tell what changed.

    Args:
        origin: [unix time, source, detail], kept per written name in the contact's provenance.
    """
    change = Change(person)
    if policy is Policy.EVENT:
        return change
    _write_addresses(item, person, policy, change)
    if item.external_id is not None and person.external_id is None:
        person.external_id = item.external_id
        change.changed.add("external_id")
    for name in WRITABLE:
        if name in item.fields and item.writes(name) and item.fields[name] != person.values.get(name):
            person.values[name] = item.fields[name]
            change.changed.add(name)
    for key, value in item.data.items():
        if value is None and key in person.data:
            del person.data[key]
            change.changed.add(f"data.{key}")
        elif value is not None and person.data.get(key) != value:
            person.data[key] = value
            change.changed.add(f"data.{key}")
    for name in change.changed:
        person.provenance[name] = origin
    if change.changed:
        person.updated_at = now
    return change


def _write_addresses(item: ContactInput, person: Person, policy: Policy, change: Change) -> None:
    may_replace = policy is not Policy.SUBSCRIBE
    gives_email = (item.email_norm is not None or item.clear_email) and item.writes("email")
    is_key = policy is Policy.BULK and item.email_norm == person.email_norm  # what matched keeps its spelling
    if gives_email and not is_key and (may_replace or person.email_norm is None):
        if item.email_norm != person.email_norm and person.email_norm is not None:
            change.formerly.append(("email", person.email_norm))
        if (item.email_norm, item.email) != (person.email_norm, person.email):
            person.email, person.email_norm = item.email, item.email_norm
            change.changed.add("email")
    gives_phone = (item.phone is not None or item.clear_phone) and item.writes("phone")
    if gives_phone and (may_replace or person.phone is None):
        if item.phone != person.phone and person.phone is not None:
            change.formerly.append(("phone", person.phone))
        if item.phone != person.phone:
            person.phone = item.phone
            change.changed.add("phone")
    if item.contact_key is not None and item.writes("contact_key") and item.contact_key != person.contact_key:
        if person.contact_key is not None:
            change.formerly.append(("key", person.contact_key))
        person.contact_key = item.contact_key
        change.changed.add("contact_key")
