"""E-mail blocks, and the blocks that ask what became of messages of the launch."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.normalise import InvalidValue, normalise_email
from messaging.models import FINAL_STATES, Message, MessageState
from messaging.services import planning
from messaging.services.lookup import DeliveryFacts, delivery_facts
from messaging.services.planning import DeliveryRequest, PlanOutcome
from workflows.blocks.base import Batch, Block, Fails, Left, Outcome, Visit, Waits, hint, register
from workflows.blocks.conditions import YES_NO, check_reference, resolve
from workflows.definition.durations import add_wait
from workflows.definition.problems import Problem
from workflows.definition.structure import Part, Reference, Wait
from workflows.definition.timing import next_allowed
from workflows.definition.values import as_text, render, template_fault

RESULT_POLL = timedelta(minutes=15)  # should news of a delivery be lost
RESULT_DEADLINE = timedelta(days=4)  # deliveries retry for three days


class EmailParams(Part, frozen=True, kw_only=True):
    message: Annotated[Reference | str | int, hint(_("Message"), editor="message")]
    allowed_hours: Annotated[bool, hint(_("Send only in specified hours"))] = False
    email: Annotated[str | None, hint(_("E-mail"), editor="template")] = None
    language: Annotated[str | None, hint(_("Language"), editor="template")] = None
    json: Annotated[str | None, hint(_("JSON"), editor="template")] = None


@register
class EmailBlock(Block[EmailParams]):
    """Plans one delivery. With `on_error` `continue` the launch goes on at once, as later blocks ask what became of it;
    with `branch` or `fail` it stays until the delivery is final, as only then the way is known."""

    type = "message.email"
    group = "message"
    label = _("E-mail")
    icon = "mail"
    params = EmailParams
    is_message = True
    may_fail = True
    is_obligatory = False

    def check(self, params: EmailParams, path: str) -> Iterable[Problem]:
        yield from check_reference(params.message, ("message",), f"{path}.message")
        for name in ("email", "language", "json"):
            text = getattr(params, name)
            if text is not None and (fault := template_fault(text)):
                yield Problem("E13", fault, f"{path}.{name}")

    def references(self, params: EmailParams) -> Iterable[tuple[str, Reference]]:
        if isinstance(params.message, Reference):
            yield "message", params.message
        elif isinstance(params.message, int):
            yield "message", Reference(ref="message", id=params.message)

    def execute(self, params: EmailParams, batch: Batch) -> list[Outcome]:
        found: dict[int, Outcome] = {}
        waiting = [visit for visit in batch.visits if visit.wait is not None and "delivery" in visit.wait]
        if waiting:
            found.update(_answers(waiting, batch.now))
        ready = []
        for visit in batch.visits:
            if visit.run_id in found:
                continue
            held = _held(visit, batch) if params.allowed_hours and not visit.skips_waits else None
            if held is None:
                ready.append(visit)
            else:
                found[visit.run_id] = held
        found.update(self._plan(params, batch, ready))
        return [found[visit.run_id] for visit in batch.visits]

    def _plan(self, params: EmailParams, batch: Batch, visits: Sequence[Visit]) -> dict[int, Outcome]:
        """Plan deliveries of launches that may send now."""
        wanted = {visit.run_id: resolve(params.message, visit, batch, "message") for visit in visits}
        known = _messages({int(one.id) for one in wanted.values() if one is not None})
        outcomes: dict[int, Outcome] = {}
        requests: list[DeliveryRequest] = []
        askers: list[Visit] = []
        for visit in visits:
            reference = wanted[visit.run_id]
            fault = (
                "message_not_found"
                if reference is None
                else known.get(int(reference.id), "message_not_found")
            )
            if fault or reference is None:
                outcomes[visit.run_id] = Fails(f"skipped:{fault}", {"message": reference and reference.id})
                continue
            try:
                requests.append(self._request(params, batch, visit, int(reference.id)))
            except InvalidValue as error:
                outcomes[visit.run_id] = Fails("skipped:no_channel", {"error": error.message})
                continue
            askers.append(visit)
        if requests:
            planned = planning.plan_deliveries(requests, now=batch.now)
            for visit, request, outcome in zip(askers, requests, planned, strict=True):
                outcomes[visit.run_id] = self._planned(batch, visit, request, outcome)
        return outcomes

    def _request(self, params: EmailParams, batch: Batch, visit: Visit, message_id: int) -> DeliveryRequest:
        variables = batch.variables(visit)
        data = render(params.json, variables).value if params.json else variables.get("steps", {})
        address = as_text(render(params.email, variables).value).strip() if params.email else ""
        language = as_text(render(params.language, variables).value).strip() if params.language else ""
        return DeliveryRequest(
            cause_kind="workflow", cause_id=visit.run_id, cause_month=visit.started_at.date().replace(day=1),
            slot=f"{batch.node.id}:{visit.number}", contact_id=visit.person_id, message_id=message_id,
            context={"event": visit.context.get("params", {}), "data": data, "workflow": _origin(visit, batch)},
            language=language or None, endpoint=normalise_email(address)[1] if address else None, is_test=visit.is_test,
            is_obligatory=self.is_obligatory,
        )  # fmt: skip

    def _planned(self, batch: Batch, visit: Visit, request: DeliveryRequest, outcome: PlanOutcome) -> Outcome:
        delivery = outcome.delivery_id
        detail = {"message": request.message_id, "delivery": delivery}
        sent = [batch.node.id, visit.number, delivery, "email", request.message_id]
        if outcome.state == "skipped":
            return Left("next", f"skipped:{outcome.reason}", detail, delivery_id=delivery, sent=sent)
        if batch.node.data.on_error == "continue":
            return Left("next", "ok", detail, delivery_id=delivery, sent=sent)
        deadline = (batch.now + RESULT_DEADLINE).isoformat()
        return Waits(
            batch.now + RESULT_POLL, {**detail, "deadline": deadline}, delivery_id=delivery, sent=sent
        )


@register
class ObligatoryEmailBlock(EmailBlock):
    """Sent whatever the contact unsubscribed from; never to a suppressed address."""

    type = "task.obligatory_email"
    label = _("Send obligatory e-mail")
    icon = "mark_email_read"
    is_obligatory = True


def _origin(visit: Visit, batch: Batch) -> dict[str, Any]:
    """What every status of the message tells about its cause (product document, 15, outgoing)."""
    return {
        "workflowId": batch.workflow_id, "workflowName": batch.workflow_name, "workflowBlockId": batch.node.id,
        "workflowInstanceId": visit.uid, "sourceEventId": visit.event_id, "sourceEventKey": visit.event_key,
        "sourceEventTypeKey": visit.context.get("eventType", ""),
    }  # fmt: skip


def _messages(ids: set[int]) -> dict[int, str]:
    """Message id → what keeps it from being sent; empty when nothing does."""
    rows = Message.objects.filter(pk__in=ids).values_list("pk", "channel", "state", "revision_id")
    found = {}
    for pk, channel, state, revision in rows:
        usable = state == MessageState.READY and revision is not None
        found[pk] = "wrong_channel" if channel != "email" else "" if usable else "message_not_found"
    return found


def _answers(visits: Sequence[Visit], now: datetime) -> dict[int, Outcome]:
    """Outcomes of launches that wait for their delivery to become final."""
    waits = {visit.run_id: visit.wait or {} for visit in visits}
    facts = delivery_facts([wait["delivery"] for wait in waits.values()])
    found: dict[int, Outcome] = {}
    for run_id, wait in waits.items():
        fact = facts.get(wait["delivery"])
        detail = {"message": wait["message"], "delivery": wait["delivery"]}
        if fact is not None and fact.state in FINAL_STATES:
            found[run_id] = _final(fact, detail)
        elif now >= datetime.fromisoformat(wait["deadline"]):
            found[run_id] = Left("next", "unknown:no_answer", detail, delivery_id=wait["delivery"])
        else:
            found[run_id] = Waits(now + RESULT_POLL, wait, delivery_id=wait["delivery"])
    return found


def _final(fact: DeliveryFacts, detail: dict[str, Any]) -> Outcome:
    if fact.state == "failed":
        return Fails(f"failed:{fact.reason or 'provider'}", detail)
    if fact.state == "skipped" or fact.state == "cancelled":
        return Left("next", f"skipped:{fact.reason}", detail, delivery_id=fact.delivery_id)
    result = "ok" if fact.state == "sent" else "unknown:sending"
    return Left("next", result, detail, delivery_id=fact.delivery_id)


def _held(visit: Visit, batch: Batch) -> Outcome | None:
    """A wait for the allowed hours; None when the message may go now."""
    settings = batch.definition.settings
    held_since = (visit.wait or {}).get("held_since")
    since = datetime.fromisoformat(held_since) if held_since else batch.now
    zone = batch.zone(visit)
    due = next_allowed(batch.now, settings.allowed_hours, zone)
    if due <= batch.now:
        return None
    if due - since > timedelta(hours=settings.max_hold_hours):
        return Fails("skipped:hold_expired")
    return Waits(due, {"held_since": since.isoformat(), "due": due.isoformat(), "zone": str(zone)})


class StatusParams(Part, frozen=True, kw_only=True):
    """Which messages are asked about: the last one before the block, all of them, or those of `source` blocks.

    `wait`: stay until it happens, at most so long; without it the answer is given at once.
    """

    scope: Annotated[Literal["last", "all"], hint(_("Messages"))] = "last"
    source: Annotated[tuple[str, ...], hint(_("Of these blocks"), editor="blocks")] = ()
    match: Annotated[Literal["all", "any"], hint(_("Of several"))] = "all"
    wait: Annotated[Wait | None, hint(_("Wait for it at most"))] = None
    links: Annotated[tuple[str, ...], hint(_("Only these links"))] = ()


class StatusBlock(Block[StatusParams]):
    """Base of the status checks; `holds` says whether one delivery has the status."""

    group = "conditions"
    params = StatusParams
    needs_message = True

    def outputs(self, params: StatusParams) -> tuple[str, ...]:  # noqa: ARG002
        return YES_NO

    def check(self, params: StatusParams, path: str) -> Iterable[Problem]:
        if params.links and self.type != "condition.clicked":
            yield Problem("E05", gettext("only Clicked? asks about links"), f"{path}.links")

    def holds(self, fact: DeliveryFacts, params: StatusParams) -> bool:
        raise NotImplementedError

    def execute(self, params: StatusParams, batch: Batch) -> list[Outcome]:
        asked = {visit.run_id: _asked(params, visit) for visit in batch.visits}
        facts = delivery_facts({delivery for ids in asked.values() for delivery in ids})
        return [self._one(params, visit, asked[visit.run_id], facts, batch) for visit in batch.visits]

    def _one(
        self,
        params: StatusParams,
        visit: Visit,
        asked: list[int],
        facts: dict[int, DeliveryFacts],
        batch: Batch,
    ) -> Outcome:
        have = [one in facts and self.holds(facts[one], params) for one in asked]
        verdict = bool(have) and (all(have) if params.match == "all" else any(have))
        if verdict or params.wait is None or visit.skips_waits or not asked:
            return (
                Left("yes", detail={"deliveries": asked})
                if verdict
                else Left("no", detail={"deliveries": asked})
            )
        until = add_wait(visit.entered_at, params.wait, batch.zone(visit))
        if until <= batch.now:
            return Left("no", detail={"deliveries": asked})
        last = next(one for one, has in zip(reversed(asked), reversed(have), strict=True) if not has)
        return Waits(min(until, batch.now + RESULT_POLL), {"due": until.isoformat()}, delivery_id=last)


def _asked(params: StatusParams, visit: Visit) -> list[int]:
    """Ids of the deliveries a check is about, oldest first."""
    if params.source:
        return [delivery for node, _number, delivery, *_rest in visit.sent if node in params.source]
    deliveries = [row[2] for row in visit.sent]
    return deliveries[-1:] if params.scope == "last" else deliveries


@register
class SentBlock(StatusBlock):
    type = "condition.sent"
    label = _("Sent?")
    icon = "outgoing_mail"

    def holds(self, fact: DeliveryFacts, params: StatusParams) -> bool:  # noqa: ARG002
        return fact.is_sent


@register
class DeliveredBlock(StatusBlock):
    type = "condition.delivered"
    label = _("Delivered?")
    icon = "mark_email_read"

    def holds(self, fact: DeliveryFacts, params: StatusParams) -> bool:  # noqa: ARG002
        return any(at is not None for at in (fact.delivered_at, fact.opened_at, fact.clicked_at))


@register
class OpenedBlock(StatusBlock):
    type = "condition.opened"
    label = _("Opened?")
    icon = "drafts"

    def holds(self, fact: DeliveryFacts, params: StatusParams) -> bool:  # noqa: ARG002
        return fact.opened_at is not None or fact.clicked_at is not None


@register
class ClickedBlock(StatusBlock):
    type = "condition.clicked"
    label = _("Clicked?")
    icon = "ads_click"

    def holds(self, fact: DeliveryFacts, params: StatusParams) -> bool:
        if not params.links:
            return fact.clicked_at is not None
        return any(url in params.links or str(link) in params.links for link, url in fact.clicks)
