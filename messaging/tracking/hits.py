"""Reads hits from requests and appends them to the queue table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import ip_address
from typing import Any

from django.db import connection, transaction

from cdp.bell import ring
from messaging.models import HitSignal
from messaging.tracking.tokens import Token

LONGEST_AGENT = 512
PREFETCHES = ("prefetch", "prerender", "preview")
STORE = """
INSERT INTO messaging_hit (at, kind, delivery_id, cause_month, link_id, url, user_agent, address, signals, machine)
SELECT *, '' FROM unnest(%s::timestamptz[], %s::text[], %s::bigint[], %s::date[], %s::bigint[], %s::text[], %s::text[],
                         %s::inet[], %s::smallint[])
"""


@dataclass(frozen=True, slots=True)
class NewHit:
    """A request for a link, with what classification needs of it."""

    at: datetime
    kind: str
    delivery_id: int
    cause_month: date
    link_id: int | None
    url: str
    user_agent: str
    address: str | None
    signals: int


def read_hit(
    token: Token,
    headers: Mapping[str, str],
    *,
    method: str,
    address: str | None,
    now: datetime,
    url: str = "",
) -> NewHit:
    """A hit from a request; `headers` by lower-case names."""
    signals = 0
    if method == "HEAD":
        signals |= HitSignal.HEAD
    purpose = " ".join(headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    if any(word in purpose.lower() for word in PREFETCHES):
        signals |= HitSignal.PREFETCH
    if not headers.get("accept-language", "").strip():
        signals |= HitSignal.NO_LANGUAGE
    return NewHit(
        at=now, kind=token.kind.value, delivery_id=token.delivery_id, cause_month=token.cause_month,
        link_id=token.link_id, url=url, user_agent=storable(headers.get("user-agent", ""))[:LONGEST_AGENT],
        address=read_address(headers.get("x-forwarded-for", ""), address), signals=signals,
    )  # fmt: skip


def wants_no_tracking(headers: Mapping[str, str]) -> bool:
    """Whether the reader's software asks not to be tracked (Global Privacy Control): opens are then not stored."""
    return headers.get("sec-gpc", "").strip() == "1"


def read_address(forwarded: str, peer: str | None) -> str | None:
    """The client's address: the last one a proxy on this machine or in a private network added, else the peer's."""
    peer_address = _parsed(peer)
    if forwarded and (peer_address is None or ip_address(peer_address).is_private):
        return _parsed(forwarded.rpartition(",")[2]) or peer_address
    return peer_address


def store_hits(hits: Sequence[NewHit]) -> None:
    """Append hits in one statement, and wake the engine after the commit."""
    columns: list[list[Any]] = [
        [hit.at for hit in hits], [hit.kind for hit in hits], [hit.delivery_id for hit in hits],
        [hit.cause_month for hit in hits], [hit.link_id for hit in hits], [hit.url for hit in hits],
        [hit.user_agent for hit in hits], [hit.address for hit in hits], [hit.signals for hit in hits],
    ]  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(STORE, columns)
        transaction.on_commit(lambda: ring("message_hits"))


def _parsed(text: str | None) -> str | None:
    try:
        return str(ip_address((text or "").strip()))
    except ValueError:
        return None


def storable(text: str) -> str:
    """Without what PostgreSQL cannot hold: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
