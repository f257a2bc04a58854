"""Puts accepted events into the inbox for tests of what comes after."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from events.models import EventType, InboxEvent

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def event_type(key: str = "PageRead", **values: Any) -> EventType:
    defaults = {"name": key, "created_at": NOW, "use_for_segmentation": True} | values
    return EventType.objects.get_or_create(key=key, defaults=defaults)[0]


def accepted(kind: EventType | None = None, *, minutes: int = 0, **values: Any) -> InboxEvent:
    """One waiting event; identity columns as keyword arguments."""
    moment = NOW + timedelta(minutes=minutes)
    defaults = {
        "event_id": uuid.uuid4(), "event_type_id": (kind or event_type()).pk, "key_value": "k", "event_at": moment,
        "received_at": moment, "source": "api", "params": {},
    }  # fmt: skip
    return InboxEvent.objects.create(**(defaults | values))
