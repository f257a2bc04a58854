"""Models of messaging: connections and senders, messages and their revisions, deliveries and what happened to them."""

from messaging.models.campaigns import Campaign, CampaignAudience, CampaignState, RatePeriod, ZoneLate
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
from messaging.models.feedback import (
    BounceMailbox,
    InboundNotice,
    MailboxProtocol,
    MailboxTls,
    NoticeSource,
    NoticeState,
)
from messaging.models.tracking import Hit, HitSignal, UnsubscribeReason

__all__ = [
    "FINAL_STATES",
    "Activity",
    "ActivityKey",
    "ActivityKind",
    "BounceMailbox",
    "Campaign",
    "CampaignAudience",
    "CampaignState",
    "CauseKind",
    "Channel",
    "Connection",
    "ConnectionKind",
    "Delivery",
    "DeliveryState",
    "Hit",
    "HitSignal",
    "InboundNotice",
    "Link",
    "Machine",
    "MailboxProtocol",
    "MailboxTls",
    "Message",
    "MessageRevision",
    "MessageState",
    "NoticeSource",
    "NoticeState",
    "Priority",
    "RateBucket",
    "RatePeriod",
    "Reason",
    "Sender",
    "SenderState",
    "UnsubscribeReason",
    "ZoneLate",
]
