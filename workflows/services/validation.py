"""Checks a definition before it is published: errors `E..` stop that, warnings `W..` do not (product document, 24.1, 24.2).

What does not exist yet in the product (other channels, webhooks, regular starts) is an unknown block or key.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from cdp.api.moments import read_moment, zone_of
from contacts.models import ContactField, ContactList
from events.models import EventType
from messaging.models import Message, MessageState
from segments.models import Segment
from workflows.blocks.base import Block, handles, registry
from workflows.definition import conditions, reading
from workflows.definition.durations import longest, read_duration
from workflows.definition.graph import Graph, check_shape, unconnected
from workflows.definition.problems import DefinitionRefused, Problem
from workflows.definition.structure import START, Definition, Node, Reference
from workflows.definition.timing import read_clock
from workflows.definition.values import names_in

NODE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SOON = {"condition.sent": timedelta(minutes=5), "condition.delivered": timedelta(minutes=5)}
SOON_OTHERWISE = timedelta(hours=1)
KNOWN_VARIABLES = frozenset({
    "key", "eventKey", "workflowId", "workflowName", "workflowInstanceId", "ContactId", "startedAt", "now", "eventType",
    "messageId", "emailAddress", "phoneNumber", "externalCustomerId",
})  # fmt: skip

GONE = {
    "event_type": gettext_noop("there is no event type %(id)s; it was deleted or never made"),
    "list": gettext_noop("there is no list %(id)s; it was deleted or never made"),
    "segment": gettext_noop("there is no segment %(id)s; it was deleted or never made"),
    "field": gettext_noop("there is no field %(id)s; it was deleted or never made"),
    "message": gettext_noop("there is no message %(id)s; it was deleted or never made"),
}


@dataclass(slots=True)
class Facts:
    """What exists outside the definition: ids by kind, and observed parameters of the start event."""

    event_types: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: set[int] = field(default_factory=set)
    segments: set[int] = field(default_factory=set)
    fields: set[int] = field(default_factory=set)
    messages: dict[int, tuple[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Checked:
    """The definition with the parameters that could be read."""

    graph: Graph
    blocks: dict[str, tuple[Block[Any], Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def validate(definition: Definition, *, now: datetime) -> list[Problem]:
    """Every fault of a definition, errors first; three to six queries, whatever its size."""
    checked = _read_params(definition)
    graph = checked.graph
    exits = {node: handles(block, params, graph.nodes[node].data.on_error)
             for node, (block, params) in checked.blocks.items()}  # fmt: skip
    waits = [node for node, (block, _params) in checked.blocks.items() if block.is_wait]
    problems = checked.problems
    problems += check_shape(graph, exits, waits)
    problems += _check_start(definition, now=now)
    problems += _check_settings(checked)
    references = list(_references(checked))
    facts = load_facts(reference for _path, _node, reference in references)
    problems += _check_references(references, facts)
    if not any(problem.code in ("E01", "E02", "E04") for problem in problems):
        problems += _check_paths(checked)
        problems += unconnected(graph, exits)
        problems += _warn(checked, facts)
    return sorted(set(problems), key=lambda problem: (not problem.is_error, problem.code, problem.path))


def _read_params(definition: Definition) -> _Checked:
    checked = _Checked(Graph.of(definition))
    for place, node in enumerate(definition.nodes):
        path = f"nodes[{place}]"
        if not NODE_ID.fullmatch(node.id):
            text = _("the id of a block is 1 to 64 letters, digits, _ and -")
            checked.problems.append(Problem("E02", text, f"{path}.id", node.id))
        block = registry.get(node.type)
        if block is None:
            text = _("there is no block '%(name)s'") % {"name": node.type}
            checked.problems.append(Problem("E05", text, f"{path}.type", node.id))
            continue
        try:
            params: Any = reading.read_part(
                node.data.params, block.params, f"{path}.data.params", node=node.id
            )
        except DefinitionRefused as refused:
            checked.problems.extend(refused.problems)
            continue
        checked.blocks[node.id] = (block, params)
        for problem in block.check(params, f"{path}.data.params"):
            checked.problems.append(Problem(problem.code, problem.text, problem.path, node.id))
        if node.data.on_error != "continue" and not block.may_fail:
            text = _("this block cannot fail; leave on_error as it is")
            checked.problems.append(Problem("E05", text, f"{path}.data.on_error", node.id))
    return checked


def _check_start(definition: Definition, *, now: datetime) -> Iterator[Problem]:
    start = definition.start
    if start.kind == "event" and start.event is None:
        yield Problem("E05", _("names the event that starts"), "start.event")
    if start.kind == "none" and start.event is not None:
        yield Problem("E05", _("kind is 'event' when an event starts"), "start.kind")
    if read_duration(start.max_event_age) is None:
        text = _("'%(text)s' is no duration such as PT24H") % {"text": start.max_event_age}
        yield Problem("E05", text, "start.max_event_age")
    yield from _check_tree(start.event.filters if start.event else None, "start.event.filters")
    yield from _check_tree(start.contact_filters, "start.contact_filters")
    stop = definition.stop
    if stop.at is not None:
        at = read_moment(stop.at, zone_of("UTC"))
        if at is None or at <= now:
            yield Problem("E05", _("is a time ahead, such as 2030-01-31T18:00:00Z"), "stop.at")
    seen: set[str] = set()
    for place, rule in enumerate(stop.exit_rules):
        path = f"stop.exit_rules[{place}]"
        if rule.id in seen or not rule.id:
            yield Problem("E02", _("each exit rule has an id of its own"), f"{path}.id")
        seen.add(rule.id)
        yield from _check_rule(rule, path, start)


def _check_rule(rule: Any, path: str, start: Any) -> Iterator[Problem]:
    if rule.on == "segment":
        if rule.segment is None or rule.segment.ref not in ("segment", "list"):
            yield Problem("E06", _("names a segment or a list"), f"{path}.segment")
        return
    if not rule.types:
        yield Problem("E05", _("names at least one event"), f"{path}.types")
    if rule.period is not None and read_duration(rule.period) is None:
        text = _("'%(text)s' is no duration such as PT1H") % {"text": rule.period}
        yield Problem("E05", text, f"{path}.period")
    own = start.event is not None and start.event.type in rule.types
    if own and rule.filters is None and (start.event.filters is None):
        text = _("the event that starts would stop at once; tell them apart by conditions")
        yield Problem("E17", text, f"{path}.types")
    yield from _check_tree(rule.filters, f"{path}.filters")


def _check_tree(tree: dict[str, Any] | None, path: str) -> Iterator[Problem]:
    if tree is None:
        return
    try:
        conditions.read_tree(tree, path)
    except DefinitionRefused as refused:
        yield from refused.problems


def _check_settings(checked: _Checked) -> Iterator[Problem]:
    settings = checked.graph.definition.settings
    for name, is_set in (
        ("holdout_percent", settings.holdout_percent > 0), ("exclusive_group", settings.exclusive_group is not None),
        ("goals", bool(settings.goals)),
    ):  # fmt: skip
        if is_set:
            text = _("is not acted on by this version of the product; leave it empty")
            yield Problem("E05", text, f"settings.{name}")
    if read_duration(settings.overdue_policy.max_lateness) is None:
        yield Problem("E05", _("is a duration such as P1D"), "settings.overdue_policy.max_lateness")
    for day, ranges in settings.allowed_hours.items():
        for place, (start, end) in enumerate(ranges):
            if read_clock(start) is None or (read_clock(end) is None and end != "24:00") or start == end:
                text = _("'%(start)s'–'%(end)s' is no range of hours") % {"start": start, "end": end}
                yield Problem("E05", text, f"settings.allowed_hours.{day}[{place}]")
    if not any(settings.allowed_hours.values()):
        for node, (_block, params) in checked.blocks.items():
            if getattr(params, "allowed_hours", False):
                path = f"{checked.graph.path(node)}.data.params.allowed_hours"
                yield Problem("E05", _("needs allowed hours in the settings of the workflow"), path, node)


def _references(checked: _Checked) -> Iterator[tuple[str, str, Reference]]:
    """(path, block id, reference) of everything the definition points at."""
    definition = checked.graph.definition
    if definition.start.event is not None:
        yield "start.event.type", "", Reference(ref="event_type", id=definition.start.event.type)
    for place, rule in enumerate(definition.stop.exit_rules):
        for one in rule.types:
            yield f"stop.exit_rules[{place}].types", "", Reference(ref="event_type", id=one)
        if rule.segment is not None:
            yield f"stop.exit_rules[{place}].segment", "", rule.segment
    for node, (block, params) in checked.blocks.items():
        for inner, reference in block.references(params):
            yield f"{checked.graph.path(node)}.data.params.{inner}", node, reference


def load_facts(references: Iterable[Reference]) -> Facts:
    """What of the references exists; one query a kind."""
    wanted: dict[str, set[Any]] = {}
    for one in references:
        if one.ref == "event_type" or isinstance(one.id, int):
            wanted.setdefault(one.ref, set()).add(one.id)
    facts = Facts()
    if keys := wanted.get("event_type"):
        facts.event_types = dict(
            EventType.objects.filter(key__in=[str(k) for k in keys]).values_list("key", "structure")
        )
    if ids := wanted.get("list"):
        facts.lists = set(ContactList.objects.filter(pk__in=ids).values_list("pk", flat=True))
    if ids := wanted.get("field"):
        facts.fields = set(ContactField.objects.filter(pk__in=ids).values_list("pk", flat=True))
    if ids := wanted.get("message"):
        rows = Message.objects.filter(pk__in=ids).values_list("pk", "channel", "state", "revision_id")
        facts.messages = {
            pk: (channel, state if revision else "draft") for pk, channel, state, revision in rows
        }
    if ids := wanted.get("segment"):
        facts.segments = set(Segment.objects.filter(pk__in=ids).values_list("pk", flat=True))
    return facts


def _check_references(references: Iterable[tuple[str, str, Reference]], facts: Facts) -> Iterator[Problem]:
    known: dict[str, Any] = {
        "event_type": facts.event_types, "list": facts.lists, "segment": facts.segments, "field": facts.fields,
        "message": facts.messages,
    }  # fmt: skip
    for path, node, one in references:
        if one.id not in known[one.ref]:
            yield Problem("E06", _(GONE[one.ref]) % {"id": one.id}, path, node)
        elif one.ref == "message" and (text := _message_fault(*facts.messages[int(one.id)])):
            yield Problem("E06", text % {"id": one.id}, path, node)


def _message_fault(channel: str, state: str) -> str:
    """Why a message cannot be sent, with a place for its id; empty when it can."""
    if state == MessageState.ARCHIVED:
        return _("the message %(id)s is archived")
    if state != MessageState.READY:
        return _("the message %(id)s is a draft; make it ready first")
    return _("the message %(id)s is for another channel") if channel != "email" else ""


def _check_paths(checked: _Checked) -> Iterator[Problem]:
    graph = checked.graph
    start_event = graph.definition.start.event

    def is_message(node: Node) -> bool:
        return node.id in checked.blocks and checked.blocks[node.id][0].is_message

    def is_wait(node: Node) -> bool:
        return node.id in checked.blocks and checked.blocks[node.id][0].is_wait

    for node, (block, params) in checked.blocks.items():
        path = graph.path(node)
        if block.needs_message and not graph.on_every_path(node, is_message):
            yield Problem("E07", _("a message block must stand before it on every path"), path, node)
        for name in getattr(params, "source", ()):
            if name not in graph.nodes or not is_message(graph.nodes[name]):
                text = _("'%(name)s' is no message block") % {"name": name}
                yield Problem("E07", text, f"{path}.data.params.source", node)
        restarts = (
            block.type == "task.launch_event" and start_event is not None and params.event == start_event.type
        )
        if restarts and not graph.on_every_path(node, is_wait):
            yield Problem("E18", _("starts this workflow again without a wait before it"), path, node)


def _warn(checked: _Checked, facts: Facts) -> Iterator[Problem]:
    graph, definition = checked.graph, checked.graph.definition
    for node, (block, params) in checked.blocks.items():
        if block.needs_message and getattr(params, "wait", None) is None:
            yield from _too_soon(checked, node, block)
        if block.type == "condition.split":
            ways = [edge.target for edge in graph.leaving[node]]
            if len(ways) > 1 and len(set(ways)) == 1:
                yield Problem("W12", _("all branches lead to the same block"), graph.path(node), node)
    messages = sum(block.is_message for block, _params in checked.blocks.values())
    start_params = next((p for b, p in checked.blocks.values() if b.type == START), None)
    if messages > 2 and not definition.stop.exit_rules and not getattr(start_params, "early_stop", ()):
        text = ngettext(
            "sends %(count)s message and nothing stops it early",
            "sends %(count)s messages and nothing stops it early",
            messages,
        )
        yield Problem("W04", text % {"count": messages}, "stop")
    yield from _unknown_variables(checked, facts)


def _too_soon(checked: _Checked, node: str, block: Block[Any]) -> Iterator[Problem]:
    """W03: between the nearest message and the check lies less than it takes people."""
    needed = SOON.get(block.type, SOON_OTHERWISE)
    for source, between in checked.graph.upstream(node):
        if not checked.blocks[source.id][0].is_message:
            continue
        waited = timedelta(0)
        for one in between:
            wait = getattr(checked.blocks[one][1], "wait", None) if checked.blocks[one][0].is_wait else None
            until = getattr(checked.blocks[one][1], "until", None)
            waited += longest(wait) if wait is not None else needed if until is not None else timedelta(0)
        if waited < needed:
            minutes = int(needed.total_seconds() // 60)
            text = ngettext(
                "asks sooner than %(minutes)s minute after its message; put a timer between, or let it wait",
                "asks sooner than %(minutes)s minutes after its message; put a timer between, or let it wait",
                minutes,
            )
            yield Problem("W03", text % {"minutes": minutes}, checked.graph.path(node), node)
        return


def _unknown_variables(checked: _Checked, facts: Facts) -> Iterator[Problem]:
    """W05: variables that no event of the starting type was ever seen with."""
    event = checked.graph.definition.start.event
    if event is None or not facts.event_types.get(event.type):
        return
    known = {name.lower() for name in facts.event_types[event.type]} | {
        name.lower() for name in KNOWN_VARIABLES
    }
    for node in checked.blocks:
        for name in names_in(checked.graph.nodes[node].data.params):
            first = name.replace("[", ".").split(".")[0]
            if first.lower() not in known and first != "steps":
                text = _("'%(name)s' was never seen in events of this type") % {"name": name}
                yield Problem("W05", text, checked.graph.path(node), node)
