"""Launch history: pages of launches, the steps of one, counts of blocks. Every list is bounded."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy

from cdp.ui.formatting import spoken
from cdp.ui.keyset import KeysetPage, read_page
from contacts.models import Contact
from messaging.models import Delivery
from messaging.services.causes import CauseName
from workflows.blocks.base import registry
from workflows.definition import reading
from workflows.definition.structure import Definition, Node
from workflows.models import NodeTally, Run, RunStep, StartTally, Workflow, WorkflowVersion
from workflows.services.reasons import BY_HAND, tell_reasons

PAGE = 50
MOST_STEPS = 500
MOST_COUNTED = 1_000
MOST_STANDING = 10_000
COUNT_OPEN = """
SELECT w.id, (
    SELECT count(*) FROM (
        SELECT 1 FROM workflows_run r
        WHERE r.workflow_id = w.id AND r.state IN ('running', 'paused') AND NOT r.is_test LIMIT %s
    ) capped
) FROM unnest(%s::bigint[]) AS w (id)
"""
DETAILS: dict[str, Any] = {
    "due": gettext_lazy("Goes on"), "held_since": gettext_lazy("Held since"), "zone": gettext_lazy("Time zone"),
    "deadline": gettext_lazy("Waits for the outcome until"), "message": gettext_lazy("Message"),
    "delivery": gettext_lazy("Delivery"), "deliveries": gettext_lazy("Deliveries asked about"),
    "error": gettext_lazy("Error"), "list": pgettext_lazy("of contacts", "List"), "to": gettext_lazy("Moved to"),
    "changes": gettext_lazy("Changes"),
}  # fmt: skip
TIMES = ("due", "held_since", "deadline")
TABS = ("running", "completed", "errors", "stopped", "tests")


@dataclass(frozen=True, slots=True)
class Question:
    """What the page asks for. `words`: a contact as the list of contacts finds it, or an event key."""

    workflow_id: int
    tab: str = "running"
    words: str = ""
    node: str = ""
    version_id: int | None = None
    reason: str = ""


def name_runs(ids: Collection[int]) -> dict[int, CauseName]:
    """The workflow of each launch, and the page of the launch, for lists of deliveries; two queries."""
    runs = dict(Run.objects.filter(pk__in=ids).values_list("pk", "workflow_id"))
    names = dict(Workflow.objects.filter(pk__in=set(runs.values())).values_list("pk", "name"))
    return {
        pk: CauseName(
            names[workflow_id], f"{reverse('admin:workflows_workflow_launches', args=[workflow_id])}?run={pk}",
            "workflows.view_workflow",
        )
        for pk, workflow_id in runs.items() if workflow_id in names
    }  # fmt: skip


def _tab(rows: Any, tab: str) -> Any:
    if tab == "tests":
        return rows.filter(is_test=True)
    rows = rows.filter(is_test=False)
    if tab == "errors":
        return rows.filter(has_errors=True)
    states = {"completed": ("completed",), "stopped": ("stopped",)}.get(tab, ("running", "paused"))
    return rows.filter(state__in=states)


def read_launches(question: Question, *, after: str = "", before: str = "") -> KeysetPage:
    """A page of launches, newest first, by the index of workflow and id."""
    rows = _tab(Run.objects.filter(workflow_id=question.workflow_id), question.tab)
    if question.words:
        people = list(Contact.objects.search(question.words).values_list("pk", flat=True)[:100])
        rows = rows.filter(person_id__in=people) if people else rows.filter(event_key=question.words)
    if question.node:
        rows = rows.filter(node=question.node)
    if question.version_id is not None:
        rows = rows.filter(version_id=question.version_id)
    if question.reason == BY_HAND.strip():
        rows = rows.filter(reason__startswith=BY_HAND)
    elif question.reason:
        rows = rows.filter(reason=question.reason)
    return read_page(rows.defer("context", "sent"), order=("-id",), size=PAGE, after=after, before=before)


def count_tabs(workflow_id: int) -> dict[str, int]:
    """How many launches each tab has, at most `MOST_COUNTED` + 1."""
    rows = Run.objects.filter(workflow_id=workflow_id)
    return {tab: len(_tab(rows, tab).values_list("pk", flat=True)[: MOST_COUNTED + 1]) for tab in TABS}


@dataclass(slots=True)
class Step:
    """One visit of a block as history shows it."""

    number: int
    node: str
    caption: str
    kind: str
    entered_at: datetime
    at: datetime | None
    result: str
    output: str
    detail: dict[str, Any] = field(default_factory=dict)
    delivery: Delivery | None = None
    why: str = ""

    @property
    def state(self) -> str:
        """The first part of the result: ok, waiting, moved, skipped, failed, unknown, stopped."""
        return self.result.partition(":")[0]


def read_steps(run: Run) -> list[Step]:
    """The blocks a launch has passed, and the one it stands on; at most eight queries."""
    rows = list(RunStep.objects.filter(run_id=run.pk).order_by("number", "at")[:MOST_STEPS])
    definitions = read_definitions({run.version_id, *(row.version_id for row in rows)})
    deliveries = Delivery.objects.in_bulk([row.delivery_id for row in rows if row.delivery_id is not None])
    reasons = {row.pk: (row.version_id, row.result.partition(":")[2]) for row in rows}
    told = tell_reasons(reasons.values())
    found = [
        Step(
            row.number, row.node, *_name(definitions.get(row.version_id), row.node), row.entered_at, row.at, row.result,
            row.output, explained(row.detail or {}), deliveries.get(row.delivery_id or 0), told[reasons[row.pk]],
        )
        for row in rows
    ]  # fmt: skip
    if run.state in ("running", "paused"):
        name = _name(definitions.get(run.version_id), run.node)
        found.append(
            Step(run.number, run.node, *name, run.entered_at, None, "waiting", "", explained(run.wait or {}))
        )
    return found


def explained(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a block noted or remembers, its own words for it and times as people say them."""
    now = timezone.now()
    return {
        str(DETAILS.get(name, name)): spoken(datetime.fromisoformat(value), now=now)
        if name in TIMES and value
        else value
        for name, value in detail.items()
    }


def read_definitions(version_ids: Collection[int]) -> dict[int, Definition]:
    rows = WorkflowVersion.objects.filter(pk__in=version_ids).values_list("pk", "definition")
    return {pk: reading.read(body) for pk, body in rows}


def captions_of(definition: Definition) -> dict[str, str]:
    """What people call each block, by its id, in the order of the document."""
    return {node.id: _caption(node) for node in definition.nodes}


def _caption(node: Node) -> str:
    block = registry.get(node.type)
    return node.data.caption or (str(block.label) if block is not None else node.id)


def _name(definition: Definition | None, node_id: str) -> tuple[str, str]:
    """(caption, type) of a block."""
    for node in definition.nodes if definition is not None else ():
        if node.id == node_id:
            return _caption(node), node.type
    return node_id, ""


def count_blocks(version_id: int, *, since: datetime | None = None) -> dict[str, dict[str, int]]:
    """By block, tests left out: `entered`, `out:<output>`, `end:<state>`, `result:<result>`; `here` only without a period."""
    rows = NodeTally.objects.filter(version_id=version_id)
    if since is not None:
        rows = rows.filter(hour__gte=since)
    found: dict[str, dict[str, int]] = {}
    for node, what, total in rows.values_list("node", "what").annotate(total=Sum("count")):
        found.setdefault(node, {})[what] = total
    if since is None:
        here = _standing(version_id)
        for node, counts in found.items():
            gone = sum(
                n for what, n in counts.items() if what.startswith(("out:", "end:")) or what == "moved"
            )
            counts["here"] = counts.get("entered", 0) - gone if here is None else here.get(node, 0)
    return found


def _standing(version_id: int) -> dict[str, int] | None:
    """Open launches by block; None when they are too many to count, and the difference of the tallies must do."""
    workflow_id = WorkflowVersion.objects.values_list("workflow_id", flat=True).get(pk=version_id)
    open_runs = Run.objects.filter(
        workflow_id=workflow_id, state__in=("running", "paused"), version_id=version_id, is_test=False
    )
    nodes = list(open_runs.values_list("node", flat=True)[: MOST_STANDING + 1])
    return None if len(nodes) > MOST_STANDING else dict(Counter(nodes))


def count_open(workflow_ids: Collection[int]) -> dict[int, int]:
    """Launches in progress by workflow, each counted no further than `MOST_COUNTED` + 1; one query."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_OPEN, [MOST_COUNTED + 1, list(workflow_ids)])
        return dict(cursor.fetchall())


def count_versions(workflow_id: int) -> dict[int, int]:
    """Launches in progress by version, of the first `MOST_STANDING`; one query."""
    open_runs = Run.objects.filter(workflow_id=workflow_id, state__in=("running", "paused"))
    return dict(Counter(open_runs.values_list("version_id", flat=True)[:MOST_STANDING]))


def count_week(workflow_ids: Collection[int], *, since: datetime) -> dict[int, dict[str, int]]:
    """By workflow since an hour: started, completed, errors; one query for starts and one for ends."""
    found: dict[int, dict[str, int]] = {
        pk: {"started": 0, "completed": 0, "failed": 0} for pk in workflow_ids
    }
    starts = StartTally.objects.filter(workflow_id__in=workflow_ids, day__gte=since.date(), reason="")
    for pk, total in starts.values_list("workflow_id").annotate(total=Sum("count")):
        found[pk]["started"] = total
    versions = dict(
        WorkflowVersion.objects.filter(workflow_id__in=workflow_ids).values_list("pk", "workflow_id")
    )
    ends = NodeTally.objects.filter(
        version_id__in=list(versions), hour__gte=since, what__in=("end:completed", "end:failed")
    )
    for version_id, what, total in ends.values_list("version_id", "what").annotate(total=Sum("count")):
        found[versions[version_id]][what.removeprefix("end:")] += total
    return found
