"""Partitions are made ahead and dropped when their retention has passed; idempotency keys are forgotten."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from cdp.models import Account
from events.models import DedupKey, RejectedEvent
from events.services.upkeep import REJECTED_KEPT, forget_old_intake, keep_partitions
from tests.events.inbox import event_type

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 5, 15, tzinfo=UTC)


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events_event'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


def test_months_are_made_ahead_and_dropped_after_the_retention():
    Account.objects.update(event_retention_days=60)
    keep_partitions(now=NOW)
    assert partitions() == {f"events_event_2030{month:02d}" for month in range(3, 9)}


def test_the_longest_retention_of_a_type_counts():
    Account.objects.update(event_retention_days=60)
    event_type("Order", retention_days=120)
    keep_partitions(now=NOW)
    assert "events_event_203001" in partitions()


def test_repeating_changes_nothing(capsys):
    keep_partitions(now=datetime.now(UTC))
    call_command("partitions", "--json")
    assert json.loads(capsys.readouterr().out) == {"made": [], "dropped": []}


def test_keys_are_forgotten_after_their_window():
    for hours in (1, 71, 73):
        DedupKey.objects.create(
            digest=bytes([hours]), event_id=f"{hours:032d}", received_at=NOW - timedelta(hours=hours)
        )
    assert forget_old_intake(now=NOW) == 1
    assert DedupKey.objects.count() == 2


def test_only_the_newest_refused_requests_stay():
    RejectedEvent.objects.bulk_create(
        RejectedEvent(received_at=NOW, code="x", message="m", body="") for _ in range(REJECTED_KEPT + 5)
    )
    forget_old_intake(now=NOW)
    assert RejectedEvent.objects.count() == REJECTED_KEPT
