"""Models of messaging: connections and senders, messages and their revisions, deliveries and what happened to them."""

from messaging.models.connections import Channel, Connection, ConnectionKind, RateBucket, Sender, SenderState
from messaging.models.content import Link, Message, MessageRevision, MessageState
from messaging.models.deliveries import (
    FINAL_STATES,
    Activity,
    ActivityKey,
    ActivityKind,
    CauseKind,
    Delivery,
    DeliveryState,
    Machine,
    Priority,
    Reason,
)

__all__ = [
    "FINAL_STATES",
    "Activity",
    "ActivityKey",
    "ActivityKind",
    "CauseKind",
    "Channel",
    "Connection",
    "ConnectionKind",
    "Delivery",
    "DeliveryState",
    "Link",
    "Machine",
    "Message",
    "MessageRevision",
    "MessageState",
    "Priority",
    "RateBucket",
    "Reason",
    "Sender",
    "SenderState",
]
