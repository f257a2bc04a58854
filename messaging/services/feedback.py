"""What activity teaches about addresses: every door that records activity passes here, so none can forget it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contacts.services.address_rules import Signal
from contacts.services.addresses import AddressSignal
from messaging.bounces.categories import EFFECTS, Category
from messaging.bounces.replies import classify, code_of, enhanced_of
from messaging.models import ActivityKind, Reason, UnsubscribeReason

if TYPE_CHECKING:
    from messaging.services.activity import ActivityRow

ADDRESS_KINDS = {"email": "email"}
ALIVE = (ActivityKind.DELIVERED, ActivityKind.OPENED, ActivityKind.CLICKED)
ENDPOINTS = """
SELECT d.id, d.endpoint FROM messaging_delivery d
JOIN unnest(%s::bigint[], %s::date[]) AS w (id, month) ON d.id = w.id AND d.cause_month = w.month
"""
KEPT = ("network", "agent", "way", "provider", "code", "status")  # details that the address' history keeps


def with_category(row: "ActivityRow") -> "ActivityRow":
    """A refusal in the provider's words gets its category of failure for a reason."""
    if row.kind != ActivityKind.ERROR or row.reason != Reason.PROVIDER:
        return row
    words = str(row.details.get("text", ""))
    category = classify(code_of(row.details.get("code")), enhanced_of(words), words)
    return replace(row, reason=str(category), details=row.details | {"by": Reason.PROVIDER.value})


def signals_of(cursor: Any, rows: Sequence["ActivityRow"]) -> list[AddressSignal]:
    """Signals for the addresses that the rows' deliveries went to."""
    telling = [(row, *found) for row in rows if (found := _signal(row)) is not None]
    if not telling:
        return []
    wanted = sorted({(row.delivery_id, row.cause_month) for row, _, _ in telling})
    cursor.execute(ENDPOINTS, [[found for found, _ in wanted], [month for _, month in wanted]])
    endpoints = dict(cursor.fetchall())
    return [
        AddressSignal(
            kind=ADDRESS_KINDS[row.channel], value=endpoints[row.delivery_id], signal=signal, at=row.at,
            reason=_reason(row), comment=str(row.details.get("comment", "")),
            actor=str(row.details.get("actor", "")) or "messaging", steps=steps, person_id=row.person_id,
            details={"message": row.message_id, "delivery": row.delivery_id}
            | {name: row.details[name] for name in KEPT if name in row.details},
        )
        for row, signal, steps in telling
        if row.delivery_id in endpoints
    ]  # fmt: skip


def _signal(row: "ActivityRow") -> tuple[Signal, int] | None:
    """The signal of a row and its steps; None when it says nothing about the address."""
    if row.channel not in ADDRESS_KINDS or row.machine:
        return None
    if row.kind in ALIVE:
        return Signal.ALIVE, 1
    if row.kind == ActivityKind.SPAM:
        return Signal.COMPLAINED, 1
    if row.kind == ActivityKind.UNSUBSCRIBED:
        return None if row.details.get("categories") else (Signal.UNSUBSCRIBED, 1)
    effect = EFFECTS.get(row.reason) if row.kind == ActivityKind.ERROR else None
    return (effect.signal, effect.steps) if effect is not None and effect.signal is not None else None


def _reason(row: "ActivityRow") -> str:
    """In words, as the card shows it: a category of failure, or what the contact gave."""
    choices = dict(Category.choices if row.kind == ActivityKind.ERROR else UnsubscribeReason.choices)
    return str(choices.get(row.reason, row.reason))
