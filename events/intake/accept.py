"""Decides on checked events and commits them to the inbox; the commit is the acknowledgement.

Events are checked by the registry of types as this process last read it; should it have changed, nothing is written
(`events.intake.inbox`) and they are checked anew.
"""

import hashlib
import time
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
from contacts.field_types import Rules
from contacts.wire import Catalogue
from events.intake.contact_json import CONTACT_JSON, check_contact_json
from events.intake.identity import AccountRules, identity_columns, lane_of, read_mapping, times
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
class _Batch:
    """What holds for all events that are accepted together; senders of a `family` share one space of `eventId`s."""

    rules: AccountRules
    family: str
    lanes: int
    now: datetime


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
    batch = _Batch(rules, family, settings.EVENT_LANES, now)
    shared = {"source": source, "actor": actor, "received_at": now}
    for attempt in range(MOST_ATTEMPTS):
        registry, refused = registry_with(known, now=now, ask=attempt > 0)
        verdicts, rows = _checked(events, columns, registry.types, refused, batch)
        if attempt == 0 and len(rows) < len(events):
            continue  # nobody is refused by a registry that may be an old one
        try:
            version = registry.version if attempt < MOST_ATTEMPTS - 1 else None
            written = write_rows(rows, shared, version=version)
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
    batch: _Batch,
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
            rows.append((place, _row(event, found, types[event.type_key], batch)))
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
            reading=Rules.of(account),
            mapping_param=account.event_mapping_param,
            mapping=read_mapping(account.event_mapping_field),
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
    event: CheckedEvent, identity: tuple[dict[str, Any], str], kind: TypeInfo, batch: _Batch
) -> dict[str, Any]:
    """The inbox row, without columns that are null and those that all rows share."""
    columns, key = identity
    row = dict(columns)
    check_structure(event.params, kind)
    if event.version > 1 and CONTACT_JSON in event.params:
        check_contact_json(event.params[CONTACT_JSON], _catalogue())
    event_at, occurred_at, flags = times(event, now=batch.now, zone=batch.rules.reading.zone)
    if occurred_at is not None:
        _check_age(event_at, kind.retention_days or batch.rules.retention_days, batch.now)
        row["occurred_at"] = occurred_at
    params = as_raw_json(event.params)
    if event.event_id:
        row["digest_hex"] = hashlib.sha256(f"{batch.family}\0{event.event_id}".encode()).hexdigest()
        row["content"] = _content(event, params)
    placed = add_place(event.params)
    if placed is not event.params:
        params = as_raw_json(placed)
        flags |= EventFlag.PLACED
    row["lane"] = lane_of(row, key, batch.lanes)
    row["event_id"] = str(uuid_utils.uuid7())
    row["event_type_id"] = kind.id
    row["key_value"] = key
    row["params"] = params
    row["event_at"] = event_at
    row["flags"] = flags
    return row


def _check_age(event_at: datetime, kept_days: int, now: datetime) -> None:
    if event_at < keep_from(now, kept_days):
        raise Refused(
            422,
            "older_than_retention",
            f"is older than the {kept_days} days events are kept",
            path="occurred",
        )


def _content(event: CheckedEvent, params: msgspec.Raw) -> int:
    """A short digest of what an event says, to tell a repeat from another event under the same id."""
    words = f"{event.type_key}\0{event.key_value}\0{event.occurred}\0".encode()
    return int.from_bytes(hashlib.sha256(words + bytes(params)).digest()[:8], signed=True)
