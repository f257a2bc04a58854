"""Webhooks of e-mail providers: the address of each connection's, and what a request to it must show."""

from dataclasses import dataclass
from secrets import token_urlsafe
from urllib.parse import urlsplit

from django.urls import reverse

from messaging import secrets
from messaging.bounces.proofs import SIGNED_BY_API_KEY, SIGNING, USER
from messaging.models import Connection
from messaging.tracking import tokens


@dataclass(frozen=True, slots=True)
class WebhookAccess:
    """What a provider's webhook must show: the secret in its address, and a signature by `key` or the password."""

    provider: str
    secret: str
    password: str
    key: str


def webhook_access(connection: Connection) -> WebhookAccess:
    """What is asked of the webhook of a connection; without a secret it has none.

    Raises:
        secrets.SecretUnreadableError: the secret key of the installation changed.
    """
    provider = str(connection.options.get("provider", ""))
    secret, _space, password = secrets.decrypt(connection.webhook_secret).partition(" ")
    key = secrets.decrypt(connection.webhook_key)
    if not key and provider in SIGNED_BY_API_KEY:
        key = secrets.decrypt(connection.secret)
    return WebhookAccess(provider, secret, password, key)


def renew_webhook(*, connection: Connection) -> WebhookAccess:
    """Give the connection a new address for its provider's webhook; the old one stops working."""
    made = f"{token_urlsafe(24)} {token_urlsafe(24)}"
    connection.webhook_secret = secrets.encrypt(made)
    Connection.objects.filter(pk=connection.pk).update(webhook_secret=connection.webhook_secret)
    return webhook_access(connection)


def webhook_address(connection_id: int, access: WebhookAccess) -> str:
    """What is entered at the provider: with a name and password for those that do not sign."""
    address = f"{tokens.base()}{reverse('mail_webhook', args=[connection_id, access.secret])}"
    if access.provider in SIGNING:
        return address
    parts = urlsplit(address)
    return parts._replace(netloc=f"{USER}:{access.password}@{parts.netloc}").geturl()
