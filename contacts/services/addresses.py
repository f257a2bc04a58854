"""Signals about addresses: the one door through which an address' status changes, with history and announcement."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from cdp.hooks import ContactsChanged, contacts_changed
from contacts.services.address_rules import AddressState, Signal, next_state

STATE = """
status, previous_status, is_blacklisted, blocked_until, soft_errors, failures, failing_since, last_failure_at
"""
# Locked in sorted order, as upserts do. A sign of life matters only to addresses with errors.
LOCK = f"""
SELECT a.id, a.kind, a.value, {STATE} FROM contacts_address a
JOIN unnest(%s::text[], %s::text[], %s::bool[]) AS w (kind, value, always) ON a.kind = w.kind AND a.value = w.value
WHERE w.always OR a.soft_errors > 0 OR a.failures > 0
ORDER BY a.kind, a.value FOR UPDATE OF a
"""
UPDATE = """
UPDATE contacts_address a SET status = u.status, previous_status = u.previous_status, is_blacklisted = u.is_blacklisted,
    blocked_until = u.blocked_until, soft_errors = u.soft_errors, failures = u.failures, failing_since = u.failing_since,
    last_failure_at = u.last_failure_at,
    status_at = CASE WHEN u.moved THEN u.at ELSE a.status_at END,
    reason = CASE WHEN u.moved THEN u.reason ELSE a.reason END,
    actor = CASE WHEN u.moved THEN u.actor ELSE a.actor END
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bool[], %s::timestamptz[], %s::smallint[], %s::smallint[],
            %s::timestamptz[], %s::timestamptz[], %s::bool[], %s::timestamptz[], %s::text[], %s::text[])
    AS u (id, status, previous_status, is_blacklisted, blocked_until, soft_errors, failures, failing_since,
          last_failure_at, moved, at, reason, actor)
WHERE a.id = u.id
"""
KEEP_HISTORY = """
INSERT INTO contacts_addresschange (at, kind, value, person_id, signal, status_before, status_after, reason, comment, actor,
                                    details)
SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[],
                     %s::text[], %s::text[], %s::text[], %s::jsonb[])
"""
HOLDERS = """
WITH w AS (SELECT * FROM unnest(%s::text[], %s::text[]) AS w (kind, value))
SELECT c.id, 'address.email' FROM w JOIN contacts_contact c ON c.email_norm = w.value WHERE w.kind = 'email'
UNION SELECT c.id, 'address.phone' FROM w JOIN contacts_contact c ON c.phone = w.value WHERE w.kind = 'phone'
UNION SELECT c.id, 'address.key' FROM w JOIN contacts_contact c ON c.contact_key = w.value WHERE w.kind = 'key'
"""
ENDED = """
SELECT kind, value FROM contacts_address WHERE status = 'blocked' AND blocked_until <= %s ORDER BY kind, value LIMIT %s
"""
QUIET = frozenset({Signal.ALIVE, Signal.BLOCK_ENDED})  # kept in the history only when the status changes


@dataclass(frozen=True, slots=True)
class AddressSignal:
    """One thing learnt of an address.

    Attributes:
        steps: for MAILBOX_FULL, how far down the ladder.
        person_id: the contact through whom it was learnt; 0 when nobody in particular.
        details: what the history keeps besides: delivery, message, network, program.
    """

    kind: str
    value: str
    signal: Signal
    at: datetime
    reason: str = ""
    comment: str = ""
    actor: str = ""
    steps: int = 1
    person_id: int = 0
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    id: int
    before: AddressState
    state: AddressState
    last: AddressSignal | None = None  # the one that set the status


def apply_signals(signals: Sequence[AddressSignal], *, now: datetime) -> dict[tuple[str, str], str]:
    """Apply signals in the order of their times; returns the new status of each address that moved: in status, or on
    or off the blacklist behind an opt-out.

    Addresses that do not exist are passed over; signals that change nothing leave no trace, so a repeat is harmless. The
    change is announced for every contact that holds the address (`announce_holders`). Four statements, whatever the number.
    """
    wanted: dict[tuple[str, str], bool] = defaultdict(bool)
    for signal in signals:
        wanted[(signal.kind, signal.value)] |= signal.signal is not Signal.ALIVE
    if not wanted:
        return {}
    order = sorted(wanted)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            LOCK, [[kind for kind, _ in order], [value for _, value in order], [wanted[key] for key in order]]
        )
        rows = {}
        for found in cursor.fetchall():
            state = AddressState(*found[3:])
            rows[(found[1], found[2])] = _Row(found[0], state, state)
        history = _walk(rows, sorted(signals, key=lambda signal: signal.at))
        changed = {key: row for key, row in rows.items() if row.state != row.before}
        if changed:
            _write(cursor, list(changed.values()), now)
        if history:
            _keep_history(cursor, history)
        moved = {
            key: row.state.status
            for key, row in changed.items()
            if (row.state.status, row.state.is_blacklisted) != (row.before.status, row.before.is_blacklisted)
        }
        if moved:
            announce_holders(list(moved), now=now)
    return moved


def announce_holders(addresses: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """Tell that the state of addresses, as (kind, value), changed: `contacts_changed` for everybody who has one.

    The word is `address.email`, `address.phone` or `address.key`. Whoever writes a status calls this in its transaction.
    """
    if not addresses or not contacts_changed.is_connected:
        return
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS, [[kind for kind, _ in addresses], [value for _, value in addresses]])
        words: dict[int, set[str]] = {}
        for contact_id, word in cursor.fetchall():
            words.setdefault(contact_id, set()).add(word)
    if words:
        changes = [frozenset(found) for found in words.values()]
        contacts_changed.send(
            ContactsChanged(ids=list(words), results=["updated"] * len(words), changes=changes, now=now)
        )


def end_blocks(*, now: datetime, limit: int = 5_000) -> int:
    """Take back blocks whose time is over, at most `limit`; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ENDED, [now, limit])
        found = cursor.fetchall()
        signals = [
            AddressSignal(kind, value, Signal.BLOCK_ENDED, now, actor="calendar") for kind, value in found
        ]
        return len(apply_signals(signals, now=now))


def unsubscribe_address(
    *, kind: str, value: str, reason: str, actor: str, now: datetime, person_id: int = 0
) -> bool:
    """Stop bulk messages to an address; only its owner can take that back. Tells whether anything changed."""
    return _one(
        AddressSignal(kind, value, Signal.UNSUBSCRIBED, now, reason=reason, actor=actor, person_id=person_id),
        now,
    )


def blacklist_address(
    *, kind: str, value: str, reason: str, actor: str, now: datetime, person_id: int = 0
) -> bool:
    """Never send to an address again; an opt-out is still shown as one. Tells whether anything changed."""
    return _one(
        AddressSignal(kind, value, Signal.BLACKLISTED, now, reason=reason, actor=actor, person_id=person_id),
        now,
    )


def unblacklist_address(*, kind: str, value: str, actor: str, now: datetime, person_id: int = 0) -> bool:
    """Take an address off the blacklist: it is again what it was before. Tells whether anything changed."""
    return _one(AddressSignal(kind, value, Signal.EXCLUDED, now, actor=actor, person_id=person_id), now)


def _one(signal: AddressSignal, now: datetime) -> bool:
    return bool(apply_signals([signal], now=now))


def _walk(
    rows: dict[tuple[str, str], _Row], signals: Sequence[AddressSignal]
) -> list[tuple[AddressSignal, str, str]]:
    """Bring the rows to their next states; returns what the history keeps."""
    history = []
    for signal in signals:
        row = rows.get((signal.kind, signal.value))
        if row is None:
            continue
        after = next_state(row.state, signal.signal, at=signal.at, steps=signal.steps)
        if after == row.state:
            continue
        moved = after.status != row.state.status
        if moved or signal.signal not in QUIET:
            history.append((signal, row.state.status, after.status))
        row.last = signal if moved else row.last
        row.state = after
    return history


def _write(cursor: Any, rows: Sequence[_Row], now: datetime) -> None:
    states = [row.state for row in rows]
    last = [row.last for row in rows]
    cursor.execute(UPDATE, [
        [row.id for row in rows], [s.status for s in states], [s.previous_status for s in states],
        [s.is_blacklisted for s in states], [s.blocked_until for s in states], [s.soft_errors for s in states],
        [s.failures for s in states], [s.failing_since for s in states],
        [s.last_failure_at for s in states], [found is not None for found in last],
        [found.at if found else now for found in last], [found.reason if found else "" for found in last],
        [found.actor if found else "" for found in last],
    ])  # fmt: skip


def _keep_history(cursor: Any, history: Sequence[tuple[AddressSignal, str, str]]) -> None:
    signals = [signal for signal, _, _ in history]
    cursor.execute(KEEP_HISTORY, [
        [s.at for s in signals], [s.kind for s in signals], [s.value for s in signals], [s.person_id for s in signals],
        [str(s.signal) for s in signals], [before for _, before, _ in history], [after for _, _, after in history],
        [s.reason for s in signals], [s.comment for s in signals], [s.actor for s in signals],
        [Jsonb(s.details) for s in signals],
    ])  # fmt: skip
