"""Decides on checked events and commits them to the inbox; the commit is the acknowledgement.

Events are checked by the registry of types as this process last read it; should it have changed, nothing is written
(`events.intake.inbox`) and they are checked anew.
"""

import hashlib
import time
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import uuid_utils
from django.conf import settings
from django.db import transaction

from cdp.api.errors import Refused
from cdp.bell import ring
from cdp.models import Account
from contacts.wire import Catalogue
from events.intake.contact_json import CONTACT_JSON, check_contact_json
from events.intake.identity import AccountRules, identity_columns, lane_of, times
from events.intake.inbox import RegistryChanged, Verdict, write_rows
from events.intake.places import add_place
from events.intake.reading import CheckedEvent, as_raw_json
from events.intake.structure import check_structure
from events.models import EventFlag, EventSource
from events.partitions import keep_from
from events.services.registry import TypeInfo, registry_with

RULES_SECONDS = 1.0
MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who sent, through which door, and whose `eventId`s share one space with theirs."""

    actor: str
    source: str
    family: str


def accept_many(
    events: Sequence[CheckedEvent | Refused],
    *,
    actor: str,
    now: datetime,
    source: str = EventSource.API,
    family: str = "api",
) -> list[Verdict]:
    """Accept checked events; one verdict each, in order. Refusals among them come back as `rejected`.

    Args:
        family: senders whose `eventId`s share one space.

    Raises:
        OperationalError, InterfaceError: the database is away; nothing was accepted.
    """
    rules = account_rules()
    columns = [_columns_of(event, rules) for event in events]
    known = {
        event.type_key
        for event, found in zip(events, columns, strict=True)
        if isinstance(event, CheckedEvent) and not isinstance(found, Refused)
    }
    sender = _Sender(actor, source, family)
    for attempt in range(MOST_ATTEMPTS):
        registry, refused = registry_with(known, now=now, ask=attempt > 0)
        verdicts, rows = _checked(
            events, columns, registry.types, refused, rules=rules, sender=sender, now=now
        )
        if attempt == 0 and len(rows) < len(events):
            continue  # nobody is refused by a registry that may be an old one
        try:
            written = write_rows(rows, version=registry.version if attempt < MOST_ATTEMPTS - 1 else None)
        except RegistryChanged:
            continue
        break
    for place, verdict in written:
        verdicts[place] = verdict
    if any(verdict.status == "accepted" for verdict in verdicts):
        transaction.on_commit(lambda: ring("events"))
    return verdicts


def _checked(
    events: Sequence[CheckedEvent | Refused],
    columns: Sequence[tuple[dict[str, Any], str] | Refused],
    types: Mapping[str, TypeInfo],
    refused: Mapping[str, Refused],
    *,
    rules: AccountRules,
    sender: _Sender,
    now: datetime,
) -> tuple[list[Verdict], list[tuple[int, dict[str, Any]]]]:
    """A verdict for each event, and the place and inbox row of those whose verdict the writing decides."""
    verdicts = []
    rows = []
    for place, (event, found) in enumerate(zip(events, columns, strict=True)):
        try:
            if isinstance(event, Refused):
                raise event
            if isinstance(found, Refused):
                raise found
            if event.type_key in refused:
                raise refused[event.type_key]
            rows.append((place, _row(event, found, types[event.type_key], rules, sender=sender, now=now)))
        except Refused as refusal:
            verdicts.append(Verdict("rejected", refusal=refusal))
        else:
            verdicts.append(Verdict(""))
    return verdicts, rows


class _Rules:
    """The account's rules, read at most once a second."""

    def __init__(self) -> None:
        self.read_at = float("-inf")
        self.rules = AccountRules()
        self.catalogue: Catalogue | None = None


_rules = _Rules()


def account_rules() -> AccountRules:
    """What the account's settings say about events; a change counts within `RULES_SECONDS`."""
    if time.monotonic() - _rules.read_at > RULES_SECONDS:
        account = Account.objects.get(pk=1)
        _rules.rules = AccountRules(
            zone=zoneinfo.ZoneInfo(account.time_zone),
            default_region=account.default_region,
            mapping_param=account.event_mapping_param,
            mapping_field=account.event_mapping_field,
            blocked=frozenset(str(value).lower() for value in account.blocked_identifiers),
            retention_days=account.event_retention_days,
        )
        _rules.catalogue = None
        _rules.read_at = time.monotonic()
    return _rules.rules


def _catalogue() -> Catalogue:
    """The account's additional fields, as old as its rules."""
    if _rules.catalogue is None:
        _rules.catalogue = Catalogue.load()
    return _rules.catalogue


def _columns_of(event: CheckedEvent | Refused, rules: AccountRules) -> tuple[dict[str, Any], str] | Refused:
    """Identity columns and key; a refused event makes no event type."""
    if isinstance(event, Refused):
        return event
    try:
        return identity_columns(event, rules)
    except Refused as refusal:
        return refusal


def _row(
    event: CheckedEvent,
    identity: tuple[dict[str, Any], str],
    kind: TypeInfo,
    rules: AccountRules,
    *,
    sender: _Sender,
    now: datetime,
) -> dict[str, Any]:
    columns, key = identity
    check_structure(event.params, kind)
    if event.version > 1 and CONTACT_JSON in event.params:
        check_contact_json(event.params[CONTACT_JSON], _catalogue())
    event_at, occurred_at, flags = times(event, now=now, zone=rules.zone)
    kept_days = kind.retention_days or rules.retention_days
    if event_at < keep_from(now, kept_days):
        raise Refused(
            422,
            "older_than_retention",
            f"is older than the {kept_days} days events are kept",
            path="occurred",
        )
    digest = content = None
    params = as_raw_json(event.params)
    if event.event_id:
        digest = hashlib.sha256(f"{sender.family}\0{event.event_id}".encode()).hexdigest()
        content = _content(event, params)
    placed = add_place(event.params)
    if placed is not event.params:
        params = as_raw_json(placed)
        flags |= EventFlag.PLACED
    return columns | {
        "lane": lane_of(columns, key, settings.EVENT_LANES), "event_id": str(uuid_utils.uuid7()), "event_type_id": kind.id,
        "key_value": key, "params": params, "event_at": event_at, "received_at": now,
        "occurred_at": occurred_at, "source": sender.source, "flags": flags, "actor": sender.actor, "digest_hex": digest,
        "content": content,
    }  # fmt: skip


def _content(event: CheckedEvent, params: msgspec.Raw) -> int:
    """A short digest of what an event says, to tell a repeat from another event under the same id."""
    words = f"{event.type_key}\0{event.key_value}\0{event.occurred}\0".encode()
    return int.from_bytes(hashlib.sha256(words + bytes(params)).digest()[:8], signed=True)
