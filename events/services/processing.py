"""Moves accepted events from the inbox into the store: persons resolved or made, counters kept, hooks called.

One batch of one lane is one transaction, table to table in SQL; only events of unknown people pass through Python.
Limit: COPY into the same partitioned table (`python -m bench store`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from cdp.crash import crash_point
from cdp.hooks import EventsProcessed, HookError, events_processed
from cdp.sql import load
from contacts.geo import Place, is_configured
from contacts.models import ContactField
from contacts.services.places import Sighting, write_places
from contacts.services.upsert import ContactInput, Policy, upsert_contacts
from events.intake.identity import as_contact
from events.models import ORDER_TYPES, EventFlag, EventType
from events.services.own_parameter import fields_of, prefer_own
from events.services.quarantine import set_aside

log = structlog.get_logger(__name__)

MAKE_BATCH = """
CREATE TEMP TABLE IF NOT EXISTS events_batch (
    id bigint PRIMARY KEY, event_type_id integer, person_id bigint, is_contact boolean, is_deleted boolean, own_kind text
) ON COMMIT DELETE ROWS
"""
HOLD_LANE = "SELECT 1 FROM events_lane WHERE number = %s FOR UPDATE SKIP LOCKED"
UNKNOWN = """
SELECT i.id, i.external_id, i.email, i.email_norm, i.phone, i.push_token, i.contact_key, i.cookie, i.own_kind,
       i.own_value, i.flags, t.key, t.use_for_segmentation
FROM events_batch b JOIN events_inboxevent i ON i.id = b.id JOIN events_eventtype t ON t.id = b.event_type_id
WHERE b.person_id IS NULL AND coalesce(i.external_id, i.email_norm, i.phone, i.push_token, i.cookie) IS NOT NULL
ORDER BY i.id
"""
UNKNOWN_COLUMNS = (
    "id", "external_id", "email", "email_norm", "phone", "push_token", "contact_key", "cookie", "own_kind", "own_value",
    "flags", "type_key", "is_segmented",
)  # fmt: skip
GIVE_PERSONS = """
UPDATE events_batch b SET person_id = w.person_id, is_contact = w.is_contact
FROM unnest(%s::bigint[], %s::bigint[], %s::bool[]) AS w (id, person_id, is_contact) WHERE b.id = w.id
"""
# An address of the event whose holder has another external id: it was no candidate.
MARK_PASSED_OVER = """
UPDATE events_inboxevent i SET flags = i.flags | %(flag)s FROM events_batch b
WHERE i.id = b.id AND b.person_id IS NULL AND i.external_id IS NOT NULL
  AND (EXISTS (SELECT 1 FROM contacts_contact o WHERE i.email_norm IS NOT NULL AND o.email_norm = i.email_norm
               AND o.state = 'active' AND o.external_id <> i.external_id)
    OR EXISTS (SELECT 1 FROM contacts_contact o WHERE i.phone IS NOT NULL AND o.phone = i.phone
               AND o.state = 'active' AND o.external_id <> i.external_id))
"""
PLACED = """
SELECT b.person_id, i.received_at, i.params ->> 'countryCode', i.params ->> 'regionName', i.params ->> 'cityName'
FROM events_batch b JOIN events_inboxevent i ON i.id = b.id
WHERE b.is_contact AND i.flags & %s = %s ORDER BY i.id
"""
TOUCH_TYPES = """
UPDATE events_eventtype t SET last_seen_at = %(now)s, first_seen_at = coalesce(t.first_seen_at, %(now)s)
WHERE t.id IN (SELECT event_type_id FROM events_batch)
  AND (t.last_seen_at IS NULL OR t.last_seen_at < %(now)s - interval '1 second')
"""
OBSERVED = """
SELECT DISTINCT i.event_type_id, p.key, jsonb_typeof(p.value)
FROM (SELECT id FROM events_batch ORDER BY id LIMIT 200) b
JOIN events_inboxevent i ON i.id = b.id, jsonb_each(i.params) p
"""
STORED = """
SELECT i.event_id::text, coalesce(b.person_id, 0), i.event_type_id,
       CASE WHEN b.is_contact THEN i.flags ELSE i.flags | %s END
FROM events_batch b JOIN events_inboxevent i ON i.id = b.id
WHERE %s::int[] IS NULL OR b.event_type_id = ANY(%s)
ORDER BY i.id
"""


class LaneBusyError(Exception):
    """Another process holds the lane."""


def process_lane(lane: int, *, limit: int, now: datetime) -> int:
    """Process the oldest `limit` events of a lane; returns how many left the inbox.

    A batch that fails for its data is halved until the poison events stand alone; those are set aside with their
    reason. A database that is away, a deadlock or a failing hook is nobody's poison: it is raised, and all is retried.

    Raises:
        HookError: a handler failed; nothing was stored.
        OperationalError, InterfaceError: the database is away, or chose this transaction to end a deadlock.
    """
    try:
        return _process(lane, ids=None, limit=limit, now=now)
    except LaneBusyError:
        return 0
    except (HookError, OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever the data did, it must not stop the lane
        log.warning("event_batch_failed", lane=lane, error=type(error).__name__)
        return _isolate(lane, _oldest(lane, limit), now=now)


def _oldest(lane: int, limit: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM events_inboxevent WHERE lane = %s ORDER BY id LIMIT %s", [lane, limit])
        return [row[0] for row in cursor.fetchall()]


def _isolate(lane: int, ids: Sequence[int], *, now: datetime) -> int:
    """Process what can be, half by half, in order; set the rest aside."""
    if not ids:
        return 0
    try:
        return _process(lane, ids=ids, limit=len(ids), now=now)
    except LaneBusyError:
        return 0
    except (HookError, OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001
        if len(ids) == 1:
            set_aside(ids[0], reason=f"{type(error).__name__}: {error}", now=now)
            return 1
        middle = len(ids) // 2
        return _isolate(lane, ids[:middle], now=now) + _isolate(lane, ids[middle:], now=now)


def _process(lane: int, *, ids: Sequence[int] | None, limit: int, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages TO warning; SET jit TO off")
        cursor.execute(MAKE_BATCH)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_batch")  # only an enclosing transaction can have left rows
        cursor.execute(HOLD_LANE, [lane])
        if cursor.fetchone() is None:
            raise LaneBusyError
        wanted = None if ids is None else list(ids)
        cursor.execute(load("events", "resolve_batch"), {"lane": lane, "ids": wanted, "limit": limit})
        count = int(cursor.rowcount)
        if not count:
            return 0
        has_own = prefer_own(cursor)
        if _make_persons(cursor, now=now) and has_own:
            prefer_own(cursor)  # whom an earlier event of the batch made
        cursor.execute(load("events", "mark_conflicts"), {"flag": int(EventFlag.IDENTITY_CONFLICT)})
        _observe(cursor)
        _write_places(cursor, now=now)
        wanted_types = events_processed.wanted_types()
        if wanted_types is None or wanted_types:
            _announce(cursor, wanted_types, now=now)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # an unknown type fails here, not at the commit
        cursor.execute(load("events", "count_batch"), {"now": now})
        cursor.execute(TOUCH_TYPES, {"now": now})
        crash_point("process_before_store")
        cursor.execute(load("events", "store_batch"), {"now": now, "order_types": ORDER_TYPES})
        crash_point("process_before_commit")
    crash_point("process_after_commit")
    return count


def _make_persons(cursor: Any, *, now: datetime) -> int:
    """Make contacts, or visitors, for the batch's unknown people (spec README, decision 1); returns for how many events."""
    cursor.execute(UNKNOWN)
    rows = cursor.fetchall()
    if not rows:
        return 0
    cursor.execute(MARK_PASSED_OVER, {"flag": int(EventFlag.EXTERNAL_ID_PASSED_OVER)})
    fields = fields_of(row[UNKNOWN_COLUMNS.index("own_kind")] for row in rows)
    outcomes = upsert_contacts(
        [_unknown_person(dict(zip(UNKNOWN_COLUMNS, row, strict=True)), fields) for row in rows],
        policy=Policy.EVENT,
        source="event",
        actor="events",
        now=now,
    )
    found = [
        (row[0], outcome.contact_id or 0, outcome.result not in ("visitor", "skipped", "failed"))
        for row, outcome in zip(rows, outcomes, strict=True)
    ]
    cursor.execute(GIVE_PERSONS, [[row[place] for row in found] for place in range(3)])
    return len(rows)


def _unknown_person(row: dict[str, Any], fields: dict[int, ContactField]) -> ContactInput:
    item = as_contact(row, fields)
    is_permanent = any(value is not None for value in (item.external_id, item.email_norm, item.phone))
    item.source_detail = row["type_key"]
    item.as_visitor = not (is_permanent and row["is_segmented"] and not row["flags"] & EventFlag.PAST)
    return item


def _write_places(cursor: Any, *, now: datetime) -> None:
    """Locate the contacts of live events whose place was found by their `ip`."""
    if not is_configured():
        return
    cursor.execute(PLACED, [int(EventFlag.PLACED | EventFlag.PAST), int(EventFlag.PLACED)])
    sightings = [
        Sighting(person_id, Place(country, region or "", city or ""), at, "event")
        for person_id, at, country, region, city in cursor.fetchall()
    ]
    write_places(sightings, now=now)


def _observe(cursor: Any) -> None:
    """Add parameter names seen for the first time to their types' structure."""
    cursor.execute(OBSERVED)
    seen: dict[int, dict[str, str]] = {}
    for type_id, name, kind in cursor.fetchall():
        seen.setdefault(type_id, {})[name] = kind
    for event_type in EventType.objects.filter(pk__in=seen).only("structure"):
        new = {name: kind for name, kind in seen[event_type.pk].items() if name not in event_type.structure}
        if new and len(event_type.structure) + len(new) <= 1000:
            EventType.objects.filter(pk=event_type.pk).update(structure=event_type.structure | new)


def _announce(cursor: Any, types: set[int] | None, *, now: datetime) -> None:
    """Tell the handlers of the batch's events, or of those of the given types."""
    chosen = None if types is None else sorted(types)
    cursor.execute(STORED, [int(EventFlag.UNMATCHED), chosen, chosen])
    rows = cursor.fetchall()
    if not rows:
        return
    event_ids, person_ids, type_ids, flags = (list(column) for column in zip(*rows, strict=True))
    events_processed.send(EventsProcessed(event_ids, person_ids, type_ids, flags, now))
