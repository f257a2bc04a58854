"""Events the product makes itself (a subscription, a new contact of a bulk request): into the inbox like any other."""

from datetime import datetime
from typing import Any

from django.db import transaction

from cdp.bell import ring
from cdp.hooks import EventRequest, EventsRequested
from events.intake.accept import accept_many
from events.intake.reading import CheckedEvent
from events.models import EventSource, EventType, Origin
from events.services.registry import bump_version, current_types


def keep_requested(batch: EventsRequested) -> None:
    """Handler of `events_requested`: append to the inbox in the caller's transaction.

    Raises:
        ValueError: an event cannot be taken; the caller's transaction must not commit half of its work.
    """
    _ensure_types({request.type_key for request in batch.requests}, now=batch.now)
    events = [
        CheckedEvent(
            type_key=request.type_key, key_value=request.key_value,
            params=_with_contact(request), occurred=None, sent_at=None, event_id=None,
        )
        for request in batch.requests
    ]  # fmt: skip
    verdicts = accept_many(
        events, actor=batch.actor, now=batch.now, source=EventSource.SYSTEM, family="system"
    )
    for verdict in verdicts:
        if verdict.refusal is not None:
            raise ValueError(verdict.refusal.text)
    transaction.on_commit(lambda: ring("events"))


def _with_contact(request: EventRequest) -> dict[str, Any]:
    """The parameters, with the contact's id under the name the request gives it, if any."""
    has_id = any(name.lower() == "contactid" for name in request.params)
    return request.params if has_id else {"contactId": request.contact_id} | request.params


def _ensure_types(keys: set[str], *, now: datetime) -> None:
    """Make missing types without the limit that guards against senders who invent types."""
    missing = sorted(keys - current_types().keys())
    if missing:
        EventType.objects.bulk_create(
            [EventType(key=key, name=key, origin=Origin.AUTO, created_at=now) for key in missing],
            ignore_conflicts=True,
        )
        bump_version()
