"""Writes where people were seen, by their IP addresses, on their contacts (contacts spec 5.2).

A location or zone that somebody gave, by hand or by the API, is never overwritten; one found by an address follows
the person. Cost: four statements a batch.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from cdp.deadlock import retry_deadlock
from cdp.hooks import ContactsChanged, contacts_changed
from contacts.geo import Place

BY_ADDRESS = "ip"  # provenance of what was found here: [time, "ip", how]
WINNERS = "SELECT id, merged_into FROM contacts_contact WHERE id = ANY(%s) AND state = 'merged'"
LOCK = """
SELECT id, location, time_zone, provenance FROM contacts_contact WHERE id = ANY(%s) AND state = 'active' ORDER BY id FOR UPDATE
"""
WRITE = """
UPDATE contacts_contact c SET location = w.location, time_zone = w.time_zone, provenance = w.provenance
FROM unnest(%s::bigint[], %s::jsonb[], %s::text[], %s::jsonb[]) AS w (id, location, time_zone, provenance) WHERE c.id = w.id
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A contact seen somewhere. `how`: click, event. `sets_zone`: an empty time zone is filled from a precise place."""

    contact_id: int
    place: Place
    at: datetime
    how: str
    sets_zone: bool = False


@retry_deadlock
def write_places(sightings: Sequence[Sighting], *, now: datetime) -> int:
    """Write sightings in the order of their times; returns how many contacts changed.

    A contact that was merged means the one kept; deleted and unknown ones are left alone.
    """
    if not sightings:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WINNERS, [[one.contact_id for one in sightings]])
        winners = dict(cursor.fetchall())
        wanted = sorted({winners.get(one.contact_id, one.contact_id) for one in sightings})
        cursor.execute(LOCK, [wanted])
        people = {row[0]: _Seen(*row) for row in cursor.fetchall()}
        for one in sorted(sightings, key=lambda sighting: sighting.at):
            person = people.get(winners.get(one.contact_id, one.contact_id))
            if person is not None:
                person.see(one)
        changed = [person for person in people.values() if person.changed]
        if changed:
            columns: list[list[Any]] = [
                [person.id for person in changed],
                [Jsonb(person.location) for person in changed],
                [person.time_zone for person in changed],
                [Jsonb(person.provenance) for person in changed],
            ]
            cursor.execute(WRITE, columns)
            changes = [frozenset(person.changed) for person in changed]
            results = ["updated"] * len(changed)
            contacts_changed.send(ContactsChanged(columns[0], results, changes, now=now))
    return len(changed)


class _Seen:
    """What is known of one contact's whereabouts."""

    def __init__(self, id: int, location: Any, time_zone: str | None, provenance: Any) -> None:
        self.id = id
        self.location: dict[str, Any] = _read(location)
        self.time_zone = time_zone
        self.provenance: dict[str, Any] = _read(provenance)
        self.changed: set[str] = set()

    def see(self, one: Sighting) -> None:
        origin = [int(one.at.timestamp()), BY_ADDRESS, one.how]
        place = one.place
        found = {"country": place.country, "region": place.region, "city": place.city}
        found = {name: value for name, value in found.items() if value}
        if self._may_locate(found):
            self.location = found
            self.provenance["location"] = origin
            self.changed.add("location")
        if one.sets_zone and not self.time_zone and place.is_precise and place.time_zone:
            self.time_zone = place.time_zone
            self.provenance["time_zone"] = origin
            self.changed.add("time_zone")

    def _may_locate(self, found: dict[str, str]) -> bool:
        """Whether the place is news: neither what is known already, in full or in part, nor over what somebody gave."""
        if found.items() <= self.location.items():
            return False
        return not self.location or (self.provenance.get("location") or [0, ""])[1] == BY_ADDRESS


def _read(value: Any) -> dict[str, Any]:
    return dict(json.loads(value) if isinstance(value, str) else value or {})
