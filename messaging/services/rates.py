"""Rates: token buckets in database rows, shared by all workers."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from messaging.models import Connection

PERIODS = ((1, "per_second"), (60, "per_minute"), (3_600, "per_hour"), (86_400, "per_day"))
MAKE = """
INSERT INTO messaging_ratebucket (key, seconds, tokens, filled_at)
SELECT %s, s, t, %s FROM unnest(%s::int[], %s::float8[]) AS u (s, t) ORDER BY s
ON CONFLICT (key, seconds) DO NOTHING
"""
HOLD = """
SELECT seconds, tokens, filled_at FROM messaging_ratebucket WHERE key = %s AND seconds = ANY(%s)
ORDER BY seconds FOR UPDATE
"""
KEEP = """
UPDATE messaging_ratebucket b SET tokens = u.t, filled_at = %s
FROM unnest(%s::int[], %s::float8[]) AS u (s, t) WHERE b.key = %s AND b.seconds = u.s
"""


def limits_of(row: Connection) -> list[tuple[int, int]]:
    """(period in seconds, how many) of the limits that are set."""
    return [(seconds, getattr(row, name)) for seconds, name in PERIODS if getattr(row, name)]


def take_tokens(key: str, limits: Sequence[tuple[int, int]], wanted: int, *, now: datetime) -> int:
    """How many of `wanted` may go now; they are taken. An unlimited key gets all."""
    if not limits or wanted <= 0:
        return max(wanted, 0)
    most = dict(limits)
    periods = sorted(most)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(MAKE, [key, now, periods, [float(most[s]) for s in periods]])
        cursor.execute(HOLD, [key, periods])
        tokens: dict[int, float] = {}
        for seconds, left, filled_at in cursor.fetchall():
            elapsed = max((now - filled_at).total_seconds(), 0.0)
            tokens[seconds] = min(float(most[seconds]), left + elapsed * most[seconds] / seconds)
        granted = min(wanted, *(int(left + 1e-9) for left in tokens.values()))
        cursor.execute(KEEP, [now, periods, [tokens[s] - granted for s in periods], key])
    return granted


def give_back(key: str, limits: Sequence[tuple[int, int]], count: int, *, now: datetime) -> None:
    """Tokens that were taken and not used."""
    if count > 0 and limits:
        take = "UPDATE messaging_ratebucket SET tokens = tokens + %s WHERE key = %s AND seconds = ANY(%s) AND filled_at <= %s"
        with connection.cursor() as cursor:
            cursor.execute(take, [count, key, [seconds for seconds, _ in limits], now])
