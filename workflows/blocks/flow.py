"""Start, End and Check point."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workflows.blocks.base import NEXT, Batch, Block, Ends, Left, Outcome, Visit, hint, register
from workflows.blocks.lookups import Asked, members, occurred
from workflows.definition import conditions
from workflows.definition.durations import read_duration
from workflows.definition.problems import Problem
from workflows.definition.structure import Part, Reference
from workflows.definition.values import as_text, render, template_fault


class EarlyStop(Part, frozen=True, kw_only=True):
    """One check of Start, made at the start and after every wait."""

    by: Annotated[Literal["event", "segment"], hint(_("Check type"))]
    type: Annotated[str, hint(_("Event"), editor="event_type")] = ""
    key: Annotated[str, hint(_("Event key"), editor="template")] = "${key}"
    period: Annotated[str | None, hint(_("Period before the start"), editor="duration")] = None
    segment: Annotated[Reference | None, hint(_("Segment"), editor="segment")] = None


class StartParams(Part, frozen=True, kw_only=True):
    early_stop: Annotated[tuple[EarlyStop, ...], hint(_("Stop early"))] = ()


@register
class StartBlock(Block[StartParams]):
    type = "start"
    group = "start"
    label = _("Start")
    icon = "play_arrow"
    params = StartParams

    def check(self, params: StartParams, path: str) -> Iterable[Problem]:
        for place, one in enumerate(params.early_stop):
            at = f"{path}.early_stop[{place}]"
            if one.by == "event" and not one.type:
                yield Problem("E05", gettext("names the event that stops"), f"{at}.type")
            if one.by == "segment" and one.segment is None:
                yield Problem("E05", gettext("names the segment that stops"), f"{at}.segment")
            if one.period is not None and read_duration(one.period) is None:
                text = gettext("'%(text)s' is no duration such as PT1H") % {"text": one.period}
                yield Problem("E05", text, f"{at}.period")
            if fault := template_fault(one.key):
                yield Problem("E13", fault, f"{at}.key")

    def references(self, params: StartParams) -> Iterable[tuple[str, Reference]]:
        for place, one in enumerate(params.early_stop):
            if one.segment is not None:
                yield f"early_stop[{place}].segment", one.segment
            if one.type:
                yield f"early_stop[{place}].type", Reference(ref="event_type", id=one.type)

    def execute(self, params: StartParams, batch: Batch) -> list[Outcome]:
        stopped = exits_at_start(batch) | early_stops(params, batch, batch.visits)
        return [
            Ends("stopped", stopped[visit.run_id], result=f"stopped:{stopped[visit.run_id]}")
            if visit.run_id in stopped
            else NEXT
            for visit in batch.visits
        ]


def since_of(visit: Visit) -> datetime:
    """When the launch began: the time of its event, else its start."""
    at = visit.context.get("at")
    return datetime.fromisoformat(at) if at else visit.started_at


def early_stops(params: StartParams, batch: Batch, visits: Iterable[Visit]) -> dict[int, str]:
    """Launches that a check of Start ends now, with the reason."""
    left = list(visits)
    found: dict[int, str] = {}
    for one in params.early_stop:
        left = [visit for visit in left if visit.run_id not in found]
        if not left:
            break
        if one.by == "segment" and one.segment is not None:
            inside = members([one.segment], [v.person_id for v in left], now=batch.now)
            [people] = inside.values()
            found.update(
                {
                    v.run_id: f"early_stop:{one.segment.ref} {one.segment.id}"
                    for v in left
                    if v.person_id in people
                }
            )
            continue
        before = (read_duration(one.period) if one.period else None) or timedelta(0)
        asked = [
            Asked(
                v.person_id,
                as_text(render(one.key, batch.variables(v)).value),
                since_of(v) - before,
                v.event_id,
            )
            for v in left
        ]
        places = occurred(asked, [one.type], by_key=True, now=batch.now)
        found.update({left[place].run_id: f"early_stop:{one.type}" for place in places})
    return found


def exits_at_start(batch: Batch) -> dict[int, str]:
    """Launches an exit rule ends as they begin: the event came in the period before, or the contact is a member."""
    found: dict[int, str] = {}
    for place, rule in enumerate(batch.definition.stop.exit_rules):
        left = [visit for visit in batch.visits if visit.run_id not in found]
        if rule.on == "segment" and rule.segment is not None:
            [people] = members([rule.segment], [v.person_id for v in left], now=batch.now).values()
            hit = [v for v in left if v.person_id in people]
        else:
            before = (read_duration(rule.period) if rule.period else None) or timedelta(0)
            asked = [Asked(v.person_id, v.event_key, since_of(v) - before, v.event_id) for v in left]
            tree = None
            if rule.filters is not None:
                tree = conditions.read_tree(rule.filters, f"stop.exit_rules[{place}].filters")
            by_key = rule.match == "key"
            hit = [left[i] for i in occurred(asked, rule.types, by_key=by_key, now=batch.now, tree=tree)]
        found.update({visit.run_id: f"exit:{rule.id}" for visit in hit})
    return found


class EndParams(Part, frozen=True, kw_only=True):
    outcome: Annotated[str, hint(_("Outcome"), max_length=100)] = ""


@register
class EndBlock(Block[EndParams]):
    type = "end"
    group = "popular"
    label = _("End")
    icon = "stop"
    params = EndParams

    def outputs(self, params: EndParams) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def execute(self, params: EndParams, batch: Batch) -> list[Outcome]:
        done: Outcome = Ends("completed", params.outcome)
        return [done] * len(batch.visits)


class CheckpointParams(Part, frozen=True, kw_only=True):
    name: Annotated[str, hint(_("Name"), max_length=100)]


@register
class CheckpointBlock(Block[CheckpointParams]):
    type = "checkpoint"
    group = "other"
    label = _("Check point")
    icon = "flag"
    params = CheckpointParams

    def execute(self, params: CheckpointParams, batch: Batch) -> list[Outcome]:  # noqa: ARG002
        passed: Any = Left("next")
        return [passed] * len(batch.visits)
