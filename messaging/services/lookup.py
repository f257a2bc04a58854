"""Facts about deliveries for those who wait for them: workflow blocks, the API."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection

from messaging.models import ActivityKind, DeliveryState

FACTS = """
SELECT id, state, reason, sent_at, delivered_at, opened_at, clicked_at, unsubscribed_at, complained_at, failed_at
FROM messaging_delivery WHERE id = ANY(%s)
"""
CLICKS = """
SELECT delivery_id, link_id, url FROM messaging_activity
WHERE delivery_id = ANY(%s) AND kind = %s AND machine = '' ORDER BY at
"""


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """What is known of one delivery now; opened and clicked by a human, `clicks` as (link id, address) in order."""

    delivery_id: int
    state: str
    reason: str
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None
    failed_at: datetime | None
    clicks: tuple[tuple[int | None, str], ...] = ()

    @property
    def is_sent(self) -> bool:
        """The provider accepted it."""
        return self.state == DeliveryState.SENT


def delivery_facts(delivery_ids: Collection[int]) -> dict[int, DeliveryFacts]:
    """Facts by delivery id; ids that do not exist (any more) are missing from the result. Two queries."""
    ids = list(delivery_ids)
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(FACTS, [ids])
        rows = cursor.fetchall()
        clicked = [row[0] for row in rows if row[6] is not None]
        clicks: dict[int, list[tuple[int | None, str]]] = {}
        if clicked:
            cursor.execute(CLICKS, [clicked, ActivityKind.CLICKED])
            for delivery_id, link_id, url in cursor.fetchall():
                clicks.setdefault(delivery_id, []).append((link_id, url))
    return {row[0]: replace(DeliveryFacts(*row), clicks=tuple(clicks.get(row[0], ()))) for row in rows}
