"""Bulk requests (`POST contacts`): checked and kept at once, worked by the engine `contact_imports`.

Cost of accepting: two reads and one insert. Cost of working: one upsert batch a `CHUNK` of contacts, in one transaction
with the session's progress, so a kill repeats nothing and loses nothing.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from cdp.api.errors import Refused
from cdp.api.wire import JsonObject, check_event_key, refuse
from cdp.bell import ring
from cdp.crash import crash_point
from cdp.hooks import EventRequest, EventsRequested, events_requested
from contacts.models import ImportSession, ImportState, Source
from contacts.services.inputs import ContactInput, Outcome, Policy
from contacts.services.lists import ensure_lists
from contacts.services.upsert import upsert_contacts
from contacts.wire import Catalogue, WireContact, read_contact

MOST_CONTACTS = 3_000
CHUNK = 1_000
DEEPEST = 20
KEPT = timedelta(days=30)
LONGEST_KEY_FIELD = 50
DEDUPE: dict[str, tuple[str, ...]] = {
    "email": ("email",),
    "sms": ("phone",),
    "email_or_sms": ("phone", "email"),
    "push": ("mobile",),
    "mobilepush": ("mobile",),
    "webpush": ("web",),
    "id": ("id",),
    "fieldId": ("field",),
    "externalCustomerId": ("external_id",),
}
COLUMNS = {
    "firstName": "first_name", "lastName": "last_name", "ordersInfo": "orders_info", "address": "address", "town": "town",
    "region": "region", "postcode": "postcode", "languageCode": "language", "timeZone": "time_zone",
}  # fmt: skip
OTHER_NAMES = {
    "email": "email",
    "sms": "phone",
    "contactKey": "contact_key",
    "externalCustomerId": "external_id",
}
TOKENS = {"mobilepush": "mobile", "webpush": "web"}


@dataclass(slots=True)
class BulkRequest:
    """A checked request. `contacts` are kept as sent; `names` is None when every field is to be written."""

    dedupe_on: str = "email"
    field_id: int | None = None
    names: list[str] | None = None
    field_ids: list[int] = field(default_factory=list)
    join: list[str] = field(default_factory=list)
    leave: list[str] = field(default_factory=list)
    restore_deleted: bool = False
    event_key: str = ""
    contacts: list[dict[str, Any]] = field(default_factory=list)


def read_bulk(body: JsonObject, catalogue: Catalogue) -> tuple[BulkRequest, list[dict[str, Any]]]:
    """Check a request; returns it with the contacts that cannot be taken, as sent, each with `error`.

    Raises:
        Refused: 400 when nothing of it can be taken: no contacts, too many, an unknown `dedupeOn`.
    """
    contacts = body.items("contacts")
    if not contacts:
        raise refuse("contacts", f"must be a list of 1 to {MOST_CONTACTS} contacts", code="required")
    if len(contacts) > MOST_CONTACTS:
        raise refuse(
            "contacts", f"must hold at most {MOST_CONTACTS} contacts, not {len(contacts)}", code="too_many"
        )
    request = BulkRequest(
        dedupe_on=_dedupe(body),
        field_id=body.integer("fieldId"),
        names=body.texts("contactFields") or None,
        field_ids=body.integers("customFieldsIDs"),
        join=body.texts("groupNames", most=255),
        leave=body.texts("groupNamesExclude", most=255),
        restore_deleted=body.flag("restoreDeleted"),
    )
    event_key = body.text("eventKeyForNewContacts")
    if event_key is not None:
        path = "eventKeyForNewContacts"
        request.event_key = check_event_key(event_key, path, most=100, code="type_key_invalid")
    _check_fields(request, catalogue)
    failed = []
    for place, sent in enumerate(contacts):
        try:
            _read_one(sent, f"contacts[{place}]", request, catalogue)
        except Refused as refusal:
            failed.append((sent if isinstance(sent, dict) else {}) | {"error": refusal.text})
        else:
            request.contacts.append(storable(sent))
    return request, failed


def _dedupe(body: JsonObject) -> str:
    name = body.text("dedupeOn") or "email"
    if name not in DEDUPE:
        raise refuse("dedupeOn", f"must be one of {', '.join(DEDUPE)}")
    return name


def _check_fields(request: BulkRequest, catalogue: Catalogue) -> None:
    if request.dedupe_on == "fieldId" and request.field_id not in catalogue.fields:
        raise refuse("fieldId", "must be the id of an additional field when dedupeOn is fieldId")
    for place, number in enumerate(request.field_ids):
        if number not in catalogue.fields:
            raise refuse(f"customFieldsIDs[{place}]", f"no additional field has the id {number}")


def storable(value: Any) -> Any:
    """What jsonb takes: no NUL, fractions as text (the wire reads both alike)."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {storable(name): storable(part) for name, part in value.items()}
    return [storable(part) for part in value] if isinstance(value, list) else value


def _check_depth(value: Any, path: str) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            part
            for item in level
            if isinstance(item, dict | list)
            for part in (item.values() if isinstance(item, dict) else item)
        ]
    if level:
        raise refuse(path, f"is nested deeper than {DEEPEST} levels")


def _read_one(sent: Any, path: str, request: BulkRequest, catalogue: Catalogue) -> WireContact:
    """One contact of the request as the input of the service."""
    body = JsonObject.of(sent, path)
    _check_depth(sent, path)
    wire = read_contact(body, catalogue)
    wire.item.dedupe = _kinds(body, wire.item, request)
    by_field = any(kind.startswith("field:") for kind in wire.item.dedupe or ())
    if not (wire.is_addressable or by_field) and wire.item.contact_id is None:
        raise refuse(path, "needs a channel or externalCustomerId", code="no_identifier")
    wire.item.restore_deleted = request.restore_deleted
    _limit_writes(wire.item, request)
    return wire


def _kinds(body: JsonObject, item: ContactInput, request: BulkRequest) -> tuple[str, ...] | None:
    """The identifiers to look by; None when the chosen one is empty here: then any other will do."""
    if request.dedupe_on == "id":
        item.contact_id = body.integer("id")
        return () if item.contact_id is not None else None
    if request.dedupe_on == "externalCustomerId":
        return () if item.external_id is not None else None
    if request.dedupe_on == "fieldId":
        value = item.data.get(str(request.field_id))
        if value is not None and len(str(value)) > LONGEST_KEY_FIELD:
            raise refuse(body.at("fields"), f"the key field must be at most {LONGEST_KEY_FIELD} characters")
        return (f"field:{request.field_id}",) if value is not None else None
    given = {kind for kind, _ in (*item.addresses(), *item.owned_keys())}
    found = tuple(kind for kind in DEDUPE[request.dedupe_on] if kind in given)
    return found or None


def _limit_writes(item: ContactInput, request: BulkRequest) -> None:
    """Keep to the fields the request names: what is named and absent is cleared; unnamed ones stay as they are.

    With no names every given field is written and nothing is cleared. Additional fields are written only when named.
    """
    item.data = {
        key: value
        for key, value in item.data.items()
        if int(key) in request.field_ids or (request.dedupe_on == "fieldId" and int(key) == request.field_id)
    }
    for number in request.field_ids:
        item.data.setdefault(str(number), None)
    if request.names is None:
        return
    named = {COLUMNS.get(name) or OTHER_NAMES.get(name) or name for name in request.names}
    item.only = frozenset(named)
    for column in named & set(COLUMNS.values()):
        item.fields.setdefault(column, None)
    item.clear_email = "email" in named and item.email is None
    item.clear_phone = "phone" in named and item.phone is None
    kinds = {token.kind for token in item.tokens}
    item.replace_tokens = tuple(
        kind for name, kind in TOKENS.items() if name in request.names and kind not in kinds
    )


def open_session(request: BulkRequest, *, actor: str, now: datetime) -> ImportSession:
    """Keep a request for the engine; the commit is the acknowledgement."""
    session = ImportSession.objects.create(
        id=uuid.uuid4(), state=ImportState.STARTED if request.contacts else ImportState.FINISHED, actor=actor,
        request=asdict(request) if request.contacts else {}, created_at=now, state_at=now,
    )  # fmt: skip
    transaction.on_commit(lambda: ring("contact_imports"))
    return session


def work_session(session: ImportSession, *, now: datetime) -> int:
    """Do the next chunk of a session whose row the caller holds locked; returns how many contacts it had."""
    request = BulkRequest(**session.request)
    chunk = request.contacts[session.done : session.done + CHUNK]
    catalogue = Catalogue.load()
    lists = ensure_lists([*request.join, *request.leave], now=now) if request.join or request.leave else {}
    items: list[ContactInput] = []
    counts = Counter(session.counts)
    for place, sent in enumerate(chunk):
        try:
            wire = _read_one(sent, f"contacts[{session.done + place}]", request, catalogue)
        except Refused:  # a field was deleted since the request was taken
            counts["failed"] += 1
            items.append(ContactInput())
            continue
        wire.item.list_ids = tuple(lists[name] for name in request.join)
        wire.item.leave_list_ids = tuple(lists[name] for name in request.leave)
        items.append(wire.item)
    outcomes = upsert_contacts(
        items,
        policy=Policy.BULK,
        source=Source.IMPORT,
        actor=session.actor,
        now=now,
        source_detail=str(session.pk),
    )
    counts.update(outcome.result for outcome, item in zip(outcomes, items, strict=True) if _was_asked(item))
    _tell_new(request, items, outcomes, session, now)
    session.mapping += [
        [_dedupe_value(sent, request), outcome.contact_id]
        for sent, outcome in zip(chunk, outcomes, strict=True)
        if outcome.contact_id is not None and outcome.result not in ("failed", "skipped")
    ]
    session.counts = dict(counts)
    session.done += len(chunk)
    _advance(session, is_done=session.done >= len(request.contacts), now=now)
    crash_point("import_before_commit")
    return len(chunk)


def _was_asked(item: ContactInput) -> bool:
    """False for the placeholder of a contact that could not be read, which is counted already."""
    return item.dedupe is not None or bool(item.owned_keys() or item.addresses() or item.contact_id)


def _advance(session: ImportSession, *, is_done: bool, now: datetime) -> None:
    state = ImportState.FINISHED if is_done else ImportState.IMPORTING
    if session.state != state:
        session.state, session.state_at = state, now
    if is_done:
        session.request = {}
    session.save()


def _tell_new(
    request: BulkRequest, items: Sequence[ContactInput], outcomes: Sequence[Outcome], session: ImportSession, now: datetime
) -> None:  # fmt: skip
    if not request.event_key:
        return
    requests = []
    for item, outcome in zip(items, outcomes, strict=True):
        if outcome.result == "created" and outcome.contact_id is not None:
            params = {
                "contactId": outcome.contact_id,
                "EmailAddress": item.email or "",
                "SMS": item.phone or "",
            }
            key = item.email or item.phone or str(outcome.contact_id)
            requests.append(EventRequest(request.event_key, key, outcome.contact_id, params))
    if requests:
        events_requested.send(EventsRequested(requests, actor=session.actor, now=now))


def _dedupe_value(sent: dict[str, Any], request: BulkRequest) -> str:
    """The value of the dedupe key as sent; of one that is empty, the external id or the first channel."""
    body = JsonObject(sent)
    channels = {
        (channel.text("type") or "").lower(): channel.text("value") or ""
        for channel in reversed(list(body.objects("channels")))
    }
    by_channel = {
        "email": ("email",), "sms": ("sms", "viber"), "email_or_sms": ("sms", "viber", "email"),
        "push": ("mobilepush",), "mobilepush": ("mobilepush",), "webpush": ("webpush",),
    }  # fmt: skip
    values = [channels.get(name) for name in by_channel.get(request.dedupe_on, ())]
    if request.dedupe_on == "id":
        values.append(body.text("id"))
    if request.dedupe_on == "fieldId":
        values += [
            entry.text("value") for entry in body.objects("fields") if entry.integer("id") == request.field_id
        ]
    return next(
        (value for value in [*values, body.text("externalCustomerId"), *channels.values()] if value), ""
    )


def fail_session(session_id: uuid.UUID, *, reason: str, now: datetime) -> None:
    """Give up on a session that cannot be worked, with the reason; what was done stays."""
    ImportSession.objects.filter(pk=session_id).update(
        state=ImportState.ERROR, state_at=now, description=reason, request={}
    )


def forget_sessions(*, now: datetime) -> int:
    """Delete sessions older than 30 days that are over; returns how many."""
    over = ImportSession.objects.filter(
        state__in=[ImportState.FINISHED, ImportState.ERROR], created_at__lt=now - KEPT
    )
    return over.delete()[0]
