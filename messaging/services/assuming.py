"""Deliveries that nothing was heard of: a server that only accepts mail never says that it arrived.

What an SMTP server accepted and nobody returned for 72 hours counts as delivered, marked *assumed*. Providers that report
deliveries by webhook are not second-guessed.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction

from messaging.models import ActivityKind
from messaging.services.activity import ActivityRow, record_activity

AFTER = timedelta(hours=72)
LOOK_BACK = timedelta(days=3)  # how long the calendar may have been away
BATCH = 2_000
ASSUMED = "assumed"
# Index messaging_activity_kind (kind, at, person_id), then the deliveries' primary key.
SILENT = """
SELECT d.id, d.cause_month, d.cause_kind, d.cause_id, d.contact_id, d.message_id, d.channel
FROM messaging_activity a
JOIN messaging_delivery d ON d.id = a.delivery_id AND d.cause_month = a.cause_month
JOIN messaging_connection c ON c.id = d.connection_id
WHERE a.kind = 'sent' AND a.at > %s AND a.at <= %s
  AND d.state = 'sent' AND d.delivered_at IS NULL AND d.failed_at IS NULL AND c.kind IN ('smtp', 'file')
ORDER BY a.at LIMIT %s
"""


def assume_delivered(*, now: datetime, limit: int = BATCH) -> int:
    """Record the oldest silent deliveries as delivered; returns how many. Repeats change nothing."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(SILENT, [now - AFTER - LOOK_BACK, now - AFTER, limit])
            found = cursor.fetchall()
        rows = [
            ActivityRow(
                delivery_id=row[0], cause_month=row[1], cause_kind=row[2], cause_id=row[3], person_id=row[4],
                message_id=row[5], channel=row[6], kind=ActivityKind.DELIVERED, at=now, reason=ASSUMED,
                source_key=ASSUMED,
            )
            for row in found
        ]  # fmt: skip
        record_activity(rows, now=now)
    return len(found)
