"""Reads the webhooks of e-mail providers, through django-anymail, into what they tell. Pure but for the library."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

from anymail.exceptions import AnymailError
from django.test import RequestFactory

from messaging.bounces.categories import Category
from messaging.bounces.replies import classify, code_of, enhanced_of
from messaging.models import ActivityKind

REJECTED: dict[str, Category] = {
    "invalid": Category.INVALID_ADDRESS, "timed_out": Category.EXPIRED, "blocked": Category.BLOCKED,
    "spam": Category.BLOCKED,
}  # fmt: skip
KINDS: dict[str, ActivityKind] = {
    "delivered": ActivityKind.DELIVERED, "bounced": ActivityKind.ERROR, "rejected": ActivityKind.ERROR,
    "failed": ActivityKind.ERROR, "complained": ActivityKind.SPAM, "unsubscribed": ActivityKind.UNSUBSCRIBED,
}  # fmt: skip
CLASSES = {
    "brevo": "Brevo", "mailersend": "MailerSend", "mailgun": "Mailgun", "mailjet": "Mailjet",
    "mailtrap": "Mailtrap", "mandrill": "MandrillCombined", "postal": "Postal", "postmark": "Postmark",
    "resend": "Resend", "sendgrid": "SendGrid", "sparkpost": "SparkPost", "unisender_go": "UnisenderGo",
}  # fmt: skip


class WebhookError(Exception):
    """The body is not what the provider sends."""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One event of a provider about a delivery. `delivery_id` is what we gave it when sending; 0 when it is missing."""

    kind: ActivityKind
    at: datetime | None
    key: str
    delivery_id: int = 0
    message_id: str = ""
    recipient: str = ""
    category: Category | None = None
    details: dict[str, Any] = field(default_factory=dict)


def view_class_of(provider: str) -> Any:
    """The library's view for webhooks of a provider.

    Raises:
        WebhookError: the provider is unknown.
    """
    if provider not in CLASSES:
        raise WebhookError(f"{provider} has no webhooks that can be read")
    module = import_module(f"anymail.webhooks.{provider}")
    name = CLASSES[provider]
    return getattr(
        module, f"{name}WebhookView" if name.endswith("Combined") else f"{name}TrackingWebhookView"
    )


def read_webhook(provider: str, body: bytes, headers: dict[str, str]) -> list[ProviderEvent]:
    """Events that matter; opens and clicks do not: ours are counted, whoever carries the mail.

    The library's view is made without its constructor, which only reads settings for signatures: these were checked
    when the request came in (`messaging.bounces.proofs`).

    Raises:
        WebhookError: the provider is unknown, or the body cannot be read.
    """
    view_class = view_class_of(provider)
    content_type = headers.get("content-type", "application/json")
    request = RequestFactory().generic("POST", "/", body, content_type)
    try:
        found = view_class.__new__(view_class).parse_events(request)
        return [event for event in map(_event, found) if event is not None]
    except (AnymailError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise WebhookError(f"{type(error).__name__}: {error}"[:500]) from error


def _event(event: Any) -> ProviderEvent | None:
    kind = KINDS.get(str(getattr(event, "event_type", "")))
    if kind is None:
        return None
    metadata = event.metadata or {}
    words = " ".join(str(event.mta_response or event.description or "").split())
    details = {"provider": str(event.event_type), "text": words[:500]}
    return ProviderEvent(
        kind=kind, at=event.timestamp, key=_key(event), delivery_id=_number(metadata.get("delivery")),
        message_id=str(event.message_id or ""), recipient=str(event.recipient or "").lower(),
        category=_category(event, words) if kind is ActivityKind.ERROR else None,
        details={name: value for name, value in details.items() if value},
    )  # fmt: skip


def _category(event: Any, words: str) -> Category:
    """By the server's words; by the provider's own reason where these say nothing."""
    by_words = classify(code_of(words), enhanced_of(words), words)
    reason = str(event.reject_reason or "")
    if by_words is Category.UNRECOGNISED or (reason == "invalid" and by_words is Category.TEMPORARY):
        return REJECTED.get(reason, Category.UNRECOGNISED)
    return by_words


def _key(event: Any) -> str:
    """The provider's id of the event; of those without one, what makes it one."""
    if event.event_id:
        return f"{event.event_type}:{event.event_id}"[:200]
    text = json.dumps([event.event_type, str(event.timestamp), event.message_id, event.recipient])
    return f"{event.event_type}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _number(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 18 else 0
