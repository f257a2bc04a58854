"""Plans deliveries: every request becomes a row that may be sent, or a row that says why not."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One message wanted for one contact.

    Attributes:
        cause_kind, cause_id, slot: who asks, and which of its sends this is; the same triple never sends twice to one
            endpoint.
        cause_month: first day of the month in which the cause was created; the same for all requests of a cause.
        context: what the template may read besides the contact: `{"event": {...}, "data": {...}}`.
        language: asked for by the cause; else the contact's, else the message's default.
        endpoint: an address instead of the contact's own.
        is_obligatory: sent whatever the contact unsubscribed from, as a transactional message is.
    """

    cause_kind: str
    cause_id: int
    cause_month: date
    contact_id: int
    message_id: int
    slot: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    language: str | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    endpoint: str | None = None
    is_test: bool = False
    is_obligatory: bool = False


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """What became of a request; `existing` means that the same cause and slot planned this endpoint before."""

    delivery_id: int
    state: Literal["planned", "skipped", "existing"]
    reason: str = ""
