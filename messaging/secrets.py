"""Secrets at rest: encrypted with keys derived from the installation's secret key, which is not in the database."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

SHOWN = 4


class SecretUnreadableError(Exception):
    """The secret was encrypted under another secret key; it must be entered again."""


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"messaging.secrets\0" + key.encode()).digest())


def encrypt(text: str) -> bytes:
    """Encrypted bytes; none for an empty text."""
    return _fernet().encrypt(text.encode()) if text else b""


def decrypt(secret: bytes | memoryview) -> str:
    """The text.

    Raises:
        SecretUnreadableError: no key of this installation opens it.
    """
    if not secret:
        return ""
    try:
        return _fernet().decrypt(bytes(secret)).decode()
    except InvalidToken as error:
        raise SecretUnreadableError(
            "the secret was saved under another secret key: enter it again"
        ) from error


def hint(secret: bytes | memoryview) -> str:
    """What may be shown: dots and the last characters, when the secret is long enough to show any."""
    if not secret:
        return ""
    try:
        text = decrypt(secret)
    except SecretUnreadableError:
        return "?"
    return f"••••{text[-SHOWN:]}" if len(text) >= 3 * SHOWN else "••••"
