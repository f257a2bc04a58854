"""Refused events, kept for the sender's sake: what was sent, which rule it broke. The newest ones only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from cdp.logging import mask
from events.models import RejectedEvent
from events.services.registry import current_types

LONGEST_BODY = 20 * 1024
COUNT = """
INSERT INTO events_typehour (event_type_id, hour, accepted, unmatched, rejected, quarantined)
VALUES (%s, date_trunc('hour', %s::timestamptz, 'UTC'), 0, 0, %s, 0)
ON CONFLICT (event_type_id, hour) DO UPDATE SET rejected = events_typehour.rejected + excluded.rejected
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused event; `type_key` is empty when the body could not be read so far."""

    received_at: datetime
    type_key: str
    code: str
    path: str
    message: str
    body: bytes
    actor: str


def keep_refusals(refusals: Sequence[Refusal], *, more: Mapping[str, int] | None = None) -> None:
    """Store refusals and count them with their types; a message is kept without the personal data it repeats.

    Args:
        more: how many else were refused, by event type key; they are counted only.
    """
    if not refusals:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        RejectedEvent.objects.bulk_create(
            RejectedEvent(
                received_at=one.received_at, event_type_key=_text(one.type_key)[:200], code=one.code[:40],
                path=_text(one.path)[:500], message=mask(_text(one.message))[:2_000],
                body=_text(one.body[:LONGEST_BODY].decode(errors="replace")), actor=one.actor,
            )
            for one in refusals
        )  # fmt: skip
        types = current_types()
        keys = Counter(one.type_key for one in refusals) + Counter(more or {})
        counts = {types[key].id: count for key, count in keys.items() if key in types}
        for type_id, count in sorted(counts.items()):
            cursor.execute(COUNT, [type_id, refusals[0].received_at, count])


def _text(text: str) -> str:
    """What a text column takes: no NUL and no lone surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()
