"""Tasks: generate an event, which other workflows may start or stop by."""

from collections.abc import Iterable
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _

from cdp.hooks import EventRequest, EventsRequested, events_requested
from workflows.blocks.base import NEXT, Batch, Block, Fails, Outcome, Visit, hint, register
from workflows.definition.problems import Problem
from workflows.definition.structure import Part, Reference
from workflows.definition.values import as_text, render, template_fault

DEEPEST_CHAIN = 10
CHAIN = "workflowChain"  # counts workflows that started one another


class Parameter(Part, frozen=True, kw_only=True):
    name: Annotated[str, hint(_("Name"), min_length=1, max_length=100)]
    value: Annotated[Any, hint(_("Value"), editor="template")] = None


class LaunchEventParams(Part, frozen=True, kw_only=True):
    event: Annotated[str, hint(_("Event"), editor="event_type", min_length=1, max_length=100)]
    key: Annotated[str, hint(_("Unique key"), editor="template")] = "${key}"
    params: Annotated[tuple[Parameter, ...] | None, hint(_("Parameters"))] = None


@register
class LaunchEventBlock(Block[LaunchEventParams]):
    type = "task.launch_event"
    group = "other"
    label = _("Generate event")
    icon = "bolt"
    params = LaunchEventParams
    may_fail = True

    def check(self, params: LaunchEventParams, path: str) -> Iterable[Problem]:
        if fault := template_fault(params.key):
            yield Problem("E13", fault, f"{path}.key")
        for place, one in enumerate(params.params or ()):
            if isinstance(one.value, str) and (fault := template_fault(one.value)):
                yield Problem("E13", fault, f"{path}.params[{place}].value")

    def references(self, params: LaunchEventParams) -> Iterable[tuple[str, Reference]]:
        yield "event", Reference(ref="event_type", id=params.event)

    def execute(self, params: LaunchEventParams, batch: Batch) -> list[Outcome]:
        outcomes: list[Outcome] = []
        requests = []
        for visit in batch.visits:
            depth = visit.context.get("chain", 0) + 1
            if depth > DEEPEST_CHAIN:
                outcomes.append(Fails("failed:chain_too_long", {"most": DEEPEST_CHAIN}))
                continue
            requests.append(self._request(params, visit, batch, depth))
            outcomes.append(NEXT)
        if requests:
            actor = f"workflow {batch.workflow_id}"
            events_requested.send(EventsRequested(requests, actor=actor, now=batch.now))
        return outcomes

    def _request(self, params: LaunchEventParams, visit: Visit, batch: Batch, depth: int) -> EventRequest:
        variables = batch.variables(visit)
        values = dict(visit.context.get("params", {}))
        if params.params is not None:
            values = {one.name: render(one.value, variables).value for one in params.params}
        key = as_text(render(params.key, variables).value).strip() or str(visit.person_id)
        own = {name: value for name, value in values.items() if name not in ("contactId", CHAIN)}
        return EventRequest(params.event, key, visit.person_id, own | {CHAIN: depth})
