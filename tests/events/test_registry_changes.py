"""Intake checks events by the registry it last read, and writes them only while that one stands."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from cdp.api.errors import Refused
from events.intake import accept
from events.intake.accept import MOST_ATTEMPTS, accept_many
from events.intake.reading import CheckedEvent
from events.models import EventParameter, EventType, InboxEvent
from events.services import registry
from events.services.registry import bump_version, forget_cache

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _known_type():
    forget_cache()
    EventType.objects.create(key="Paid", name="Paid", created_at=NOW)
    bump_version()
    assert statuses(paid()) == ["accepted"]  # the registry is in memory now
    yield
    forget_cache()


def paid(event_id=None, **params) -> CheckedEvent:
    return CheckedEvent("Paid", "k", params, None, None, event_id)


def statuses(*events) -> list[str]:
    return [verdict.status for verdict in accept_many(events, actor="shop", now=NOW)]


def set_strictness(mode: str) -> None:
    """As another process does: this one's memory does not change."""
    EventType.objects.filter(key="Paid").update(validation_mode=mode)
    bump_version()


def test_known_types_cost_one_statement(django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(accept, "RULES_SECONDS", 600.0)  # the account's rules are read by the clock, too
    accept.account_rules()
    with django_assert_num_queries(1):
        assert statuses(*(paid(f"e{number}") for number in range(50))) == ["accepted"] * 50


@pytest.mark.parametrize("event_id", [None, "e1"])
def test_a_type_made_strict_elsewhere_counts_at_once(event_id):
    EventParameter.objects.create(
        event_type=EventType.objects.get(key="Paid"), name="orderId", type="string", is_required=True
    )
    set_strictness("strict")
    assert statuses(paid(event_id), paid(event_id, orderId="7")) == ["rejected", "accepted"]
    assert [event.params for event in InboxEvent.objects.order_by("id")] == [{}, {"orderId": "7"}]


def test_nobody_is_refused_by_an_old_registry():
    EventParameter.objects.create(
        event_type=EventType.objects.get(key="Paid"), name="orderId", type="string", is_required=True
    )
    set_strictness("strict")
    assert statuses(paid()) == ["rejected"]
    set_strictness("off")
    assert statuses(paid()) == ["accepted"]


def test_repeats_are_told_from_a_changed_registry():
    assert statuses(paid("e1")) == ["accepted"]
    set_strictness("off")
    assert statuses(paid("e1"), paid("e1")) == ["duplicate", "duplicate"]
    assert InboxEvent.objects.count() == 2


def test_types_of_a_transaction_that_failed_are_not_remembered():
    with transaction.atomic():
        accept_many([CheckedEvent("New", "k", {}, None, None, None)], actor="shop", now=NOW)
        transaction.set_rollback(True)
    EventType.objects.create(key="Other", name="Other", created_at=NOW)
    bump_version()  # the next version after the one that failed
    [verdict] = accept_many([CheckedEvent("New", "k", {}, None, None, None)], actor="shop", now=NOW)
    assert verdict.status == "accepted"
    assert InboxEvent.objects.get(pk=verdict.inbox_id).event_type_id == EventType.objects.get(key="New").pk


def test_a_registry_that_changes_all_the_time_stops_nobody(monkeypatch):
    checks = []
    checked = accept._checked

    def check_and_change(*arguments, **named):
        found = checked(*arguments, **named)
        checks.append(found)
        bump_version()
        return found

    monkeypatch.setattr(accept, "_checked", check_and_change)
    assert statuses(paid(), paid("e1")) == ["accepted", "accepted"]
    assert len(checks) == MOST_ATTEMPTS
    assert InboxEvent.objects.count() == 3


def test_a_batch_that_fails_for_its_data_is_written_by_the_current_registry(monkeypatch):
    """Row by row, and not by a registry that changed meanwhile."""
    asked = []
    stored = registry.stored_version
    monkeypatch.setattr("events.intake.inbox.stored_version", lambda: asked.append(1) or stored())
    bad = paid(name="\0")  # no reader lets it pass; the database does not either
    assert statuses(paid(), bad, paid()) == ["accepted", "rejected", "accepted"]
    assert asked
    assert isinstance(accept_many([bad], actor="shop", now=NOW)[0].refusal, Refused)
