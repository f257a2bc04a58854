"""Signed opaque tokens: the one thing a link in a sent message carries (messaging document 10).

A token is base64url, without padding, of

    1 byte   format version (high 4 bits) and key id (low 4 bits)
    1 byte   kind: o, c, u, v or b
    2 bytes  cause month: year * 12 + month - 1
    7 bytes  delivery id
    5 bytes  link id (kind c only; 0 is the trap link that no human sees)
    16 bytes the first 128 bits of HMAC-SHA256 over all the bytes before

so a token of one kind is refused where another is expected, and nothing in it can be changed. The format is stable: links
in mail sent years ago must still work. Bounce addresses carry the same bytes in base32, which survives servers that fold case.

Keys come from `CDP_LINK_SECRETS` ("2:secret,1:older secret": the first signs, all are accepted); key 0, derived from the
secret key of the installation, signs when there are none and is accepted always.
"""

import binascii
import hashlib
import hmac
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from django.conf import settings

VERSION = 1
SIGNATURE = 16
LENGTHS = {False: 11 + SIGNATURE, True: 16 + SIGNATURE}  # by whether there is a link id
LONGEST = 64  # characters; anything longer is no token of ours
TRAP_LINK = 0
MOST_DELIVERY = 2**56 - 1
MOST_LINK = 2**40 - 1


class TokenKind(StrEnum):
    OPEN = "o"
    CLICK = "c"
    UNSUBSCRIBE = "u"
    VIEW = "v"
    BOUNCE = "b"


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. `link_id` is None unless the kind is CLICK."""

    kind: TokenKind
    delivery_id: int
    cause_month: date
    link_id: int | None = None


def open_url(delivery_id: int, cause_month: date) -> str:
    """Address of the open pixel of a delivery."""
    return f"{base()}/o/{make_token(TokenKind.OPEN, delivery_id, cause_month)}.gif"


def click_url(delivery_id: int, cause_month: date, link_id: int) -> str:
    """Tracked address of a link; `TRAP_LINK` for the hidden link that only machines follow."""
    return f"{base()}/c/{make_token(TokenKind.CLICK, delivery_id, cause_month, link_id)}"


def unsubscribe_url(delivery_id: int, cause_month: date) -> str:
    """Page of the recipient's choices, and the target of one-click unsubscribing (RFC 8058)."""
    return f"{base()}/u/{make_token(TokenKind.UNSUBSCRIBE, delivery_id, cause_month)}"


def view_url(delivery_id: int, cause_month: date) -> str:
    """The message as a page."""
    return f"{base()}/v/{make_token(TokenKind.VIEW, delivery_id, cause_month)}"


def bounce_address(delivery_id: int, cause_month: date, domain: str) -> str:
    """Envelope sender of a delivery, so that its bounce finds it however mangled (VERP)."""
    text = b32encode(_signed(TokenKind.BOUNCE, delivery_id, cause_month, None)).decode()
    return f"bounce+{text.rstrip('=').lower()}@{domain}"


def make_token(kind: TokenKind, delivery_id: int, cause_month: date, link_id: int | None = None) -> str:
    """The signed text; one HMAC.

    Raises:
        ValueError: an id that does not fit its bytes, or a link id where the kind has none.
    """
    return urlsafe_b64encode(_signed(kind, delivery_id, cause_month, link_id)).rstrip(b"=").decode()


def read_token(text: str, kind: TokenKind | None = None) -> Token | None:
    """What a token says; None when it is not ours, was changed, or is of another kind than `kind`."""
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        return None  # base64 decoders pass over stray characters: one token has one spelling
    return _read(raw, kind)


def read_bounce_address(address: str) -> Token | None:
    """The delivery a bounce address belongs to; None for any other address."""
    local = address.rpartition("@")[0]
    prefix, _, text = local.rpartition("+")
    if not prefix.lower().endswith("bounce") or len(text) > LONGEST:
        return None
    try:
        raw = b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return None
    return _read(raw, TokenKind.BOUNCE)


def base() -> str:
    """The address every link begins with, without a slash at its end."""
    return str(settings.CDP_PUBLIC_URL).rstrip("/")


def _signed(kind: TokenKind, delivery_id: int, cause_month: date, link_id: int | None) -> bytes:
    key_id, key = _keys(settings.SECRET_KEY, tuple(settings.CDP_LINK_SECRETS))[0]
    if (link_id is not None) != (kind is TokenKind.CLICK):
        raise ValueError(f"a token of kind {kind.name} {'needs a' if link_id is None else 'has no'} link id")
    if not 0 < delivery_id <= MOST_DELIVERY or not 0 <= (link_id or 0) <= MOST_LINK:
        raise ValueError(f"delivery {delivery_id} or link {link_id} is out of range")
    month = cause_month.year * 12 + cause_month.month - 1
    body = (
        bytes((VERSION << 4 | key_id, ord(kind.value)))
        + month.to_bytes(2, "big")
        + delivery_id.to_bytes(7, "big")
        + (b"" if link_id is None else link_id.to_bytes(5, "big"))
    )
    return body + hmac.digest(key, body, "sha256")[:SIGNATURE]


def _read(raw: bytes, wanted: TokenKind | None) -> Token | None:
    try:
        kind = TokenKind(chr(raw[1]))
    except (IndexError, ValueError):
        return None
    if len(raw) != LENGTHS[kind is TokenKind.CLICK] or raw[0] >> 4 != VERSION:
        return None
    key = dict(_keys(settings.SECRET_KEY, tuple(settings.CDP_LINK_SECRETS))).get(raw[0] & 15)
    body, signature = raw[:-SIGNATURE], raw[-SIGNATURE:]
    if key is None or not hmac.compare_digest(hmac.digest(key, body, "sha256")[:SIGNATURE], signature):
        return None
    if wanted is not None and kind is not wanted:
        return None
    year, month = divmod(int.from_bytes(body[2:4], "big"), 12)
    link_id = int.from_bytes(body[11:16], "big") if kind is TokenKind.CLICK else None
    return Token(kind, int.from_bytes(body[4:11], "big"), date(year, month + 1, 1), link_id)


@lru_cache(maxsize=4)
def _keys(secret_key: str, secrets: tuple[str, ...]) -> tuple[tuple[int, bytes], ...]:
    """Key ids and keys, the signing one first."""
    listed = [secret.partition(":") for secret in secrets]
    keys = [(int(key_id), _derived(text)) for key_id, _, text in listed]
    return (*keys, (0, _derived(secret_key)))


def _derived(secret: str) -> bytes:
    return hashlib.sha256(b"messaging.tracking.tokens\0" + secret.encode()).digest()
