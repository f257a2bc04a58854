"""The guard against repeated requests: the same key, method, address and body within a minute (API document, 4)."""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from cdp.api.errors import Refused
from partners.credentials import Principal
from partners.models import RequestFingerprint

WINDOW = timedelta(seconds=60)
CLAIM = """
INSERT INTO partners_requestfingerprint (digest, seen_at) VALUES (%s, %s)
ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at WHERE partners_requestfingerprint.seen_at <= %s
RETURNING 1
"""


def refuse_repeat(principal: Principal, *, method: str, url: str, body: bytes, now: datetime) -> None:
    """Remember a request; call it in the transaction that does its work, so that a failed one may be sent again.

    A concurrent twin waits here for the first one's end.

    Raises:
        Refused: 409, the same request was done within the last minute.
    """
    if not settings.API_DUPLICATE_GUARD:
        return
    who = f"{principal.id}:{principal.name}:{method}:{url}:".encode()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [hashlib.sha256(who + body).digest(), now, now - WINDOW])
        if cursor.fetchone() is None:
            raise Refused(409, "duplicate", "Duplicated request")


def forget_fingerprints(*, now: datetime) -> int:
    """Delete what no request can repeat any more; returns how many."""
    return RequestFingerprint.objects.filter(seen_at__lte=now - WINDOW).delete()[0]
