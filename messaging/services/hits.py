"""Turns hits into message activity: classified together with those that came shortly before, set-based."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from cdp.crash import crash_point
from contacts.geo import Place, find_place, is_configured
from contacts.services.places import Sighting, write_places
from messaging.models import ActivityKind, Machine
from messaging.services.activity import ActivityRow, announce, record_activity, restamp
from messaging.tracking.agents import read_agent
from messaging.tracking.classification import HitFacts, Rules, Sent, Verdict, classify
from messaging.tracking.destinations import link_of
from messaging.tracking.networks import load_networks

HOLD = timedelta(minutes=10)  # how long a hit may still turn out to be a machine's
BATCH = 1_000
LANE = 0x6D686974  # advisory lock: one holder at a time, so that hits of one delivery are judged together
KINDS = {"o": ActivityKind.OPENED, "c": ActivityKind.CLICKED, "v": ActivityKind.OPENED}
CLAIM = """
WITH waiting AS (
    SELECT DISTINCT delivery_id FROM (
        SELECT delivery_id FROM messaging_hit WHERE processed_at IS NULL ORDER BY id LIMIT %(limit)s) first
)
SELECT h.id, h.at, h.kind, h.delivery_id, h.cause_month, h.link_id, h.url, h.user_agent, host(h.address), h.signals,
       h.machine, h.processed_at
FROM messaging_hit h JOIN waiting USING (delivery_id)
WHERE h.processed_at IS NULL OR h.at >= %(since)s
ORDER BY h.delivery_id, h.at, h.id
"""
DELIVERIES = """
SELECT d.id, d.cause_kind, d.cause_id, d.contact_id, d.message_id, d.channel, d.handed_at,
       (SELECT count(*) FROM messaging_link l
        WHERE l.revision_id = d.revision_id AND l.language = d.language AND l.is_tracked)
FROM messaging_delivery d
JOIN unnest(%s::bigint[], %s::date[]) AS wanted (id, month) ON d.id = wanted.id AND d.cause_month = wanted.month
"""
PROCESSED = """
UPDATE messaging_hit h SET processed_at = coalesce(h.processed_at, %s), machine = u.machine
FROM unnest(%s::bigint[], %s::text[]) AS u (id, machine) WHERE h.id = u.id
"""
RECLASSIFY = """
UPDATE messaging_activity a SET machine = u.machine, details = a.details || jsonb_build_object('rule', u.rule)
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[]) AS u (id, at, machine, rule)
WHERE a.id = u.id AND a.at = u.at
"""
FORGET = """
DELETE FROM messaging_hit WHERE id IN (
    SELECT id FROM messaging_hit WHERE at < %s AND processed_at IS NOT NULL ORDER BY at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING kind, machine, host(address), delivery_id, cause_month, at
"""
CONTACTS = """
SELECT w.place, d.contact_id FROM unnest(%s::int[], %s::bigint[], %s::date[]) AS w (place, id, month)
JOIN messaging_delivery d ON d.id = w.id AND d.cause_month = w.month WHERE d.contact_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A row of the queue."""

    id: int
    at: datetime
    kind: str
    delivery_id: int
    cause_month: date
    link_id: int | None
    url: str
    user_agent: str
    address: str | None
    signals: int
    machine: str
    processed_at: datetime | None

    def facts(self) -> HitFacts:
        return HitFacts(self.at, self.kind, self.link_id, self.user_agent, self.address, self.signals)


@dataclass(frozen=True, slots=True)
class _Gone:
    """A row that left the queue."""

    kind: str
    machine: str
    address: str | None
    delivery_id: int
    cause_month: date
    at: datetime


@dataclass(frozen=True, slots=True)
class _Delivery:
    id: int
    cause_kind: str
    cause_id: int
    contact_id: int
    message_id: int
    channel: str
    handed_at: datetime | None
    link_count: int


def process_hits(*, now: datetime, limit: int = BATCH) -> int:
    """Work the oldest waiting hits; returns how many. Only one caller works at a time, others get 0.

    Hits of the same delivery within `HOLD` are judged again together with the new ones; when a verdict changes, the
    activity and the times on the delivery follow. Hits on deliveries that are gone are dropped.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LANE])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(CLAIM, {"limit": limit, "since": now - HOLD})
        hits = [_Stored(*row) for row in cursor.fetchall()]
        if not hits:
            return 0
        deliveries = _deliveries(cursor, hits)
        verdicts = _verdicts(hits, deliveries)
        new = [hit for hit in hits if hit.processed_at is None]
        rows = [
            _activity(hit, deliveries[hit.delivery_id], verdicts[hit.id])
            for hit in new
            if hit.kind in KINDS and hit.delivery_id in deliveries
        ]
        record_activity(rows, now=now)
        crash_point("hits_after_record")
        changed = [
            hit for hit in hits if hit.processed_at is not None and verdicts[hit.id].machine != hit.machine
        ]
        _reclassify(cursor, changed, deliveries, verdicts, now)
        done = [*new, *changed]
        cursor.execute(
            PROCESSED, [now, [hit.id for hit in done], [str(verdicts[hit.id].machine) for hit in done]]
        )
        crash_point("hits_before_commit")
    crash_point("hits_after_commit")
    return len(new)


def forget_hits(*, now: datetime, limit: int = 10_000) -> int:
    """Delete hits whose verdict can change no more; returns how many. Clicks by humans tell where their contacts are."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORGET, [now - HOLD, limit])
        gone = [_Gone(*row) for row in cursor.fetchall()]
        if is_configured():
            _locate(cursor, gone, now)
        return len(gone)


def _locate(cursor: Any, gone: Sequence[_Gone], now: datetime) -> None:
    found: list[tuple[_Gone, Place]] = []
    for hit in gone:
        place = find_place(hit.address) if hit.kind == "c" and hit.machine == Machine.HUMAN else None
        if place is not None:
            found.append((hit, place))
    if not found:
        return
    columns = [
        list(range(len(found))),
        [hit.delivery_id for hit, _ in found],
        [hit.cause_month for hit, _ in found],
    ]
    cursor.execute(CONTACTS, columns)
    people = dict(cursor.fetchall())
    sightings = [
        Sighting(people[number], place, hit.at, "click", sets_zone=True)
        for number, (hit, place) in enumerate(found)
        if number in people
    ]
    write_places(sightings, now=now)


def _deliveries(cursor: Any, hits: Sequence[_Stored]) -> dict[int, _Delivery]:
    wanted = sorted({(hit.delivery_id, hit.cause_month) for hit in hits})
    cursor.execute(DELIVERIES, [[found for found, _ in wanted], [month for _, month in wanted]])
    return {row[0]: _Delivery(*row) for row in cursor.fetchall()}


def _verdicts(hits: Sequence[_Stored], deliveries: dict[int, _Delivery]) -> dict[int, Verdict]:
    groups: dict[int, list[_Stored]] = defaultdict(list)
    for hit in hits:
        groups[hit.delivery_id].append(hit)
    rules = Rules(early=timedelta(seconds=settings.CDP_SCANNER_SECONDS))
    networks = load_networks(settings.CDP_MACHINE_NETWORKS)
    verdicts: dict[int, Verdict] = {}
    for delivery_id, group in groups.items():
        delivery = deliveries.get(delivery_id)
        sent = Sent(delivery.handed_at, delivery.link_count) if delivery else Sent()
        found = classify([hit.facts() for hit in group], sent, rules, networks)
        verdicts.update((hit.id, verdict) for hit, verdict in zip(group, found, strict=True))
    return verdicts


def _activity(hit: _Stored, delivery: _Delivery, verdict: Verdict) -> ActivityRow:
    details: dict[str, Any] = dict(read_agent(hit.user_agent).as_details())
    if verdict.reason:
        details["rule"] = verdict.reason
    if hit.kind == "v":
        details["via"] = "browser"
    if hit.address:
        details["network"] = truncated(hit.address)
    return ActivityRow(
        id=hit.id, at=hit.at, delivery_id=delivery.id, cause_month=hit.cause_month, cause_kind=delivery.cause_kind,
        cause_id=delivery.cause_id, person_id=delivery.contact_id, message_id=delivery.message_id,
        channel=delivery.channel, kind=KINDS[hit.kind], machine=str(verdict.machine),
        link_id=None if hit.link_id is None else link_of(hit.link_id), url=hit.url,
        details=details,
    )  # fmt: skip


def _reclassify(
    cursor: Any,
    changed: Sequence[_Stored],
    deliveries: dict[int, _Delivery],
    verdicts: dict[int, Verdict],
    now: datetime,
) -> None:
    known = [hit for hit in changed if hit.kind in KINDS and hit.delivery_id in deliveries]
    if not known:
        return
    machines = [str(verdicts[hit.id].machine) for hit in known]
    rules = [verdicts[hit.id].reason for hit in known]
    cursor.execute(RECLASSIFY, [[hit.id for hit in known], [hit.at for hit in known], machines, rules])
    restamp(cursor, sorted({(hit.delivery_id, hit.cause_month) for hit in known}))
    announce([_activity(hit, deliveries[hit.delivery_id], verdicts[hit.id]) for hit in known], now=now)


def truncated(address: str) -> str:
    """The network an address lies in, which is all that is kept of it: /24, of IPv6 /48."""
    bits = 24 if ip_address(address).version == 4 else 48
    return str(ip_network(f"{address}/{bits}", strict=False))
