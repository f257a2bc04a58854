"""Partitions are made ahead and dropped when their retention has passed; idempotency keys are forgotten."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from cdp.models import Account
from cdp.services import save_account
from events.models import DedupKey, Event, EventType, RejectedEvent
from events.partitions import partition_name
from events.services.types import create_event_type, edit_event_type
from events.services.upkeep import REJECTED_KEPT, drop_expired_events, forget_old_intake, keep_partitions
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


def test_a_month_made_later_is_like_the_others(django_assert_num_queries):
    keep_partitions(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT tablename), count(*) FROM pg_indexes WHERE tablename ~ '^events_event_20'"
            " AND indexdef ~ 'event_type_id, event_at, id|UNIQUE.*person_id, event_at, id|\\(id\\)|key_value, event_at'"
        )
        tables, indexes = cursor.fetchone()
    assert tables == len(partitions())
    assert indexes == 4 * tables


@pytest.mark.parametrize("days", [36_500, 2**31 - 1])
def test_an_endless_retention(days):
    Account.objects.update(event_retention_days=days)
    keep_partitions(now=datetime(2000, 9, 1, tzinfo=UTC))
    assert min(partitions()) == "events_event_200001"


def test_a_longer_retention_has_its_months_at_once(client, django_user_model):
    Account.objects.update(event_retention_days=60)
    keep_partitions(now=datetime.now(UTC))
    client.force_login(django_user_model.objects.create_superuser("ann", "ann@example.com", "x"))
    page = client.get("/admin/cdp/account/1/change/")
    form = page.context["adminform"].form
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    values |= {"event_retention_days": 400, "blocked_identifiers": "[]"}
    reply = client.post("/admin/cdp/account/1/change/", values)
    assert reply.status_code == 302, reply.context and reply.context["adminform"].form.errors
    assert partition_name(datetime.now(UTC) - timedelta(days=400)) in partitions()


def test_a_longer_retention_of_a_type_has_its_months_at_once():
    Account.objects.update(event_retention_days=60)
    keep_partitions(now=NOW)
    made = create_event_type(key="Order", values={"name": "Order"}, use_for_segmentation=False, now=NOW)
    edit_event_type(made.pk, values={"retention_days": 120}, use_for_segmentation=False, now=NOW)
    assert "events_event_203001" in partitions()


def test_a_shorter_retention_drops_nothing_at_once():
    before = partitions()
    Account.objects.update(event_retention_days=1)
    account = Account.objects.get()
    save_account(account, now=datetime.now(UTC))
    assert partitions() >= before


def kept() -> list[tuple[str, int]]:
    """(type, age in days) of the stored events."""
    names = dict(EventType.objects.values_list("pk", "key"))
    return sorted(
        (names[type_id], (NOW - at).days)
        for type_id, at in Event.objects.values_list("event_type_id", "event_at")
    )


def test_each_type_keeps_its_own_term():
    Account.objects.update(event_retention_days=60)
    kinds = [
        event_type(name, retention_days=days) for name, days in (("View", 7), ("Seen", None), ("Order", 120))
    ]
    keep_partitions(now=NOW)
    for kind in kinds:
        for age in (1, 8, 59, 61, 119, 121):
            past(kind, age)
    for _ in range(10):
        past(event_type("View"), 30)
    wanted = [("Order", 1), ("Order", 8), ("Order", 59), ("Order", 61), ("Order", 119), ("Seen", 1), ("Seen", 8),
              ("Seen", 59), ("View", 1)]  # fmt: skip
    before = Event.objects.count()
    assert drop_expired_events(now=NOW, most=4, batch=3) == 4
    assert Event.objects.count() == before - 4
    assert drop_expired_events(now=NOW, batch=3) == before - 4 - len(wanted)
    assert kept() == wanted
    assert drop_expired_events(now=NOW) == 0


def past(kind: EventType, days: int) -> None:
    moment = NOW - timedelta(days=days)
    Event.objects.create(
        id=uuid.uuid4(), event_type_id=kind.pk, event_at=moment, received_at=moment, processed_at=moment, seq=1,
        source="api", key_value="k",
    )  # fmt: skip


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
