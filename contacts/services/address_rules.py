"""The address status machine (contacts document 7.2), pure: a state and a signal give the next state."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from contacts.models import AddressStatus

BLOCKED_DAYS = (1, 2, 3, 90)  # for the 1st to 4th "mailbox full or inactive"; one more blacklists
FAILURES_A_STEP = 5  # temporary failures in a row
DOMAIN_HOURS = 24  # a domain that is missing again so much later does not come back
FAILING_DAYS = 7  # over at least so long, that make one step of the ladder


class Signal(StrEnum):
    """What was learnt of an address, or what somebody did to it."""

    UNSUBSCRIBED = "unsubscribed"  # by the contact, a colleague, the API
    RESUBSCRIBED = "resubscribed"  # by the contact's own act only
    CONFIRMED = "confirmed"  # double opt-in
    COMPLAINED = "complained"
    NO_SUCH_ADDRESS = "no_such_address"  # hard bounce
    NO_SUCH_DOMAIN = "no_such_domain"  # hard when it is so again a day later
    MAILBOX_FULL = "mailbox_full"  # full or inactive: steps on the ladder
    TEMPORARY = "temporary"  # other failures: a step after several in a row
    ALIVE = "alive"  # delivered, or a human opened or clicked
    BLACKLISTED = "blacklisted"  # by an admin
    EXCLUDED = "excluded"  # from the blacklist, by an admin
    BLOCK_ENDED = "block_ended"  # the time of a block is over


@dataclass(frozen=True, slots=True)
class AddressState:
    """The columns of `Address` that the machine reads and writes.

    `is_blacklisted` is remembered beside `status`, because an opt-out is shown before it and yet transactional mail,
    which passes over opt-outs, must never go to such an address.
    """

    status: str
    previous_status: str = ""
    is_blacklisted: bool = False
    blocked_until: datetime | None = None
    soft_errors: int = 0
    failures: int = 0
    failing_since: datetime | None = None


def next_state(state: AddressState, signal: Signal, *, at: datetime, steps: int = 1) -> AddressState:
    """The state after a signal; the same object when nothing changes."""
    match signal:
        case Signal.UNSUBSCRIBED:
            return state if state.status == AddressStatus.SPAM else _to(state, AddressStatus.UNSUBSCRIBED)
        case Signal.COMPLAINED:
            return _to(state, AddressStatus.SPAM)
        case Signal.RESUBSCRIBED:
            return _back(state, at) if state.status == AddressStatus.UNSUBSCRIBED else state
        case Signal.CONFIRMED:
            return _confirmed(state)
        case Signal.NO_SUCH_ADDRESS | Signal.BLACKLISTED:
            return _blacklisted(state)
        case Signal.NO_SUCH_DOMAIN:
            return _without_domain(state, at)
        case Signal.EXCLUDED:
            return _excluded(state)
        case Signal.MAILBOX_FULL:
            return _stepped(state, at, steps)
        case Signal.TEMPORARY:
            return _failed(state, at)
        case Signal.ALIVE:
            if state.soft_errors or state.failures:
                return replace(state, soft_errors=0, failures=0, failing_since=None)
            return state
        case Signal.BLOCK_ENDED:
            if state.blocked_until is None or state.blocked_until > at:
                return state
            state = replace(state, blocked_until=None)
            return _back(state, at) if state.status == AddressStatus.BLOCKED else state


def _opted_out(state: AddressState) -> bool:
    return state.status in (AddressStatus.SPAM, AddressStatus.UNSUBSCRIBED)


def _to(state: AddressState, status: str) -> AddressState:
    if state.status == status:
        return state
    return replace(state, status=status, previous_status=state.status)


def _back(state: AddressState, at: datetime) -> AddressState:
    """What the address is without the reason that just went: the next strongest one that still holds."""
    if state.is_blacklisted:
        return _to(state, AddressStatus.BLACKLISTED)
    if state.blocked_until is not None and state.blocked_until > at:
        return _to(state, AddressStatus.BLOCKED)
    was_unconfirmed = (
        state.previous_status == AddressStatus.UNCONFIRMED and state.status != AddressStatus.UNSUBSCRIBED
    )
    return _to(state, AddressStatus.UNCONFIRMED if was_unconfirmed else AddressStatus.ACTIVE)


def _confirmed(state: AddressState) -> AddressState:
    if state.status == AddressStatus.UNCONFIRMED:
        return _to(state, AddressStatus.ACTIVE)
    if state.previous_status == AddressStatus.UNCONFIRMED:
        return replace(state, previous_status=AddressStatus.ACTIVE)
    return state


def _blacklisted(state: AddressState) -> AddressState:
    if state.is_blacklisted:
        return state
    state = replace(state, is_blacklisted=True)
    return state if _opted_out(state) else _to(state, AddressStatus.BLACKLISTED)


def _excluded(state: AddressState) -> AddressState:
    if not state.is_blacklisted and state.status != AddressStatus.BLACKLISTED:
        return state
    state = replace(state, is_blacklisted=False, soft_errors=0, failures=0, failing_since=None)
    if state.status != AddressStatus.BLACKLISTED:
        return state
    previous = state.previous_status
    known = previous and previous not in (AddressStatus.BLACKLISTED, AddressStatus.BLOCKED)
    return _to(state, previous if known else AddressStatus.ACTIVE)


def _stepped(state: AddressState, at: datetime, steps: int) -> AddressState:
    errors = state.soft_errors + steps
    state = replace(state, soft_errors=errors, failures=0, failing_since=None)
    if errors > len(BLOCKED_DAYS):
        return _blacklisted(state)
    until = at + timedelta(days=BLOCKED_DAYS[errors - 1])
    state = replace(state, blocked_until=max(until, state.blocked_until or until))
    if _opted_out(state) or state.status == AddressStatus.BLACKLISTED:
        return state
    return _to(state, AddressStatus.BLOCKED)


def _failed(state: AddressState, at: datetime) -> AddressState:
    since = state.failing_since or at
    failures = state.failures + 1
    if failures >= FAILURES_A_STEP and at - since >= timedelta(days=FAILING_DAYS):
        return _stepped(state, at, 1)
    return replace(state, failures=failures, failing_since=since)


def _without_domain(state: AddressState, at: datetime) -> AddressState:
    if state.failing_since is not None and at - state.failing_since >= timedelta(hours=DOMAIN_HOURS):
        return _blacklisted(state)
    return replace(state, failures=state.failures + 1, failing_since=state.failing_since or at)
