"""Opting out, and in again, through a message: by its header, its link, or the page behind it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from contacts.models import Address, AddressStatus
from contacts.services.address_rules import Signal
from contacts.services.addresses import AddressSignal, apply_signals
from contacts.services.preferences import Preferences, choose_categories, read_preferences
from messaging.models import ActivityKind, Delivery
from messaging.services.activity import ActivityRow, record_activity
from messaging.tracking.tokens import Token

ACTOR = "contact"


@dataclass(frozen=True, slots=True)
class Act:
    """What the contact did, for the record. `way`: one_click (the header), page, mailto, complaint …"""

    way: str
    reason: str = ""
    comment: str = ""
    network: str = ""
    agent: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def details(self) -> dict[str, Any]:
        named = {"way": self.way, "comment": self.comment, "network": self.network, "agent": self.agent}
        return {name: word for name, word in named.items() if word} | {"actor": ACTOR} | self.extra


def find_delivery(token: Token) -> Delivery | None:
    return Delivery.objects.filter(pk=token.delivery_id, cause_month=token.cause_month).first()


def preferences_of(delivery: Delivery) -> Preferences | None:
    return read_preferences(delivery.contact_id, kind=delivery.channel, value=delivery.endpoint)


def unsubscribe(token: Token, act: Act, *, now: datetime) -> bool:
    """Stop all marketing to the address the message went to; tells whether that is news.

    False for a delivery that is gone, and for a repeat. Committed when it returns.
    """
    with transaction.atomic():
        delivery = _locked(token)
        if delivery is None or _is_opted_out(delivery):
            return False
        record_activity([_row(delivery, act, now)], now=now)
    return True


def resubscribe(token: Token, act: Act, *, now: datetime) -> bool:
    """Take the opt-out of the address back, by the contact's own act; tells whether anything changed."""
    with transaction.atomic():
        delivery = _locked(token)
        if delivery is None:
            return False
        signal = AddressSignal(
            delivery.channel, delivery.endpoint, Signal.RESUBSCRIBED, now, actor=ACTOR,
            person_id=delivery.contact_id, details=_source(delivery) | act.details(),
        )  # fmt: skip
        return bool(apply_signals([signal], now=now))


def choose(token: Token, keys: Collection[str], act: Act, *, now: datetime) -> bool:
    """Make these the contact's categories; leaving one counts as unsubscribing by this message. Tells about changes."""
    with transaction.atomic():
        delivery = _locked(token)
        if delivery is None or not delivery.contact_id:
            return False
        came, went = choose_categories(
            delivery.contact_id, keys, actor=f"{ACTOR}, message {delivery.message_id}", now=now
        )
        if went:
            left = Act(act.way, act.reason, act.comment, act.network, act.agent, {"categories": went})
            record_activity([_row(delivery, left, now)], now=now)
    return bool(came or went)


def languages_of(preferences: Preferences | None, delivery: Delivery | None) -> Sequence[str]:
    """Languages to show a page in, best first: the message's, then the contact's."""
    found = [delivery.language if delivery else "", preferences.language if preferences else ""]
    return [language for language in found if language]


def _locked(token: Token) -> Delivery | None:
    found = Delivery.objects.select_for_update().filter(pk=token.delivery_id, cause_month=token.cause_month)
    return found.first()


def _is_opted_out(delivery: Delivery) -> bool:
    status = (
        Address.objects.filter(kind=delivery.channel, value=delivery.endpoint)
        .values_list("status", flat=True)
        .first()
    )
    return status in (AddressStatus.UNSUBSCRIBED, AddressStatus.SPAM)


def _source(delivery: Delivery) -> dict[str, Any]:
    return {"message": delivery.message_id, "delivery": delivery.pk}


def _row(delivery: Delivery, act: Act, now: datetime) -> ActivityRow:
    return ActivityRow(
        delivery_id=delivery.pk, cause_month=delivery.cause_month, cause_kind=delivery.cause_kind,
        cause_id=delivery.cause_id, person_id=delivery.contact_id, message_id=delivery.message_id,
        channel=delivery.channel, kind=ActivityKind.UNSUBSCRIBED, at=now, reason=act.reason, details=act.details(),
    )  # fmt: skip
