"""Sends what is planned: claim, check again, render, open a window, hand over, record. Never twice.

Nothing is in a transaction while bytes travel. A window is at most `WINDOW` deliveries a line: so many can be unknown
after a crash, and no more. A provider that is away costs no delivery an attempt: the connection rests, the rows wait.
"""

import random
import time
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from cdp.crash import crash_point
from messaging.channels.interface import Access, Adapter, Handover, HandoverState, Parcel, registry
from messaging.models import CauseKind, Connection, DeliveryState, Reason
from messaging.secrets import SecretUnreadableError
from messaging.services import claims, rates
from messaging.services.causes import CauseState, Gate, read_causes
from messaging.services.claims import Claimed, Opening, Outcome
from messaging.services.composing import Composer
from messaging.services.connections import access_of, end_rest, rest
from messaging.services.eligibility import Candidate, check_candidates

log = structlog.get_logger(__name__)

WINDOW = 20
BATCH = 400
SLICE_SECONDS = 1.5
PARKED = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
MINUTE = 60.0
RETRIES: dict[str, tuple[float, ...]] = {
    CauseKind.WORKFLOW: (5 * MINUTE, 25 * MINUTE),  # a run waits for the answer: three tries over 30 minutes
}
USUAL_RETRIES = (MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE, 240 * MINUTE, 720 * MINUTE)

_pace: dict[tuple[int, int], int] = {}  # (connection, priority) → deliveries claimed at once
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="handover")


@dataclass(slots=True)
class Slice:
    """The clock and the measure of one engine slice."""

    now: datetime
    started: float

    @property
    def clock(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self.started)

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.started > SLICE_SECONDS


def send_due(connection: Connection, *, priorities: Sequence[int], limit: int = BATCH, now: datetime) -> int:
    """One slice of a connection's due deliveries of these priorities; returns how many were handled.

    A connection that rests, is switched off or has no tokens left handles none.
    """
    part = Slice(now, time.monotonic())
    if not connection.is_enabled or (connection.backs_off_until and connection.backs_off_until > now):
        return 0
    try:
        access = access_of(connection)
    except SecretUnreadableError as error:
        rest(connection_id=connection.pk, words=str(error), now=now)
        return 0
    handled = 0
    for priority in priorities:
        while not part.is_over:
            count, goes_on = _send_batch(connection, access, priority, limit, part)
            handled += count
            if not goes_on:
                return handled
            if not count:
                break
    return handled


def _send_batch(
    connection: Connection, access: Access, priority: int, limit: int, part: Slice
) -> tuple[int, bool]:
    """(rows handled, whether the connection takes more)."""
    key, limits = f"connection:{connection.pk}", rates.limits_of(connection)
    wanted = min(limit, _pace.get((connection.pk, priority), limit))
    granted = rates.take_tokens(key, limits, wanted, now=part.clock)
    if not granted:
        return 0, False
    token, rows = claims.claim(connection_id=connection.pk, priority=priority, limit=granted, now=part.clock)
    crash_point("send_after_claim")
    if not rows:
        rates.give_back(key, limits, granted, now=part.clock)
        return 0, True
    causes = read_causes({(row.cause_kind, row.cause_id) for row in rows})
    sendable, outcomes = check_again(rows, causes, now=part.clock)
    with transaction.atomic():
        claims.record(outcomes, token=token, now=part.clock)
    composer = Composer(sendable, options=connection.options, causes=causes, now=part.clock)
    run = _Run(connection, access, registry[connection.kind], token, part)
    run.hand_over_all(sendable, composer)
    rates.give_back(key, limits, granted - run.handed, now=part.clock)
    _learn_pace(connection.pk, priority, run.released, limit=limit, size=run.size)
    return len(outcomes) + run.settled, not run.is_away


def _learn_pace(connection_id: int, priority: int, released: int, *, limit: int, size: int) -> None:
    """Claim less from a connection that could not take all within a slice, and slowly more again."""
    pace = _pace.get((connection_id, priority), limit)
    _pace[(connection_id, priority)] = max(size, pace // 2) if released else min(limit, pace * 2)


def check_again(
    rows: Sequence[Claimed], causes: dict[tuple[str, int], CauseState], *, now: datetime
) -> tuple[list[Claimed], list[Outcome]]:
    """Rows that may still be sent, and outcomes of the others: what changed since planning counts."""
    candidates = [
        Candidate(row.contact_id, row.message_id, row.endpoint, row.is_transactional or row.is_test)
        for row in rows
    ]
    sendable, outcomes = [], []
    for row, checked in zip(rows, check_candidates(candidates, now=now), strict=True):
        cause = causes.get((row.cause_kind, row.cause_id))
        gate = cause.gate if cause else Gate.OPEN
        if gate is Gate.CANCELLED:
            outcomes.append(Outcome(row, DeliveryState.CANCELLED, Reason.CANCELLED))
        elif gate is Gate.HOLD:
            outcomes.append(Outcome(row, DeliveryState.PLANNED, not_before=PARKED))
        elif checked.reason:
            outcomes.append(Outcome(row, DeliveryState.SKIPPED, checked.reason))
        elif row.expires_at is not None and row.expires_at <= now:
            gave_up = (
                (DeliveryState.FAILED, Reason.PROVIDER)
                if row.attempts
                else (DeliveryState.SKIPPED, Reason.EXPIRED)
            )
            outcomes.append(Outcome(row, *gave_up))
        else:
            sendable.append(row)
    return sendable, outcomes


class _Run:
    """Hands over the parcels of one claim, window by window."""

    def __init__(
        self, connection: Connection, access: Access, adapter: Adapter, token: uuid.UUID, part: Slice
    ) -> None:
        self.connection = connection
        self.access = access
        self.adapter = adapter
        self.token = token
        self.part = part
        self.handed = 0  # tried: the provider was asked
        self.settled = 0  # have an outcome of any kind
        self.released = 0  # go back untouched
        self.size = WINDOW * max(connection.pool_size, 1)
        self.is_away = False
        self.words = ""
        self.pause = 0.0  # seconds the provider asks for
        self.seconds = settings.SEND_LEASE_SECONDS * 0.5

    def hand_over_all(self, rows: Sequence[Claimed], composer: Composer) -> None:
        """Window by window; a window's outcomes are recorded in the transaction that opens the next one.

        When the slice is over or the provider away, the rest goes back; the first window always goes.
        """
        waiting: list[Outcome] = []
        place = 0
        while place < len(rows) and not self.is_away and not (place and self.part.is_over):
            composed = composer.compose(rows[place : place + self.size], now=self.part.clock)
            place += self.size
            crash_point("send_after_render")
            group, refused = self._prepare(composed.ready)
            waiting += [*composed.outcomes, *refused]
            opened = self._open(waiting, [opening for opening, _ in group])
            waiting = self._hand_over([pair for pair in group if pair[0].row.delivery_id in opened])
            waiting += self._release(o.row for o, _ in group if o.row.delivery_id not in opened)
        waiting += self._release(rows[place:])
        crash_point("send_after_handover")
        self._record(waiting)
        crash_point("send_after_record")
        self._rest_or_go()

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        with transaction.atomic():
            claims.record(outcomes, token=self.token, now=self.part.clock)
        self.settled += sum(outcome.state != DeliveryState.PLANNED or outcome.tried for outcome in outcomes)

    def _release(self, rows: Iterable[Claimed]) -> list[Outcome]:
        """They wait again, to be claimed and checked anew."""
        outcomes = [Outcome(row, DeliveryState.PLANNED) for row in rows]
        self.released += len(outcomes)
        return outcomes

    def _prepare(
        self, group: Sequence[tuple[Opening, Parcel]]
    ) -> tuple[list[tuple[Opening, Parcel]], list[Outcome]]:
        """Encode; what cannot be (an address no header may hold) fails for good."""
        good, refused = [], []
        for opening, parcel in group:
            try:
                self.adapter.prepare(parcel, now=self.part.clock)
            except ValueError as error:
                refused.append(Outcome(opening.row, DeliveryState.FAILED, Reason.PROVIDER, str(error)))
            else:
                good.append((opening, parcel))
        return good, refused

    def _open(self, waiting: list[Outcome], openings: list[Opening]) -> set[int]:
        now = self.part.clock
        with transaction.atomic():
            self._record(waiting)
            causes = read_causes({(o.row.cause_kind, o.row.cause_id) for o in openings})
            held = {cause for cause, state in causes.items() if state.gate is not Gate.OPEN}
            chosen = [o for o in openings if (o.row.cause_kind, o.row.cause_id) not in held]
            opened = claims.open_window(chosen, token=self.token, now=now)
        crash_point("send_after_window")
        return opened

    def _hand_over(self, group: Sequence[tuple[Opening, Parcel]]) -> list[Outcome]:
        """Windows of a group go out side by side, a line each."""
        windows = [group[start : start + WINDOW] for start in range(0, len(group), WINDOW)]
        side_by_side = _threads.map if len(windows) > 1 else map
        answers = list(side_by_side(self._send, windows))
        outcomes = []
        for window, found in zip(windows, answers, strict=True):
            for (opening, _), handover in zip(window, found, strict=True):
                outcomes.append(self._outcome(opening.row, handover))
        return outcomes

    def _send(self, window: Sequence[tuple[Opening, Parcel]]) -> list[Handover]:
        return self.adapter.send_batch(self.access, [parcel for _, parcel in window], seconds=self.seconds)

    def _outcome(self, row: Claimed, handover: Handover) -> Outcome:
        if handover.state is HandoverState.AWAY:
            self.pause = max(self.pause, handover.retry_after or 0.0)
            self.is_away, self.words = True, f"{handover.code} {handover.text}".strip()
        if handover.state in (HandoverState.AWAY, HandoverState.UNTOUCHED):
            return Outcome(row, DeliveryState.PLANNED, error=handover.text)
        self.handed += 1
        return outcome_of(row, handover, now=self.part.clock)

    def _rest_or_go(self) -> None:
        if self.is_away:
            log.warning("provider_away", connection=self.connection.name, words=self.words)
            pause = timedelta(seconds=self.pause)
            rest(connection_id=self.connection.pk, words=self.words, at_least=pause, now=self.part.clock)
        elif self.handed and self.connection.failures:
            end_rest(connection_id=self.connection.pk)


def outcome_of(row: Claimed, handover: Handover, *, now: datetime) -> Outcome:
    """What an answer means for a delivery that was tried."""
    details = {"code": handover.code, "text": handover.text} if handover.code or handover.text else {}
    if handover.state is HandoverState.ACCEPTED:
        return Outcome(row, DeliveryState.SENT, provider_id=handover.provider_id, tried=1, details=details)
    if handover.state is HandoverState.REJECTED:
        return Outcome(row, DeliveryState.FAILED, Reason.PROVIDER, handover.text, tried=1, details=details)
    if handover.state is HandoverState.UNKNOWN and not row.is_transactional:
        return Outcome(row, DeliveryState.UNKNOWN, Reason.UNKNOWN, handover.text, tried=1, details=details)
    delay = retry_delay(row, handover)
    if delay is None or (row.expires_at is not None and now + delay > row.expires_at):
        return Outcome(row, DeliveryState.FAILED, Reason.PROVIDER, handover.text, tried=1, details=details)
    return Outcome(row, DeliveryState.PLANNED, error=handover.text, tried=1, not_before=now + delay)


def retry_delay(row: Claimed, handover: Handover) -> timedelta | None:
    """How long to wait before the next try, with up to a fifth of jitter; None when there is none left."""
    schedule = RETRIES.get(row.cause_kind, USUAL_RETRIES)
    if row.attempts >= len(schedule):
        return None
    seconds = schedule[row.attempts] * random.uniform(1.0, 1.2)  # noqa: S311 - spreads load, keeps no secret
    return timedelta(seconds=max(seconds, handover.retry_after or 0.0))
