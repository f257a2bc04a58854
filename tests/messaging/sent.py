"""Makes sent messages for tests: a message with links, a contact, a delivery handed over at NOW."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from contacts.services.upsert import ContactInput, Policy, upsert_contacts
from messaging.models import Delivery, Link, Message, MessageRevision
from messaging.tracking.tokens import Token, TokenKind

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
MONTH = date(2026, 6, 1)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
URLS = ("https://shop.example.com/a", "https://shop.example.com/b?x=1", "https://shop.example.com/c")


def contact(name: str = "ann", **rest: Any) -> int:
    email = f"{name}@example.com"
    item = ContactInput(**({"email": email, "email_norm": email} | rest))
    [outcome] = upsert_contacts(
        [item], policy=Policy.ADD, source="api", actor="test", now=NOW - timedelta(days=9)
    )
    assert outcome.contact_id
    return outcome.contact_id


def message(name: str = "Sale", *, urls: tuple[str, ...] = URLS) -> tuple[Message, list[Link]]:
    made = Message.objects.create(name=name, created_at=NOW, updated_at=NOW, state="ready")
    revision = MessageRevision.objects.create(message=made, number=1, created_at=NOW)
    made.revision = revision
    made.save(update_fields=["revision"])
    links = Link.objects.bulk_create(
        [Link(revision=revision, language="en", number=number, url=url) for number, url in enumerate(urls)]
    )
    return made, links


def delivery(contact_id: int, sent_message: Message, *, cause_id: int = 1, **rest: Any) -> Delivery:
    email = rest.pop("endpoint", None) or f"{contact_id}@example.com"
    values: dict[str, Any] = {
        "cause_month": MONTH, "cause_kind": "campaign", "cause_id": cause_id, "endpoint": email,
        "contact_id": contact_id, "message_id": sent_message.pk, "revision_id": sent_message.revision_id,
        "language": "en", "state": "sent", "not_before": NOW, "planned_at": NOW, "handed_at": NOW, "sent_at": NOW,
    }  # fmt: skip
    made = Delivery.objects.create(**(values | rest))
    made.refresh_from_db()
    return made


def sent(name: str = "ann", **rest: Any) -> tuple[Delivery, list[Link]]:
    """A delivery of a message of its own to a contact of its own."""
    made, links = message(**({"urls": rest.pop("urls")} if "urls" in rest else {}))
    contact_id = contact(name)
    return delivery(contact_id, made, endpoint=f"{name}@example.com", **rest), links


def token_of(row: Delivery, kind: TokenKind = TokenKind.UNSUBSCRIBE) -> Token:
    return Token(kind, row.pk, row.cause_month)
