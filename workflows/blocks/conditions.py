"""Blocks that split the path: Condition, Split, Included in segment?, Current day and time."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal

import structlog
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from cdp.api.moments import read_date
from contacts.models import Address
from segments.rules import BrokenReference
from workflows.blocks.base import NO, YES, Batch, Block, Fails, Left, Outcome, Visit, hint, register
from workflows.blocks.flow import since_of
from workflows.blocks.lookups import Asked, contacts_of, members, occurred, subject_of
from workflows.definition import conditions
from workflows.definition.conditions import Subject
from workflows.definition.durations import read_duration
from workflows.definition.problems import DefinitionRefused, Problem
from workflows.definition.structure import Part, Reference, Weekday
from workflows.definition.timing import is_within, read_clock
from workflows.definition.values import as_text, render, template_fault

log = structlog.get_logger(__name__)

YES_NO = ("yes", "no")
MOST_SEEN = 20


class ConditionParams(Part, frozen=True, kw_only=True):
    """`check_values`: a tree over contact fields and event parameters. `check_event`: an event with `key` happened since
    the launch began, or in `period` before. `contact_confirmed`: the contact's e-mail is confirmed."""

    task: Annotated[Literal["check_values", "check_event", "contact_confirmed"], hint(_("Check"))] = (
        "check_values"
    )
    tree: Annotated[dict[str, Any] | None, hint(_("Conditions"), editor="conditions")] = None
    event: Annotated[str, hint(_("Event"), editor="event_type")] = ""
    key: Annotated[str, hint(_("Event key"), editor="template")] = "${key}"
    period: Annotated[str | None, hint(_("Period before the start"), editor="duration")] = None


@register
class ConditionBlock(Block[ConditionParams]):
    type = "condition"
    group = "conditions"
    label = _("Condition")
    icon = "call_split"
    params = ConditionParams
    may_fail = True

    def outputs(self, params: ConditionParams) -> tuple[str, ...]:  # noqa: ARG002
        return YES_NO

    def check(self, params: ConditionParams, path: str) -> Iterable[Problem]:
        if params.task == "check_values":
            if params.tree is None:
                yield Problem("E05", gettext("needs at least one condition"), f"{path}.tree")
                return
            try:
                conditions.read_tree(params.tree, f"{path}.tree")
            except DefinitionRefused as refused:
                yield from refused.problems
        if params.task == "check_event":
            if not params.event:
                yield Problem("E05", gettext("names the event to look for"), f"{path}.event")
            if fault := template_fault(params.key):
                yield Problem("E13", fault, f"{path}.key")
            if params.period is not None and read_duration(params.period) is None:
                text = gettext("'%(text)s' is no duration such as PT1H") % {"text": params.period}
                yield Problem("E05", text, f"{path}.period")

    def references(self, params: ConditionParams) -> Iterable[tuple[str, Reference]]:
        if params.task == "check_event" and params.event:
            yield "event", Reference(ref="event_type", id=params.event)
        if params.task == "check_values" and params.tree is not None:
            try:
                tree = conditions.read_tree(params.tree, "tree")
            except DefinitionRefused:
                return
            for leaf in conditions.leaves(tree):
                if leaf.left.startswith("field."):
                    yield "tree", Reference(ref="field", id=int(leaf.left.removeprefix("field.")))

    def execute(self, params: ConditionParams, batch: Batch) -> list[Outcome]:
        if params.task == "check_event":
            return _event(params, batch)
        if params.task == "contact_confirmed":
            return _confirmed(batch)
        tree = conditions.read_tree(params.tree, "tree")
        is_of_contact = any(not leaf.left.startswith("event.") for leaf in conditions.leaves(tree))
        return [_values(tree, visit, batch, is_of_contact=is_of_contact) for visit in batch.visits]


def _values(tree: conditions.Tree, visit: Visit, batch: Batch, *, is_of_contact: bool) -> Outcome:
    seen: list[conditions.Seen] = []
    subject = (
        subject_of(visit, batch)
        if is_of_contact
        else Subject(batch.variables(visit), {}, {}, batch.zone(visit))
    )
    verdict = conditions.evaluate(tree, subject, now=batch.now, seen=seen)
    looked = [
        {"left": one.leaf.left, "op": one.leaf.op, "right": one.leaf.right, "value": as_text(one.value)[:200],
         "fits": one.verdict}
        for one in seen[:MOST_SEEN]
    ]  # fmt: skip
    return Left("yes" if verdict else "no", detail={"seen": looked})


def _event(params: ConditionParams, batch: Batch) -> list[Outcome]:
    before = (read_duration(params.period) if params.period else None) or timedelta(0)
    asked = [
        Asked(
            v.person_id,
            as_text(render(params.key, batch.variables(v)).value),
            since_of(v) - before,
            v.event_id,
        )
        for v in batch.visits
    ]
    found = occurred(asked, [params.event], by_key=True, now=batch.now)
    return [YES if place in found else NO for place in range(len(asked))]


def _confirmed(batch: Batch) -> list[Outcome]:
    emails = {person: row["email_norm"] for person, row in contacts_of(batch).items() if row["email_norm"]}
    states = dict(
        Address.objects.filter(kind="email", value__in=set(emails.values())).values_list("value", "status")
    )
    return [YES if states.get(emails.get(v.person_id, "")) == "active" else NO for v in batch.visits]


class Branch(Part, frozen=True, kw_only=True):
    name: Annotated[str, hint(_("Name"), min_length=1, max_length=50)]
    percent: Annotated[int, hint(_("Percent"), ge=1, le=99)]


class SplitParams(Part, frozen=True, kw_only=True):
    """Two ways `a` and `b` by `ratio` (percent of `a`), or named `branches`, whose exits are `b:<name>`."""

    ratio: Annotated[int, hint(_("Percent of A"), ge=1, le=99)] = 50
    branches: Annotated[tuple[Branch, ...], hint(_("Branches"))] = ()
    sticky: Annotated[bool, hint(_("Same side each time"))] = True


@register
class SplitBlock(Block[SplitParams]):
    type = "condition.split"
    group = "conditions"
    label = _("Split")
    icon = "alt_route"
    params = SplitParams

    def outputs(self, params: SplitParams) -> tuple[str, ...]:
        return tuple(f"b:{branch.name}" for branch in params.branches) or ("a", "b")

    def check(self, params: SplitParams, path: str) -> Iterable[Problem]:
        if not params.branches:
            return
        if not 2 <= len(params.branches) <= 10:
            yield Problem("E09", gettext("has 2 to 10 branches"), f"{path}.branches")
        if sum(branch.percent for branch in params.branches) != 100:
            yield Problem("E09", gettext("the percents sum to 100"), f"{path}.branches")
        if len({branch.name for branch in params.branches}) < len(params.branches):
            yield Problem("E09", gettext("each branch has a name of its own"), f"{path}.branches")

    def execute(self, params: SplitParams, batch: Batch) -> list[Outcome]:
        shares = [(f"b:{one.name}", one.percent) for one in params.branches] or [
            ("a", params.ratio), ("b", 100 - params.ratio),
        ]  # fmt: skip
        return [self._one(params, shares, visit, batch) for visit in batch.visits]

    def _one(self, params: SplitParams, shares: list[tuple[str, int]], visit: Visit, batch: Batch) -> Outcome:
        drawn = draw(
            batch.workflow_id, batch.node.id, visit.person_id if params.sticky else f"run {visit.run_id}"
        )
        return Left(side(drawn, shares), detail={"drawn": drawn, "shares": dict(shares)})


def draw(workflow_id: int, node: str, who: int | str) -> int:
    """A number below 10 000 that depends on nothing but these three."""
    digest = hashlib.sha256(f"{workflow_id}/{node}/{who}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 10_000


def side(drawn: int, shares: list[tuple[str, int]]) -> str:
    """The branch whose range holds the number; moving a threshold moves nobody else."""
    edge = 0
    for name, percent in shares:
        edge += percent * 100
        if drawn < edge:
            return name
    return shares[-1][0]


class InSegmentParams(Part, frozen=True, kw_only=True):
    segment: Annotated[Reference | str | int, hint(_("Segment or list"), editor="segment")]


@register
class InSegmentBlock(Block[InSegmentParams]):
    type = "condition.in_segment"
    group = "conditions"
    label = _("Included in segment?")
    icon = "group"
    params = InSegmentParams
    may_fail = True

    def outputs(self, params: InSegmentParams) -> tuple[str, ...]:  # noqa: ARG002
        return YES_NO

    def check(self, params: InSegmentParams, path: str) -> Iterable[Problem]:
        yield from check_reference(params.segment, ("segment", "list"), f"{path}.segment")

    def references(self, params: InSegmentParams) -> Iterable[tuple[str, Reference]]:
        if isinstance(params.segment, Reference):
            yield "segment", params.segment

    def execute(self, params: InSegmentParams, batch: Batch) -> list[Outcome]:
        wanted = [resolve(params.segment, visit, batch, "segment") for visit in batch.visits]
        by_one: dict[Reference, list[int]] = {}
        for one, visit in zip(wanted, batch.visits, strict=True):
            if one is not None:
                by_one.setdefault(one, []).append(visit.person_id)
        inside: dict[Reference, set[int] | None] = {}
        for one, people in by_one.items():
            try:
                inside[one] = members([one], people, now=batch.now)[one.ref, int(one.id)]
            except BrokenReference as error:
                log.warning(
                    "workflow_segment_broken", workflow=batch.workflow_id, segment=one.id, error=str(error)
                )
                inside[one] = None
        found: list[Outcome] = []
        for one, visit in zip(wanted, batch.visits, strict=True):
            people_inside = inside[one] if one is not None else None
            if people_inside is None:
                found.append(Fails("failed:segment_missing" if one is None else "failed:evaluation_error"))
            else:
                found.append(YES if visit.person_id in people_inside else NO)
        return found


OF_KINDS = {
    ("message",): gettext_noop("must be a message, not '%(kind)s'"),
    ("list",): gettext_noop("must be a list, not '%(kind)s'"),
    ("segment", "list"): gettext_noop("must be a segment or a list, not '%(kind)s'"),
}


def check_reference(value: Reference | str | int, kinds: tuple[str, ...], path: str) -> Iterable[Problem]:
    """Faults of a parameter that is a reference, an id, or a template that gives one."""
    if isinstance(value, Reference):
        if value.ref not in kinds:
            yield Problem("E06", gettext(OF_KINDS[kinds]) % {"kind": value.ref}, path)
        elif not isinstance(value.id, int):
            yield Problem("E05", gettext("the id is a whole number"), f"{path}.id")
    elif isinstance(value, str):
        if "${" not in value:
            yield Problem("E05", gettext("is a reference or a variable such as ${segmentId}"), path)
        elif fault := template_fault(value):
            yield Problem("E13", fault, path)


def resolve(value: Reference | str | int, visit: Visit, batch: Batch, kind: Any) -> Reference | None:
    """What a parameter points at for one launch; None when its variable holds no id."""
    if isinstance(value, Reference):
        return value
    if isinstance(value, str):
        value = render(value, batch.variables(visit)).value
    text = as_text(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None
    return Reference(ref=kind, id=int(text))


class NowParams(Part, frozen=True, kw_only=True):
    weekdays: Annotated[tuple[Weekday, ...], hint(_("Weekdays"))] = ()
    date: Annotated[str | None, hint(_("Date"), editor="date")] = None
    start: Annotated[str | None, hint(_("From"), editor="time")] = None
    end: Annotated[str | None, hint(_("To"), editor="time")] = None
    contact_zone: Annotated[bool, hint(_("Use the contact's time zone"))] = False


@register
class NowBlock(Block[NowParams]):
    type = "condition.now"
    group = "conditions"
    label = _("Current day and time")
    icon = "today"
    params = NowParams

    def outputs(self, params: NowParams) -> tuple[str, ...]:  # noqa: ARG002
        return YES_NO

    def check(self, params: NowParams, path: str) -> Iterable[Problem]:
        if not (params.weekdays or params.date or params.start):
            yield Problem("E05", gettext("needs weekdays, a date or a range of hours"), path)
        if params.date is not None and read_date(params.date) is None:
            text = gettext("'%(text)s' is no date such as 2026-01-31") % {"text": params.date}
            yield Problem("E05", text, f"{path}.date")
        if (params.start is None) != (params.end is None):
            yield Problem("E05", gettext("a range of hours has both ends"), path)
        for name in ("start", "end"):
            clock = getattr(params, name)
            if clock is not None and (read_clock(clock) is None or len(clock) != 5):
                text = gettext("'%(text)s' is no time such as 08:45") % {"text": clock}
                yield Problem("E05", text, f"{path}.{name}")

    def execute(self, params: NowParams, batch: Batch) -> list[Outcome]:
        return [self._one(params, visit, batch) for visit in batch.visits]

    def _one(self, params: NowParams, visit: Visit, batch: Batch) -> Outcome:
        zone = batch.zone(visit, own=params.contact_zone)
        weekdays = () if params.date else params.weekdays
        fits = is_within(batch.now, params.start or "00:00", params.end or "23:59", weekdays, zone)
        if params.date:
            fits = fits and batch.now.astimezone(zone).date() == read_date(params.date)
        return Left("yes" if fits else "no", detail={"zone": str(zone)})
