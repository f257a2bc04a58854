"""Whether a webhook comes from the provider: by its signature where the provider signs, by a password where it does not.

Signatures are checked by django-anymail's views, but for Resend, whose scheme (Svix) is checked here: the library would
need a further package for it.
"""

import base64
import binascii
import hashlib
import hmac
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from django.core.exceptions import SuspiciousOperation
from django.test import RequestFactory
from django.utils.crypto import constant_time_compare

from messaging.bounces.providers import WebhookError, view_class_of

USER = "cdp"  # of the password in the address
SIGNED_BY_API_KEY = ("mailgun", "unisender_go")  # mailgun: unless it has a signing key of its own
# Provider → what the library calls the key it signs with.
KEY_NAMES = {
    "mailersend": "signing_secret", "mailgun": "webhook_signing_key", "mailtrap": "tracking_secret",
    "mandrill": "webhook_key", "postal": "webhook_key", "sendgrid": "tracking_webhook_verification_key",
    "unisender_go": "api_key",
}  # fmt: skip
SIGNING = frozenset(KEY_NAMES) | {"resend"}
SVIX = ("svix-id", "svix-timestamp", "svix-signature")
MOST_AGE = timedelta(minutes=5)  # Svix: a request is repeated with a new time and signature


class WebhookRefusedError(Exception):
    """The request does not show that it is the provider's. `status` and the text are the answer."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in; names of `headers` in lower case, `address` whole, as the provider was given it."""

    body: bytes
    headers: Mapping[str, str]
    address: str


def key_fault(provider: str, key: str) -> str:
    """What is wrong with a key entered for a provider: `unsigned` for one that signs nothing, `unreadable`, or empty."""
    if provider not in SIGNING:
        return "unsigned"
    if not key.isascii():
        return "unreadable"
    nothing = Received(b"{}", dict.fromkeys(SVIX, "1") | {"x-postal-signature": "AA=="}, "")
    try:
        if provider == "resend":
            _check_svix(nothing, key.strip(), datetime.fromtimestamp(1, UTC))
        else:
            _check_signature(provider, nothing, key.strip())
    except AnymailWebhookValidationFailure:
        return ""
    except (AnymailError, ValueError):
        return "unreadable"
    return ""


def check_proof(provider: str, request: Received, *, key: str, password: str, now: datetime) -> None:
    """Pass when the request proves its origin.

    Args:
        key: what the provider signs with. password: that of the address, of providers that do not sign.

    Raises:
        WebhookRefusedError: 401 without the password, 403 for a signature that is missing or wrong, or a missing key.
    """
    if provider not in SIGNING:
        _check_password(request, password)
        return
    if not key:
        raise WebhookRefusedError(
            HTTPStatus.FORBIDDEN,
            "No signing key of the provider is set for this connection: enter it on the connection's page.",
        )
    try:
        if provider == "resend":
            _check_svix(request, key, now)
        else:
            _check_signature(provider, request, key)
    except SuspiciousOperation as error:
        raise WebhookRefusedError(HTTPStatus.FORBIDDEN, f"Signature refused: {_plain(error)}.") from error
    except (AnymailError, WebhookError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise WebhookRefusedError(
            HTTPStatus.FORBIDDEN, "Signature refused: it cannot be checked with the signing key of this connection."
        ) from error  # fmt: skip


def _check_password(request: Received, password: str) -> None:
    kind, _space, given = request.headers.get("authorization", "").partition(" ")
    wanted = base64.b64encode(f"{USER}:{password}".encode()).decode()
    if not password or kind.lower() != "basic" or not constant_time_compare(given.strip(), wanted):
        raise WebhookRefusedError(
            HTTPStatus.UNAUTHORIZED,
            "Enter the webhook address as it was shown, with the name and password before the @ sign.",
        )


def _check_signature(provider: str, request: Received, key: str) -> None:
    content_type = request.headers.get("content-type", "application/json")
    asked = RequestFactory().generic("POST", "/", request.body, content_type, headers=request.headers)
    _view(provider, request, key).run_validators(asked)


def _view(provider: str, request: Received, key: str) -> Any:
    options: dict[str, Any] = {KEY_NAMES[provider]: key, "webhook_secret": []}
    if provider == "mandrill":  # signs the address as well
        options["webhook_url"] = request.address
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a provider that the library keeps without a warranty
        return view_class_of(provider)(**options)


def _check_svix(request: Received, key: str, now: datetime) -> None:
    """HMAC-SHA256 of `id.time.body`; one of the signatures in the header must fit (docs.svix.com, Verifying payloads)."""
    number, at, signatures = (request.headers.get(name, "") for name in SVIX)
    if not (number and signatures and at.isdecimal() and at.isascii() and len(at) < 12):
        raise AnymailWebhookValidationFailure("Svix headers are missing")
    if abs(now - datetime.fromtimestamp(int(at), UTC)) > MOST_AGE:
        raise AnymailWebhookValidationFailure("the time of the request is not now")
    try:
        secret = base64.b64decode(key.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("the signing key is not base64") from error
    signed = f"{number}.{at}.".encode() + request.body
    wanted = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    found = [text.removeprefix("v1,") for text in signatures.split() if text.startswith("v1,")]
    if not any(constant_time_compare(text, wanted) for text in found):
        raise AnymailWebhookValidationFailure("Resend webhook called with incorrect signature")


def _plain(error: Exception) -> str:
    """The library's words without its advice about settings that this product has not."""
    return str(error).partition(" (check")[0]
