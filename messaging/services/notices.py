"""Keeps notices about sent messages as they come in, and works them into activity: idempotent, in any order."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils.crypto import constant_time_compare

from cdp.bell import ring
from cdp.crash import crash_point
from messaging.bounces.categories import Category
from messaging.bounces.mail import Notice, NoticeKind, read_mail
from messaging.bounces.proofs import Received, WebhookRefusedError, check_proof
from messaging.bounces.providers import WebhookError, read_webhook
from messaging.models import (
    ActivityKind,
    Connection,
    ConnectionKind,
    Delivery,
    InboundNotice,
    NoticeSource,
    NoticeState,
)
from messaging.secrets import SecretUnreadableError
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.unsubscribing import Act, unsubscribe
from messaging.services.webhooks import webhook_access
from messaging.tracking.hits import storable

log = structlog.get_logger(__name__)

BATCH = 100
KEPT = timedelta(hours=23)  # they hold addresses: erasing somebody must be complete within a day
KEPT_HEADERS = ("content-type", "user-agent")
BY_ADDRESS = """
SELECT d.id FROM messaging_delivery d
WHERE d.endpoint = %s AND d.planned_at > %s AND (d.provider_id = %s OR d.message_id_header = %s)
ORDER BY d.planned_at DESC LIMIT 1
"""
LONGEST_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing a notice tells. Either `delivery_id` is proven, or `message_id` and `recipient` must both match."""

    kind: ActivityKind
    key: str
    delivery_id: int = 0
    message_id: str = ""
    recipient: str = ""
    at: datetime | None = None
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def keep_webhook(connection_id: int, secret: str, request: Received, *, now: datetime) -> None:
    """Store a provider's request once it has proved its origin. Committed when it returns.

    Raises:
        WebhookRefusedError: `secret` is not that of the connection's address, or the request proves nothing.
    """
    found = Connection.objects.filter(pk=connection_id, kind=ConnectionKind.ANYMAIL).first()
    try:
        access = webhook_access(found) if found else None
    except SecretUnreadableError as error:
        log.error("webhook_secret_unreadable", connection=connection_id, error=str(error))
        access = None
    if access is None or not access.secret or not constant_time_compare(access.secret, secret):
        raise WebhookRefusedError(HTTPStatus.NOT_FOUND, "No webhook has this address.")
    try:
        check_proof(access.provider, request, key=access.key, password=access.password, now=now)
    except WebhookRefusedError as error:
        log.warning("webhook_refused", connection=connection_id, provider=access.provider, reason=str(error))
        raise
    kept = {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers}
    with transaction.atomic():
        InboundNotice.objects.create(
            received_at=now,
            source=NoticeSource.WEBHOOK,
            connection_id=connection_id,
            headers=kept,
            body=request.body,
        )
        transaction.on_commit(lambda: ring("message_notices"))


def keep_mails(mailbox_id: int, mails: Sequence[bytes], *, now: datetime) -> None:
    """Store mails of a bounce mailbox; committed when it returns."""
    with transaction.atomic():
        InboundNotice.objects.bulk_create(
            [
                InboundNotice(received_at=now, source=NoticeSource.MAIL, mailbox_id=mailbox_id, body=mail)
                for mail in mails
            ]
        )
        transaction.on_commit(lambda: ring("message_notices"))


def process_notices(*, now: datetime, limit: int = BATCH) -> int:
    """Work the oldest waiting notices; returns how many. One that cannot be read is set aside with its reason."""
    with transaction.atomic():
        waiting = InboundNotice.objects.select_for_update(skip_locked=True).filter(state=NoticeState.WAITING)
        notices = list(waiting.order_by("pk")[:limit])
        if not notices:
            return 0
        providers = _providers(notices)
        told: list[Told] = []
        for notice in notices:
            found = _read(notice, providers, now)
            notice.processed_at = now
            told += map(_clean, found)
        rows = _rows(told, now)
        record_activity(rows, now=now)
        crash_point("notices_after_record")
        InboundNotice.objects.bulk_update(notices, ["state", "outcome", "processed_at"])
    return len(notices)


def forget_notices(*, now: datetime) -> int:
    """Delete notices worked about a day ago."""
    return InboundNotice.objects.filter(processed_at__lt=now - KEPT).delete()[0]


def _providers(notices: Sequence[InboundNotice]) -> dict[int, str]:
    wanted = {notice.connection_id for notice in notices if notice.connection_id}
    found = Connection.objects.filter(pk__in=wanted).values_list("pk", "options")
    return {pk: str(options.get("provider", "")) for pk, options in found}


def _read(notice: InboundNotice, providers: Mapping[int, str], now: datetime) -> list[Told]:
    """What a notice tells; sets its state and outcome. A mail that unsubscribes does so here."""
    notice.state = NoticeState.DONE
    body = bytes(notice.body)
    if notice.source == NoticeSource.MAIL:
        mail = read_mail(body)
        notice.outcome = str(mail.kind)
        if mail.kind is NoticeKind.UNSUBSCRIBE and mail.token is not None:
            unsubscribe(mail.token, Act("mail"), now=now)
        return _told_by_mail(mail, body)
    try:
        events = read_webhook(providers.get(notice.connection_id or 0, ""), body, dict(notice.headers))
    except WebhookError as error:
        notice.state, notice.outcome = NoticeState.FAILED, str(error)
        return []
    notice.outcome = ", ".join(sorted({str(event.kind) for event in events})) or "nothing of interest"
    return [
        Told(
            event.kind, event.key, event.delivery_id, event.message_id, event.recipient, event.at,
            str(event.category or ""), event.details,
        )
        for event in events
    ]  # fmt: skip


def _told_by_mail(notice: Notice, body: bytes) -> list[Told]:
    kinds = {
        NoticeKind.BOUNCE: ActivityKind.ERROR, NoticeKind.COMPLAINT: ActivityKind.SPAM,
        NoticeKind.DELIVERED: ActivityKind.DELIVERED,
    }  # fmt: skip
    kind = kinds.get(notice.kind)
    if kind is None:
        return []
    details = {"way": "mail", "code": notice.code, "status": notice.status, "text": notice.text}
    told = Told(
        kind, f"mail:{hashlib.sha256(body).hexdigest()[:32]}", notice.token.delivery_id if notice.token else 0,
        notice.message_id, notice.recipient, None, str(notice.category or ""),
        {name: value for name, value in details.items() if value},
    )  # fmt: skip
    return [told]


def _clean(found: Told) -> Told:
    """Without what the database cannot hold; notices are written by anybody."""
    details = {
        name: storable(value) if isinstance(value, str) else value for name, value in found.details.items()
    }
    return replace(
        found, key=storable(found.key), message_id=storable(found.message_id), recipient=storable(found.recipient),
        details=details,
    )  # fmt: skip


def _rows(told: Sequence[Told], now: datetime) -> list[ActivityRow]:
    """Activity of the deliveries that the notices are about; what is about none of ours is dropped."""
    ids = [found.delivery_id or _by_address(found, now) for found in told]
    deliveries = Delivery.objects.in_bulk([delivery_id for delivery_id in ids if delivery_id])
    rows = []
    for found, delivery_id in zip(told, ids, strict=True):
        delivery = deliveries.get(delivery_id)
        if delivery is None or (
            found.recipient and not found.delivery_id and found.recipient != delivery.endpoint
        ):
            continue
        at = min(found.at or now, now)
        rows.append(
            ActivityRow(
                delivery_id=delivery.pk, cause_month=delivery.cause_month, cause_kind=delivery.cause_kind,
                cause_id=delivery.cause_id, person_id=delivery.contact_id, message_id=delivery.message_id,
                channel=delivery.channel, kind=found.kind, at=at, details=found.details, source_key=found.key,
                reason=found.reason or (Category.UNRECOGNISED if found.kind == ActivityKind.ERROR else ""),
            )
        )  # fmt: skip
    return rows


def _by_address(found: Told, now: datetime) -> int:
    """The delivery to this recipient with this Message-ID; both must match, as neither alone proves anything."""
    if not found.message_id or not found.recipient:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(BY_ADDRESS, [found.recipient, now - LONGEST_BACK, found.message_id, found.message_id])
        row = cursor.fetchone()
    return row[0] if row else 0
