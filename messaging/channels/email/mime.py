"""Encodes an e-mail: headers that many share are encoded once, the rest is put together from bytes."""

import base64
import binascii
import functools
import secrets
from datetime import datetime
from email.utils import format_datetime

from messaging.channels.interface import Parcel

CRLF = b"\r\n"
ENCODED_BYTES = 45  # of text in one encoded word: 60 characters of base64, a word of at most 75
BOUNDARY = b"=_" + secrets.token_hex(12).encode()  # quoted-printable never holds "=_"
FORBIDDEN = {chr(code) for code in range(33)} | set("<>\x7f")
SPECIALS = set('()<>[]:;@\\,."')


def encode_text(text: str, *, first: int = 0) -> str:
    """A header text by RFC 2047; plain ASCII that fits a line stays as it is.

    Args:
        first: characters the header's name takes on the first line.
    """
    text = " ".join(text.split())
    if text.isascii() and text.isprintable() and len(text) + first <= 900 and "=?" not in text:
        return text if len(text) + first <= 76 else "\r\n ".join(_folded(text, first))
    words = []
    chunk = b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > ENCODED_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words)


def _folded(text: str, first: int) -> list[str]:
    lines: list[str] = []
    line = ""
    room = 76 - first
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, 75
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def encode_mailbox(name: str, address: str) -> str:
    """`"Name" <address>`; the address alone without a name."""
    name = " ".join(name.split())
    if not name:
        return address
    if name.isascii() and name.isprintable() and len(name) < 60 and "=?" not in name:
        if SPECIALS & set(name):
            name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{name} <{address}>"
    return f"{encode_text(name)}\r\n <{address}>" if len(name) > 10 else f"{encode_text(name)} <{address}>"


def ascii_address(address: str) -> str:
    """The address with its domain in ASCII.

    Raises:
        ValueError: the part before the @ is not ASCII, or the domain cannot be encoded.
    """
    if FORBIDDEN & set(address):
        raise ValueError("the address has a blank, a bracket or a control character")
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise ValueError("the address has letters outside ASCII before its @")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError as error:
        raise ValueError(f"the domain {domain!r} cannot be encoded") from error


@functools.lru_cache(maxsize=512)
def _shared(
    sender_name: str, sender_address: str, reply_to: str, headers: tuple[tuple[str, str], ...]
) -> bytes:
    lines = [f"From: {encode_mailbox(sender_name, sender_address)}"]
    if reply_to:
        lines.append(f"Reply-To: {reply_to}")
    lines += [f"{name}: {encode_text(value, first=len(name) + 2)}" for name, value in headers]
    lines += [
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY.decode()}"',
    ]
    return "\r\n".join(lines).encode() + CRLF


@functools.lru_cache(maxsize=64)
def _date(moment: datetime) -> bytes:
    return format_datetime(moment.replace(microsecond=0)).encode()


def _part(subtype: bytes, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    body = binascii.b2a_qp(lines, istext=True).replace(b"\n", CRLF)
    return (
        b"--" + BOUNDARY + b"\r\nContent-Type: text/" + subtype + b'; charset="utf-8"\r\n'
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + body + CRLF
    )


def encode(parcel: Parcel, *, now: datetime) -> bytes:
    """The whole message, lines ended by CRLF, not yet dot-stuffed.

    Raises:
        ValueError: an address that cannot stand in a header.
    """
    own = [
        f"To: {encode_mailbox(parcel.to_name, ascii_address(parcel.to_address))}",
        f"Subject: {encode_text(parcel.subject, first=9)}",
        f"Message-ID: {parcel.message_id}",
        *(f"{name}: {value}" for name, value in parcel.own_headers.items()),
    ]
    shared = _shared(
        parcel.sender_name,
        ascii_address(parcel.sender_address),
        parcel.reply_to,
        tuple(parcel.headers.items()),
    )
    return b"".join(
        (
            b"Date: ", _date(now.replace(microsecond=0)), CRLF, shared, "\r\n".join(own).encode(), CRLF, CRLF,
            _part(b"plain", parcel.text), _part(b"html", parcel.html), b"--", BOUNDARY, b"--\r\n",
        )
    )  # fmt: skip
