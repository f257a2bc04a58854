"""Connections and senders: the default ones, by `EMAIL_URL` or the mailbox on disk; secrets; back-off; live checks."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from cdp.models import Account
from messaging import secrets
from messaging.channels.interface import Access, Verdict, registry
from messaging.models import Channel, Connection, ConnectionKind, Sender, SenderState

log = structlog.get_logger(__name__)

FROM_SETTING = "EMAIL_URL"
MAILBOX = "Development mailbox"
LONGEST_REST = timedelta(minutes=5)
SUBMISSION = 587


def read_email_url(url: str) -> tuple[str, dict[str, Any], str]:
    """Kind, options and secret of an `EMAIL_URL`.

    Raises:
        ImproperlyConfigured: it cannot be read; the secret is never in the text.
    """
    parts = urlsplit(url)
    scheme, _, provider = parts.scheme.partition("+")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if scheme == ConnectionKind.ANYMAIL and provider:
        kind, secret = ConnectionKind.ANYMAIL, password or user
        options: dict[str, Any] = {"provider": provider.replace("-", "_"), **query}
    elif scheme in ("smtp", "smtps") and not provider:
        kind, secret = ConnectionKind.SMTP, password
        options = _smtp_options(scheme, parts, query, user)
    else:
        raise ImproperlyConfigured("EMAIL_URL: use smtp://, smtps:// or anymail+PROVIDER://")
    faults = registry[kind].validate(options)
    if kind == ConnectionKind.ANYMAIL and not secret:
        raise ImproperlyConfigured("EMAIL_URL: the provider's key is missing: anymail+PROVIDER://KEY@")
    if faults:
        key, text = next(iter(faults.items()))
        raise ImproperlyConfigured(f"EMAIL_URL: {key}: {text}")
    return kind, options, secret


def _smtp_options(scheme: str, parts: Any, query: Mapping[str, str], user: str) -> dict[str, Any]:
    try:
        port = parts.port or (465 if scheme == "smtps" else 25)
    except ValueError as error:
        raise ImproperlyConfigured("EMAIL_URL: the port is no number") from error
    tls = "implicit" if scheme == "smtps" else "starttls" if port == SUBMISSION else "none"
    options: dict[str, Any] = {"host": parts.hostname or "", "port": port, "tls": tls, **query}
    if user:
        options["user"] = user
    if "verify_certificate" in options:
        options["verify_certificate"] = options["verify_certificate"] not in ("0", "no", "false")
    return options


def ensure_defaults(*, now: datetime) -> tuple[Connection, Sender]:
    """The default connection and sender; made when there are none, and kept to what `EMAIL_URL` says."""
    connection = Connection.objects.filter(channel=Channel.EMAIL, is_default=True).first()
    sender = Sender.objects.filter(is_default=True).first()
    if connection is not None and sender is not None and _is_current(connection):
        return connection, sender
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=1)  # one at a time
        connection = _default_connection()
        sender = Sender.objects.filter(is_default=True).first()
        if sender is None:
            sender = Sender.objects.order_by("pk").first() or _first_sender()
            make_default_sender(sender)
    log.info("defaults_made", connection=connection.name, sender=sender.address, at=now.isoformat())
    return connection, sender


def _is_current(connection: Connection) -> bool:
    """Whether nothing follows from `EMAIL_URL`: there is none, it is this connection, or somebody chose another."""
    if not settings.EMAIL_URL:
        return True
    if connection.name != FROM_SETTING:
        return connection.kind != ConnectionKind.FILE
    kind, options, secret = read_email_url(settings.EMAIL_URL)
    return (connection.kind, connection.options) == (kind, options) and _holds(connection, secret)


def _first_sender() -> Sender:
    account = Account.objects.get(pk=1)
    return Sender.objects.create(
        name=account.organisation_name[:100], address=account.user_email, state=SenderState.CONFIRMED
    )


def _default_connection() -> Connection:
    current = Connection.objects.filter(channel=Channel.EMAIL, is_default=True).first()
    url = settings.EMAIL_URL
    if not url:
        return current or _make_mailbox()
    kind, options, secret = read_email_url(url)
    own = Connection.objects.filter(name=FROM_SETTING).first()
    if own is None:
        own = Connection(name=FROM_SETTING, channel=Channel.EMAIL)
    changed = (own.kind, own.options) != (kind, options) or not _holds(own, secret)
    if own.pk is None or changed:
        own.kind, own.options, own.secret = kind, options, secrets.encrypt(secret)
        own.backs_off_until, own.failures = None, 0
        own.save()
    if current is None or (current.pk != own.pk and current.kind == ConnectionKind.FILE):
        make_default(own)
        current = own
    return current


def _holds(connection: Connection, secret: str) -> bool:
    try:
        return secrets.decrypt(connection.secret) == secret
    except secrets.SecretUnreadableError:
        return False


def ensure_mailbox() -> Connection:
    """The development mailbox, made when it is missing; not the default by that."""
    mailbox, _ = Connection.objects.get_or_create(name=MAILBOX, defaults={"kind": ConnectionKind.FILE})
    return mailbox


def _make_mailbox() -> Connection:
    mailbox = ensure_mailbox()
    make_default(mailbox)
    return mailbox


def make_default(connection: Connection) -> None:
    """Make this the default connection of its channel."""
    with transaction.atomic():
        Connection.objects.filter(channel=connection.channel, is_default=True).update(is_default=False)
        Connection.objects.filter(pk=connection.pk).update(is_default=True)
        connection.is_default = True


def make_default_sender(sender: Sender) -> None:
    with transaction.atomic():
        Sender.objects.filter(is_default=True).update(is_default=False)
        Sender.objects.filter(pk=sender.pk).update(is_default=True)


def access_of(connection: Connection) -> Access:
    """What an adapter needs.

    Raises:
        secrets.SecretUnreadableError: the secret key of the installation changed.
    """
    return Access(connection.pk, connection.kind, connection.options, secrets.decrypt(connection.secret))


def verify_connection(*, connection: Connection, now: datetime) -> Verdict:
    """Try the connection live and remember the outcome; a good one ends its rest."""
    try:
        verdict = registry[connection.kind].verify(access_of(connection))
    except secrets.SecretUnreadableError as error:
        verdict = Verdict(False, str(error))
    values: dict[str, Any] = {"last_error": verdict.words, "last_error_at": now}
    if verdict.is_good:
        values = {"verified_at": now, "last_error": "", "backs_off_until": None, "failures": 0}
    Connection.objects.filter(pk=connection.pk).update(**values)
    return verdict


def rest(*, connection_id: int, words: str, now: datetime, at_least: timedelta = timedelta()) -> None:
    """The provider is away: leave it alone for 1, 2, 4 … s, or as long as it asks for, at most `LONGEST_REST`.

    No delivery is to blame.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(pk=connection_id)
        row.failures += 1
        pause = max(timedelta(seconds=2 ** min(row.failures - 1, 20)), at_least)
        row.backs_off_until = now + min(pause, LONGEST_REST)
        row.last_error, row.last_error_at = words[:2000], now
        row.save(update_fields=["failures", "backs_off_until", "last_error", "last_error_at"])


def end_rest(*, connection_id: int) -> None:
    Connection.objects.filter(pk=connection_id, failures__gt=0).update(failures=0, backs_off_until=None)
