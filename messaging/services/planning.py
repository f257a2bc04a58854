"""Plans deliveries: every request becomes a row that may be sent, or a row that says why not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from cdp.bell import ring
from messaging.models import (
    ActivityKind,
    CauseKind,
    DeliveryState,
    Message,
    MessageState,
    Priority,
    Reason,
    Sender,
)
from messaging.rendering.revisions import match_language
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.connections import ensure_defaults
from messaging.services.eligibility import Candidate, Checked, check_candidates

LIFETIME = timedelta(hours=72)  # usual SMTP practice: after that nobody waits for the message any more
PRIORITIES = {CauseKind.CAMPAIGN: Priority.BULK}
COLUMNS = (
    ("contact_id", "bigint"), ("message_id", "bigint"), ("revision_id", "bigint"), ("cause_id", "bigint"),
    ("connection_id", "bigint"), ("sender_id", "bigint"), ("not_before", "timestamptz"), ("planned_at", "timestamptz"),
    ("expires_at", "timestamptz"), ("cause_month", "date"), ("priority", "smallint"), ("is_transactional", "boolean"),
    ("is_test", "boolean"), ("cause_kind", "text"), ("slot", "text"), ("endpoint", "text"), ("language", "text"),
    ("state", "text"), ("reason", "text"), ("context", "jsonb"),
)  # fmt: skip
INSERT = f"""
INSERT INTO messaging_delivery ({", ".join(name for name, _ in COLUMNS)})
SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for _, kind in COLUMNS)})
ON CONFLICT (cause_month, cause_kind, cause_id, slot, endpoint) DO NOTHING
RETURNING id, cause_kind, cause_id, slot, endpoint
"""
EXISTING = """
SELECT d.id, d.cause_kind, d.cause_id, d.slot, d.endpoint, d.contact_id
FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[]) AS u (cause_kind, cause_id, slot, endpoint)
JOIN messaging_delivery d ON d.cause_kind = u.cause_kind AND d.cause_id = u.cause_id AND d.slot = u.slot
    AND d.endpoint = u.endpoint
WHERE d.cause_month = %s
"""

Key = tuple[str, int, str, str]  # cause kind, cause id, slot, endpoint


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One message wanted for one contact.

    Attributes:
        cause_kind, cause_id, slot: who asks, and which of its sends this is; the same triple never sends twice to one
            endpoint.
        cause_month: first day of the month in which the cause was created; the same for all requests of a cause.
        contact_id: 0 for a test to an address nobody holds.
        context: what the template may read besides the contact: `{"event": {...}, "data": {...}}`.
        language: asked for by the cause; else the contact's, else the message's default.
        endpoint: an address instead of the contact's own, normalised.
        is_obligatory: sent whatever the contact unsubscribed from, as a transactional message is.
    """

    cause_kind: str
    cause_id: int
    cause_month: date
    contact_id: int
    message_id: int
    slot: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    language: str | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    endpoint: str | None = None
    is_test: bool = False
    is_obligatory: bool = False


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """What became of a request; `existing` means that the same cause and slot planned this contact before."""

    delivery_id: int
    state: Literal["planned", "skipped", "existing"]
    reason: str = ""


@dataclass(slots=True)
class _Plan:
    """One request on its way to a row."""

    place: int
    request: DeliveryRequest
    checked: Checked
    reason: str
    message: Message | None
    endpoint: str = ""
    outcome: PlanOutcome | None = None

    @property
    def key(self) -> Key:
        request = self.request
        return request.cause_kind, request.cause_id, request.slot, self.endpoint

    @property
    def own_key(self) -> Key:
        """The key of a row that skips this contact."""
        request = self.request
        return request.cause_kind, request.cause_id, request.slot, f"#{request.contact_id}"

    def skip(self, reason: str) -> None:
        self.reason = reason
        self.endpoint = f"#{self.request.contact_id}"


def plan_deliveries(requests: Sequence[DeliveryRequest], *, now: datetime) -> list[PlanOutcome]:
    """Plan or skip every request, in the caller's transaction (or an own one); one outcome each, in order.

    A row that skips has the endpoint `#<contact id>`, so that it never stands in the way of somebody with the same
    address. Planning the same again changes nothing. A message that is not ready is skipped as `rendering`.
    """
    if not requests:
        return []
    with transaction.atomic():
        plans = _check(requests, now)
        for month in sorted({plan.request.cause_month for plan in plans}):
            _write([plan for plan in plans if plan.request.cause_month == month], month, now)
    if any(plan.outcome is not None and plan.outcome.state == "planned" for plan in plans):
        engines = {"sending" if priority_of(plan) == Priority.BULK else "sending_fast" for plan in plans}
        for engine in sorted(engines):
            transaction.on_commit(lambda engine=engine: ring(engine))  # type: ignore[misc]
    outcomes = [plan.outcome for plan in plans]
    assert all(outcomes)
    return [outcome for outcome in outcomes if outcome is not None]


def priority_of(plan: _Plan) -> int:
    is_transactional = plan.message is not None and plan.message.is_transactional
    usual = Priority.TRANSACTIONAL if is_transactional or plan.request.is_obligatory else Priority.TRIGGERED
    return int(PRIORITIES.get(plan.request.cause_kind, usual))  # type: ignore[call-overload]


def preview_plan(requests: Sequence[DeliveryRequest], *, now: datetime) -> list[str]:
    """The reason, or '', that each request would get now; writes nothing."""
    plans = _check(requests, now)
    _mark_duplicates(plans)
    return [plan.reason for plan in plans]


def _check(requests: Sequence[DeliveryRequest], now: datetime) -> list[_Plan]:
    messages = {
        message.pk: message
        for message in Message.objects.filter(
            pk__in={request.message_id for request in requests}
        ).select_related("sender", "revision")
    }
    candidates = [
        Candidate(
            request.contact_id, request.message_id, request.endpoint,
            request.is_obligatory or request.is_test
            or (request.message_id in messages and messages[request.message_id].is_transactional),
        )
        for request in requests
    ]  # fmt: skip
    plans = []
    for place, (request, checked) in enumerate(
        zip(requests, check_candidates(candidates, now=now), strict=True)
    ):
        message = messages.get(request.message_id)
        plan = _Plan(place, request, checked, checked.reason, message)
        if message is None or message.revision is None or message.state == MessageState.DRAFT:
            plan.reason = Reason.RENDERING
        elif request.expires_at is not None and request.expires_at <= now:
            plan.reason = plan.reason or Reason.EXPIRED
        plan.endpoint = checked.endpoint or ""
        if plan.reason or not plan.endpoint:
            plan.skip(plan.reason or Reason.NO_CHANNEL)
        plans.append(plan)
    return plans


def _write(plans: Sequence[_Plan], month: date, now: datetime) -> None:
    _mark_existing(plans, month)
    _mark_duplicates([plan for plan in plans if plan.outcome is None])
    for _attempt in range(3):
        open_plans = [plan for plan in plans if plan.outcome is None]
        if not open_plans:
            return
        _insert(open_plans, now)
        _mark_existing(open_plans, month)  # somebody else planned them meanwhile
    raise RuntimeError("deliveries could not be planned: their keys keep changing")


def _mark_duplicates(plans: Sequence[_Plan]) -> None:
    """Of equal endpoints in the batch the first is sent to; of the same contact twice, the second is the first."""
    seen: dict[Key, _Plan] = {}
    for plan in plans:
        first = seen.setdefault(plan.key, plan)
        if first is not plan and first.request.contact_id != plan.request.contact_id and not plan.reason:
            plan.skip(Reason.DUPLICATE_ENDPOINT)
            seen.setdefault(plan.key, plan)


def _mark_existing(plans: Sequence[_Plan], month: date) -> None:
    """Give outcomes to requests whose contact has a row; an endpoint taken by another contact is a duplicate."""
    waiting = [plan for plan in plans if plan.outcome is None]
    keys = list({key for plan in waiting for key in (plan.key, plan.own_key)})
    if not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute(EXISTING, [*(list(column) for column in zip(*keys, strict=True)), month])
        found = {(row[1], row[2], row[3], row[4]): (row[0], row[5]) for row in cursor.fetchall()}
    for plan in waiting:
        own = found.get(plan.own_key)
        same = found.get(plan.key)
        if own is not None:
            plan.outcome = PlanOutcome(own[0], "existing")
        elif same is not None and same[1] == plan.request.contact_id:
            plan.outcome = PlanOutcome(same[0], "existing")
        elif same is not None:
            plan.skip(Reason.DUPLICATE_ENDPOINT)


def _insert(plans: Sequence[_Plan], now: datetime) -> None:
    firsts = {plan.key: plan for plan in reversed(plans)}  # the first of each key
    rows = [firsts[key] for key in sorted(firsts)]  # in one order everywhere: no deadlock
    default_connection, default_sender = ensure_defaults(now=now) if _needs_defaults(rows) else (None, None)
    values = []
    for plan in rows:
        sender: Sender | None = (
            plan.message.sender if plan.message and plan.message.sender else default_sender
        )
        connection_id = sender.connection_id if sender else None
        if connection_id is None and default_connection is not None:
            connection_id = default_connection.pk
        values.append(_row(plan, sender, connection_id, now))
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [list(column) for column in zip(*values, strict=True)])
        ids = {(row[1], row[2], row[3], row[4]): int(row[0]) for row in cursor.fetchall()}
    skipped = []
    for plan in plans:
        delivery_id = ids.get(plan.key)
        if delivery_id is None:
            continue
        if firsts[plan.key] is not plan:
            plan.outcome = PlanOutcome(delivery_id, "existing")
            continue
        plan.outcome = PlanOutcome(delivery_id, "skipped" if plan.reason else "planned", plan.reason)
        if plan.reason:
            skipped.append(_skip_row(plan, delivery_id, now))
    if skipped:
        record_activity(skipped, now=now)


def _needs_defaults(plans: Sequence[_Plan]) -> bool:
    return any(
        plan.message is None or plan.message.sender is None or plan.message.sender.connection_id is None
        for plan in plans
        if not plan.reason
    )


def _row(plan: _Plan, sender: Sender | None, connection_id: int | None, now: datetime) -> tuple[Any, ...]:
    request, message = plan.request, plan.message
    start = max(request.not_before or now, now)
    return (
        request.contact_id, request.message_id, message.revision_id if message and message.revision_id else 0,
        request.cause_id, connection_id, sender.pk if sender else None, start, now, request.expires_at or start + LIFETIME,
        request.cause_month, priority_of(plan),
        bool(message and message.is_transactional) or request.is_obligatory, request.is_test, request.cause_kind,
        request.slot, plan.endpoint, _language(plan),
        DeliveryState.SKIPPED if plan.reason else DeliveryState.PLANNED, plan.reason, Jsonb(request.context),
    )  # fmt: skip


def _language(plan: _Plan) -> str:
    message = plan.message
    if message is None or message.revision is None:
        return ""
    compiled = message.revision.compiled
    for wish in (plan.request.language, plan.checked.language):
        if wish and (found := match_language(wish, compiled)):
            return found
    return message.default_language


def _skip_row(plan: _Plan, delivery_id: int, now: datetime) -> ActivityRow:
    request = plan.request
    return ActivityRow(
        delivery_id=delivery_id, cause_month=request.cause_month, cause_kind=request.cause_kind,
        cause_id=request.cause_id, person_id=request.contact_id, message_id=request.message_id,
        kind=ActivityKind.UNAVAILABLE, at=now, reason=plan.reason,
    )  # fmt: skip
