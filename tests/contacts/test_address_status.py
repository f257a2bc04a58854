"""What becomes of an address: opt-outs, complaints, bounces, their history, and who is told."""

from datetime import UTC, datetime, timedelta

import pytest

from cdp.hooks import ContactsChanged, contacts_changed
from contacts.models import Address, AddressChange
from contacts.services.address_rules import AddressState, Signal, next_state
from contacts.services.addresses import (
    AddressSignal,
    apply_signals,
    blacklist_address,
    end_blocks,
    unblacklist_address,
    unsubscribe_address,
)
from contacts.services.upsert import Policy
from tests.contacts.people import someone, upsert

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
ANN = "e1@example.com"


def after(
    *signals: Signal, status: str = "active", apart: timedelta = timedelta(days=1), **state
) -> AddressState:
    found = AddressState(status, **state)
    for place, signal in enumerate(signals):
        found = next_state(found, signal, at=NOW + place * apart)
    return found


def signal(kind: Signal, value: str = ANN, *, at: datetime = NOW, **rest) -> AddressSignal:
    return AddressSignal("email", value, kind, at, **rest)


def test_it_works() -> None:
    [outcome] = upsert(someone("E1"))
    told: list[ContactsChanged] = []
    contacts_changed.connect(told.append)
    try:
        moved = apply_signals(
            [
                signal(
                    Signal.UNSUBSCRIBED,
                    reason="too often",
                    comment="really",
                    actor="contact",
                    person_id=outcome.contact_id,
                )
            ],
            now=NOW,
        )
    finally:
        contacts_changed.disconnect(told.append)
    assert moved == {("email", ANN): "unsubscribed"}
    row = Address.objects.get(value=ANN)
    assert (row.status, row.previous_status, row.reason, row.actor, row.status_at) == (
        "unsubscribed", "active", "too often", "contact", NOW,
    )  # fmt: skip
    [change] = AddressChange.objects.all()
    assert (change.signal, change.status_before, change.status_after, change.comment, change.person_id) == (
        "unsubscribed", "active", "unsubscribed", "really", outcome.contact_id,
    )  # fmt: skip
    assert [(batch.ids, batch.changes) for batch in told] == [
        ([outcome.contact_id], [frozenset({"address.email"})])
    ]


@pytest.mark.parametrize(
    ("status", "signal", "becomes"),
    [
        ("unconfirmed", Signal.CONFIRMED, "active"),
        ("active", Signal.UNSUBSCRIBED, "unsubscribed"),
        ("unconfirmed", Signal.UNSUBSCRIBED, "unsubscribed"),
        ("blacklisted", Signal.UNSUBSCRIBED, "unsubscribed"),
        ("spam", Signal.UNSUBSCRIBED, "spam"),
        ("unsubscribed", Signal.RESUBSCRIBED, "active"),
        ("spam", Signal.RESUBSCRIBED, "spam"),
        ("active", Signal.RESUBSCRIBED, "active"),
        ("active", Signal.COMPLAINED, "spam"),
        ("unsubscribed", Signal.COMPLAINED, "spam"),
        ("active", Signal.NO_SUCH_ADDRESS, "blacklisted"),
        ("unconfirmed", Signal.NO_SUCH_ADDRESS, "blacklisted"),
        ("unsubscribed", Signal.NO_SUCH_ADDRESS, "unsubscribed"),
        ("spam", Signal.BLACKLISTED, "spam"),
        ("active", Signal.MAILBOX_FULL, "blocked"),
        ("unsubscribed", Signal.MAILBOX_FULL, "unsubscribed"),
        ("active", Signal.ALIVE, "active"),
        ("blacklisted", Signal.EXCLUDED, "active"),
        ("active", Signal.EXCLUDED, "active"),
    ],
)
def test_one_signal(status: str, signal: Signal, becomes: str) -> None:
    assert after(signal, status=status).status == becomes


def test_mailbox_full_blocks_for_1_2_3_and_90_days_then_blacklists() -> None:
    state, days = AddressState("active"), []
    for step in range(4):
        at = NOW + timedelta(days=100 * step)
        state = next_state(state, Signal.MAILBOX_FULL, at=at)
        days.append((state.blocked_until - at).days)
        state = next_state(state, Signal.BLOCK_ENDED, at=state.blocked_until)
        assert state.status == "active"
    assert days == [1, 2, 3, 90]
    assert next_state(state, Signal.MAILBOX_FULL, at=NOW + timedelta(days=500)).status == "blacklisted"


def test_a_sign_of_life_takes_the_ladder_back_to_its_foot() -> None:
    state = after(Signal.MAILBOX_FULL, Signal.MAILBOX_FULL, Signal.MAILBOX_FULL, Signal.ALIVE)
    assert (state.soft_errors, state.status) == (0, "blocked")  # the block lasts until its end


def test_a_policy_bounce_takes_two_steps() -> None:
    state = next_state(AddressState("active"), Signal.MAILBOX_FULL, at=NOW, steps=2)
    assert (state.soft_errors, state.blocked_until) == (2, NOW + timedelta(days=2))


def test_temporary_failures_step_only_after_five_in_a_row_over_a_week() -> None:
    assert after(*[Signal.TEMPORARY] * 5).status == "active"
    assert after(*[Signal.TEMPORARY] * 8).status == "blocked"  # the eighth is seven days after the first
    assert after(*[Signal.TEMPORARY] * 4, apart=timedelta(days=7)).status == "active"
    assert (
        after(*[Signal.TEMPORARY] * 4, Signal.ALIVE, Signal.TEMPORARY, apart=timedelta(days=7)).failures == 1
    )


def test_a_domain_that_is_missing_twice_a_day_apart_blacklists() -> None:
    assert after(*[Signal.NO_SUCH_DOMAIN] * 3, apart=timedelta(hours=11)).status == "active"
    assert after(*[Signal.NO_SUCH_DOMAIN] * 2, apart=timedelta(hours=24)).status == "blacklisted"
    assert after(Signal.NO_SUCH_DOMAIN, Signal.ALIVE, Signal.NO_SUCH_DOMAIN).status == "active"


def test_an_opt_out_hides_but_never_forgets_the_blacklist() -> None:
    state = after(Signal.UNSUBSCRIBED, Signal.NO_SUCH_ADDRESS)
    assert (state.status, state.is_blacklisted) == ("unsubscribed", True)
    assert next_state(state, Signal.RESUBSCRIBED, at=NOW).status == "blacklisted"


def test_an_unconfirmed_address_is_unconfirmed_again_after_a_block() -> None:
    state = after(Signal.MAILBOX_FULL, status="unconfirmed")
    assert next_state(state, Signal.BLOCK_ENDED, at=NOW + timedelta(days=2)).status == "unconfirmed"
    assert next_state(state, Signal.BLOCK_ENDED, at=NOW).status == "blocked"


def test_repeats_change_nothing_and_leave_no_trace() -> None:
    upsert(someone("E1"))
    batch = [signal(Signal.COMPLAINED), signal(Signal.COMPLAINED)]
    assert apply_signals(batch, now=NOW) == {("email", ANN): "spam"}
    assert apply_signals(batch, now=NOW) == {}
    assert AddressChange.objects.count() == 1


def test_signals_of_a_batch_count_in_the_order_of_their_times() -> None:
    upsert(someone("E1"))
    later = signal(Signal.RESUBSCRIBED, at=NOW + timedelta(minutes=1))
    assert apply_signals([later, signal(Signal.UNSUBSCRIBED)], now=NOW) == {}
    assert Address.objects.get(value=ANN).status == "active"
    assert [row.signal for row in AddressChange.objects.order_by("at")] == ["unsubscribed", "resubscribed"]


def test_every_holder_is_told_and_unknown_addresses_are_passed_over() -> None:
    first, second = upsert(someone("X1", "E1"), someone("X2", "E2"))
    told: list[ContactsChanged] = []
    contacts_changed.connect(told.append)
    try:
        apply_signals([signal(Signal.COMPLAINED, f"e{n}@example.com") for n in (1, 2, 3)], now=NOW)
    finally:
        contacts_changed.disconnect(told.append)
    assert [sorted(batch.ids) for batch in told] == [sorted([first.contact_id, second.contact_id])]


def test_the_number_of_statements_does_not_grow_with_the_batch(django_assert_num_queries) -> None:
    upsert(*[someone(f"E{n}") for n in range(50)])
    with django_assert_num_queries(6):  # with the savepoint's two
        apply_signals([signal(Signal.MAILBOX_FULL, f"e{n}@example.com") for n in range(50)], now=NOW)
    assert Address.objects.filter(status="blocked").count() == 50


def test_a_sign_of_life_reads_only_addresses_with_errors(django_assert_num_queries) -> None:
    upsert(someone("E1"))
    with django_assert_num_queries(3):
        apply_signals([signal(Signal.ALIVE)], now=NOW)


def test_blocks_end_by_the_calendar() -> None:
    upsert(someone("E1"))
    apply_signals([signal(Signal.MAILBOX_FULL)], now=NOW)
    assert end_blocks(now=NOW + timedelta(hours=23)) == 0
    assert end_blocks(now=NOW + timedelta(days=1)) == 1
    assert Address.objects.get(value=ANN).status == "active"


def test_what_colleagues_may_do() -> None:
    upsert(someone("E1"), policy=Policy.SUBSCRIBE)
    asked = {"kind": "email", "value": ANN, "actor": "kim", "now": NOW}
    assert blacklist_address(**asked, reason="asked us")
    assert unblacklist_address(**asked)
    assert Address.objects.get(value=ANN).status == "unconfirmed"
    assert unsubscribe_address(**asked, reason="phoned")
    assert not unsubscribe_address(**asked, reason="phoned")
    assert not unblacklist_address(**asked)
    assert Address.objects.get(value=ANN).status == "unsubscribed"
