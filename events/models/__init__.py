"""Models of events: the registry of types, the inbox, the partitioned store, and what went wrong."""

from events.models.intake import DedupKey, InboxEvent, Lane, NobodyWipe, QuarantinedEvent, RejectedEvent
from events.models.registry import (
    Category,
    EventParameter,
    EventType,
    Origin,
    ParameterType,
    RegistryVersion,
    TypeHour,
    ValidationMode,
)
from events.models.store import ORDER_TYPES, Event, EventFlag, EventSource, TellsOfOrder

__all__ = [
    "ORDER_TYPES",
    "Category",
    "DedupKey",
    "Event",
    "EventFlag",
    "EventParameter",
    "EventSource",
    "EventType",
    "InboxEvent",
    "Lane",
    "NobodyWipe",
    "Origin",
    "ParameterType",
    "QuarantinedEvent",
    "RegistryVersion",
    "RejectedEvent",
    "TellsOfOrder",
    "TypeHour",
    "ValidationMode",
]
