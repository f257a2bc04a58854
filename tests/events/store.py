"""Puts events straight into the store, for tests of what happens to them there."""

import uuid
from datetime import timedelta

from events.models import Event
from tests.contacts.people import NOW
from tests.events.inbox import event_type


def store_events(person_id, count, *, key="order", at=NOW):
    kind = event_type(key)
    Event.objects.bulk_create(
        [
            Event(
                id=uuid.uuid4(), person_id=person_id, event_type_id=kind.pk, event_at=at + timedelta(seconds=n),
                received_at=at, processed_at=at, seq=n, source="api", key_value=f"{person_id}-{n}",
            )
            for n in range(count)
        ]
    )  # fmt: skip
