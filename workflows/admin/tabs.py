"""What each tab of a workflow's record shows, read in a fixed number of queries."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from cdp.ui.seeded import seeded
from contacts.models import Contact, ContactList
from events.models import EventType
from messaging.wording import why_not
from segments.models import Segment
from workflows.definition import reading
from workflows.definition.lines import line_of
from workflows.definition.problems import DefinitionRefused, Problem
from workflows.definition.structure import Definition
from workflows.drawing import draw
from workflows.models import Run, StartTally, Workflow, WorkflowJob
from workflows.screens import pill_of
from workflows.services import history
from workflows.services.editing import differences
from workflows.services.explaining import explain_start, summary
from workflows.services.reasons import reason_choices, tell_counts, tell_ends
from workflows.services.validation import validate

MOST_CHOICES = 500
MOST_VERSIONS = 50
MOST_JOBS = 5
MOST_LINES = 5_000
SPARE_LINES = 8  # numbers for what is typed below the end
WEEK = timedelta(days=7)


@dataclass(slots=True)
class Page:
    name: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    status: int = 200


def definition(
    request: HttpRequest,  # noqa: ARG001 - as every tab has it
    row: Workflow,
    *,
    text: str | None = None,
    refused: Sequence[Problem] = (),
    status: int = 400,
) -> Page:
    """The draft as text with its problems, and the graph with the counts of the published version."""
    now = timezone.now()
    read, broken = _draft(row)
    problems = [*refused] or ([*broken] if read is None else validate(read, now=now))
    counts = history.count_blocks(row.version_id) if row.version_id is not None else {}
    fared = tell_counts(row.version_id, counts) if row.version_id is not None else {}
    drawing, outline = None, []
    context: dict[str, Any] = {}
    if read is not None:
        marks = {one.node: "error" if one.is_error else "warning" for one in reversed(problems) if one.node}
        drawing = draw(read, counts=counts, problems=marks)
        outline = sorted(drawing.boxes, key=lambda box: (box.layer, box.x))
        context |= _limits(read)
    document = reading.write(read) if read is not None else row.draft  # in the order of the documentation
    draft = json.dumps(document, indent=2, ensure_ascii=False)
    published = reading.read(row.version.definition) if row.version is not None else None
    change = changes_in_words(published, read) if read is not None and row.is_draft_changed else None
    shown = draft if text is None else text
    located = [(one, line_of(shown, one.path)) for one in problems]
    places = (
        {node.id: f"nodes[{number}]" for number, node in enumerate(read.nodes)} if read is not None else {}
    )
    context |= {
        "text": shown, "problems": located, "drawing": drawing, "lines": _numbered(shown, located),
        "outline": [
            (box, line_of(shown, places.get(box.id, "")) if text is None else 0, fared.get(box.id, [])) for box in outline
        ],
        "errors": sum(one.is_error for one in problems), "revision": row.draft_revision, "change": change,
        "open_count": history.count_open([row.pk])[row.pk],
        "jobs": WorkflowJob.objects.filter(workflow_id=row.pk).order_by("-pk")[:MOST_JOBS],
        "targets": list(history.captions_of(read).items()) if read is not None else [],
    }  # fmt: skip
    return Page("definition", "workflows/definition.html", context, status if refused else 200)


def changes_in_words(old: Definition | None, new: Definition) -> dict[str, list[str]]:
    """Captions of blocks that were added, removed or changed; with the id where several blocks are called alike."""
    called = (history.captions_of(old) if old is not None else {}) | history.captions_of(new)
    alike = Counter(called.values())
    names = {key: name if alike[name] == 1 else f"{name} ({key})" for key, name in called.items()}
    return {kind: [names[key] for key in ids] for kind, ids in differences(old, new).items()}


def _numbered(text: str, problems: Sequence[tuple[Problem, int]]) -> list[tuple[int, str]]:
    """Numbers of the lines, at most `MOST_LINES`, each with the worst that is wrong on it: error, warning or empty."""
    tones: dict[int, str] = {}
    for problem, line in problems:
        if problem.is_error or line not in tones:
            tones[line] = "error" if problem.is_error else "warning"
    count = min(text.count("\n") + 1 + SPARE_LINES, MOST_LINES)
    return [(number, tones.get(number, "")) for number in range(1, count + 1)]


def _limits(read: Definition) -> dict[str, Any]:
    """What starts and stops launches, in words; two queries."""
    rules = read.stop.exit_rules
    keys = {key for rule in rules for key in rule.types} | (
        {read.start.event.type} if read.start.event else set()
    )
    names = dict(EventType.objects.filter(key__in=keys).values_list("key", "name"))
    wanted = {rule.segment.id for rule in rules if rule.segment is not None and rule.segment.ref == "segment"}
    found = Segment.objects.filter(pk__in=[pk for pk in wanted if isinstance(pk, int)]).values_list(
        "pk", "name"
    )
    segments = {str(pk): name for pk, name in found}

    def named(key: str) -> str:
        return str(seeded(names.get(key) or key))

    stops = []
    for rule in rules:
        if rule.segment is None:
            stops.append(_("%(event)s happens") % {"event": ", ".join(map(named, rule.types))})
        else:
            stops.append(
                _("in %(segment)s") % {"segment": segments.get(str(rule.segment.id), str(rule.segment.id))}
            )
    return {"starts": named(read.start.event.type) if read.start.event else _("by hand"), "stops": stops}


def _draft(row: Workflow) -> tuple[Definition | None, list[Problem]]:
    try:
        return reading.read(row.draft), []
    except DefinitionRefused as refused:
        return None, refused.problems


def launches(request: HttpRequest, row: Workflow) -> Page:
    """Launches, the blocks of the chosen one, the parameters of the chosen block."""
    query = request.GET
    chosen = Run.objects.filter(workflow_id=row.pk, pk=_number(query.get("run")) or 0).first()
    tab = query.get("tab") or (_tab_of(chosen) if chosen is not None else "running")
    question = history.Question(
        row.pk, tab if tab in history.TABS else "running", query.get("q", "").strip().replace("\0", "")[:200],
        query.get("block", "")[:64], _number(query.get("version")), query.get("reason", "")[:200],
    )  # fmt: skip
    page = history.read_launches(question, after=query.get("after", ""), before=query.get("before", ""))
    kept = {name: query[name] for name in ("tab", "q", "block", "version", "reason") if query.get(name)}
    labels = {"running": _("In progress"), "completed": _("Completed"), "errors": _("With errors"),
              "stopped": _("Stopped"), "tests": _("Tests")}  # fmt: skip
    counts = history.count_tabs(row.pk)
    current = _current(row)
    context: dict[str, Any] = {
        "question": question, "page": page, "launches": dress(page.rows), "blocks": _blocks(current, question.node),
        "reasons": _reasons(current, question.reason),
        "chosen": chosen, "kept": urlencode(kept),
        "tabs": [(name, labels[name], counts[name], counts[name] > history.MOST_COUNTED) for name in history.TABS],
        "most": history.MOST_COUNTED, "versions": list(row.versions.order_by("-pk").values_list("pk", "number")[:MOST_VERSIONS]),
    }  # fmt: skip
    if chosen is not None:
        context |= _chosen(chosen, _number(query.get("step")))
    return Page("launches", "workflows/launches.html", context)


def _current(row: Workflow) -> Definition | None:
    """The published definition, the draft's without one; None when it cannot be read."""
    if row.version_id is None:
        return _draft(row)[0]
    return history.read_definitions([row.version_id]).get(row.version_id)


def _blocks(found: Definition | None, chosen: str) -> list[tuple[str, str]]:
    """(id, caption) of the blocks, and of the block asked for."""
    names = history.captions_of(found) if found is not None else {}
    return list((names | ({} if not chosen or chosen in names else {chosen: chosen})).items())


def _reasons(found: Definition | None, chosen: str) -> list[tuple[str, str]]:
    """(value, words) of the reasons to end, and of the one asked for, which a former version may have had."""
    choices = reason_choices(found)
    known = not chosen or any(value == chosen for value, _words in choices)
    return choices if known else [*choices, (chosen, chosen)]


def _tab_of(run: Run) -> str:
    """Where a launch that is linked to alone is listed."""
    if run.is_test:
        return "tests"
    found = {"completed": "completed", "stopped": "stopped"}.get(run.state)
    return found or ("running" if run.state in ("running", "paused") else "errors")


def _chosen(run: Run, number: int | None) -> dict[str, Any]:
    steps = history.read_steps(run)
    step = next((one for one in reversed(steps) if one.number == number), steps[-1] if steps else None)
    drawing = None
    found = history.read_definitions([run.version_id]).get(run.version_id)
    if found is not None:
        passed = {one.node: one.output for one in steps if one.at is not None}
        current = run.node if run.state in ("running", "paused") else ""
        drawing = draw(found, passed=passed, current=current)
    [dressed] = dress([run])
    delivery_why = why_not(step.delivery.reason) if step is not None and step.delivery is not None else ""
    return {
        "steps": steps, "step": step, "drawing": drawing, "chosen_launch": dressed, "delivery_why": delivery_why,
    }  # fmt: skip


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def dress(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Launches with their contacts, states, the blocks they stand on and why they ended, in at most six queries."""
    now = timezone.now()
    contacts = Contact.objects.in_bulk([run.person_id for run in runs])
    versions = history.read_definitions(
        {run.version_id for run in runs if run.state in ("running", "paused")}
    )
    names = {pk: history.captions_of(found) for pk, found in versions.items()}
    ends = tell_ends(runs)
    return [
        {
            "run": run, "why": ends[run.pk], "contact": contacts.get(run.person_id), "state": pill_of(run, now=now),
            "block": names.get(run.version_id, {}).get(run.node, run.node),
        }
        for run in runs
    ]  # fmt: skip


def launch(request: HttpRequest, row: Workflow) -> Page:  # noqa: ARG001
    """Forms: for one contact, as a test, for everybody on a list or in a segment."""
    lists = list(ContactList.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES])
    segments = list(Segment.objects.order_by("name").values_list("pk", "name", "size")[:MOST_CHOICES])
    jobs = WorkflowJob.objects.filter(workflow_id=row.pk).order_by("-pk")[:MOST_JOBS]
    return Page("launch", "workflows/launch.html", {"lists": lists, "segments": segments, "jobs": jobs})


def why(request: HttpRequest, row: Workflow) -> Page:
    """Why did it not start? And what was refused lately."""
    now = timezone.now()
    words = request.GET.get("contact", "").strip().replace("\0", "")[:300]
    context: dict[str, Any] = {
        "words": words, "refused": summary(row.pk, since=now - WEEK),
        "started": sum(
            StartTally.objects.filter(workflow_id=row.pk, day__gte=(now - WEEK).date(), reason="").values_list("count", flat=True)
        ),
    }  # fmt: skip
    if words:
        found = list(Contact.objects.search(f"id:{words}" if words.isdigit() else words)[:2])
        context["contacts_found"] = len(found)
        if len(found) == 1:
            context["contact"] = found[0]
            context["answer"] = explain_start(row.pk, found[0].pk, now=now)
    return Page("why", "workflows/why.html", context)


def versions(request: HttpRequest, row: Workflow) -> Page:
    """Published versions, newest first, with what changed and how many launches are on each."""
    rows = list(row.versions.exclude(number=None).order_by("-number")[: MOST_VERSIONS + 1])
    shown: list[dict[str, Any]] = []
    running = history.count_versions(row.pk)
    for one, before in zip_longest(rows, rows[1:]):
        read = reading.read(one.definition)
        change = changes_in_words(reading.read(before.definition) if before is not None else None, read)
        shown.append({"version": one, "change": change, "open": running.get(one.pk, 0)})
    chosen = next(
        (one["version"] for one in shown if str(one["version"].pk) == request.GET.get("version")), None
    )
    drawing = draw(reading.read(chosen.definition)) if chosen is not None else None
    return Page(
        "versions",
        "workflows/versions.html",
        {"versions": shown[:MOST_VERSIONS], "chosen": chosen, "drawing": drawing},
    )


def of_contact(contact: Contact) -> dict[str, Any]:
    """Launches of one contact, newest first."""
    runs = list(
        Run.objects.filter(person_id=contact.pk).defer("context", "sent").order_by("-pk")[: history.PAGE]
    )
    names = dict(Workflow.objects.filter(pk__in={run.workflow_id for run in runs}).values_list("pk", "name"))
    return {
        "launches": [one | {"name": names.get(one["run"].workflow_id, "?")} for one in dress(runs)],
        "most": history.PAGE,
    }  # fmt: skip
