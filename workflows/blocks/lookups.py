"""What blocks and starts look up for a batch of people: contacts, membership, past events. One query a call."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from contacts.models import Contact, ListMember
from events.models import EventFlag
from events.services.registry import current_types
from segments.services.evaluation import members_among
from workflows.blocks.base import Batch, Visit
from workflows.definition import conditions
from workflows.definition.conditions import CONTACT_COLUMNS, Subject
from workflows.definition.structure import Reference

MOST_EVENTS = 20  # looked at for one launch when an event must also fit a filter
OCCURRED = """
SELECT u.place, e.params::text FROM unnest(%(places)s::int[], %(people)s::bigint[], %(keys)s::text[], %(since)s::timestamptz[],
                                     %(besides)s::uuid[]) AS u (place, person, key, since, besides)
CROSS JOIN LATERAL (
    SELECT e.params FROM events_event e
    WHERE {match} AND e.event_type_id = ANY(%(types)s) AND e.event_at >= u.since AND e.event_at <= %(until)s
      AND e.flags & %(muted)s = 0 AND (u.besides IS NULL OR e.id <> u.besides)
    ORDER BY e.event_at DESC LIMIT %(limit)s
) e
"""
BY_PERSON, BY_KEY = "e.person_id = u.person", "e.key_value = u.key"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whether an event happened to a person, or with a key, since a moment; `besides` is left out."""

    person_id: int
    key: str
    since: datetime
    besides: str | None = None


def read_contacts(ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Columns conditions may name, and `data`, by contact id."""
    names = (*sorted(CONTACT_COLUMNS), "data", "state", "is_restricted", "email_norm")
    return {row["id"]: row for row in Contact.objects.filter(pk__in=set(ids)).values(*names)}


def contacts_of(batch: Batch) -> dict[int, dict[str, Any]]:
    """Contacts of a batch, read once."""
    key = "contacts"
    if key not in batch.cache:
        batch.cache[key] = read_contacts(visit.person_id for visit in batch.visits)
    found: dict[int, dict[str, Any]] = batch.cache[key]
    return found


def subject_of(visit: Visit, batch: Batch) -> Subject:
    contact = contacts_of(batch).get(visit.person_id) or {}
    return Subject(batch.variables(visit), contact, contact.get("data") or {}, batch.zone(visit))


def members(
    references: Collection[Reference], person_ids: Collection[int], *, now: datetime
) -> dict[tuple[str, int], set[int]]:
    """Who of these people is in each list or segment, by (kind, id)."""
    found: dict[tuple[str, int], set[int]] = {(one.ref, int(one.id)): set() for one in references}
    lists = [number for kind, number in found if kind == "list"]
    if lists:
        rows = ListMember.objects.filter(list_id__in=lists, contact_id__in=list(person_ids))
        for list_id, contact_id in rows.values_list("list_id", "contact_id"):
            found["list", list_id].add(contact_id)
    segments = [number for kind, number in found if kind == "segment"]
    if segments:
        for number, ids in members_among(segments, list(person_ids), now=now).items():
            found["segment", number] = set(ids)
    return found


def occurred(
    asked: Sequence[Asked],
    type_keys: Sequence[str],
    *,
    by_key: bool,
    now: datetime,
    tree: conditions.Tree | None = None,
) -> set[int]:
    """Places of `asked` for which an event of these types happened, and fits `tree`."""
    types = current_types()
    ids = [types[key].id for key in type_keys if key in types]
    if not ids or not asked:
        return set()
    values: dict[str, Any] = {
        "places": list(range(len(asked))), "people": [one.person_id for one in asked],
        "keys": [one.key for one in asked], "since": [one.since for one in asked],
        "besides": [one.besides for one in asked], "types": ids, "until": now + timedelta(minutes=5),
        "muted": int(EventFlag.PAST), "limit": MOST_EVENTS if tree is not None else 1,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(OCCURRED.format(match=BY_KEY if by_key else BY_PERSON), values)
        rows = cursor.fetchall()
    if tree is None:
        return {place for place, _ in rows}
    return {
        place for place, text in rows if conditions.evaluate(tree, Subject(json.loads(text), {}, {}), now=now)
    }
