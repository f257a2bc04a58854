"""Drafts and versions: create, save, publish."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from contacts.field_uses import Use
from workflows.definition import reading
from workflows.definition.problems import DefinitionRefused, Problem
from workflows.definition.structure import Definition
from workflows.models import JobKind, Run, Workflow, WorkflowJob, WorkflowStatus, WorkflowVersion
from workflows.services.listening import listen
from workflows.services.validation import validate

USES = """
SELECT DISTINCT f.id, w.id, w.name
FROM unnest(%s::int[]) AS f(id)
CROSS JOIN LATERAL (
    SELECT format('$.** ? ((@.ref == "field" && @.id == %%s) || @.left == "field.%%s")', f.id, f.id)::jsonpath
) p(path)
JOIN workflows_workflow w ON true
LEFT JOIN workflows_workflowversion v ON v.id = w.version_id
WHERE w.draft @? p.path OR v.definition @? p.path
ORDER BY w.name, w.id LIMIT 1000
"""
KEEP, MOVE = "keep", "move"
END = ""


class DraftConflict(ValueError):
    """Somebody saved the draft meanwhile; `revision` and `draft` are theirs."""

    def __init__(self, row: Workflow) -> None:
        text = _("the draft was saved meanwhile (revision %(revision)s)")
        if row.updated_by:
            text = _("the draft was saved meanwhile by %(name)s (revision %(revision)s)")
        super().__init__(text % {"name": row.updated_by, "revision": row.draft_revision})
        self.revision = row.draft_revision
        self.draft = row.draft
        self.author = row.updated_by


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved draft: its revision, its problems, and the version it was published as, if it was."""

    workflow: Workflow
    problems: list[Problem]
    version: WorkflowVersion | None = None


BLANK_NODES = [
    {"id": "n_start", "type": "start", "position": {"x": 0, "y": 0}},
    {"id": "n_end", "type": "end", "position": {"x": 240, "y": 0}},
]
BLANK_EDGES = [{"id": "e1", "source": "n_start", "target": "n_end"}]


def blank(name: str) -> dict[str, Any]:
    """The document of a new workflow."""
    return {"schema": "workflow/1", "name": name, "nodes": BLANK_NODES, "edges": BLANK_EDGES}


def create_workflow(*, name: str, document: dict[str, Any] | None = None, actor: str, now: datetime) -> Saved:
    """Make a workflow, not active; a valid document is its first version.

    Raises:
        DefinitionRefused: the document cannot be read.
    """
    definition = reading.read(document if document is not None else blank(name))
    with transaction.atomic():
        row = Workflow.objects.create(
            name=definition.name, tags=list(definition.tags), draft=reading.write(definition), created_at=now,
            updated_at=now, updated_by=actor,
        )  # fmt: skip
        return _settle(row, definition, actor=actor, now=now)


def workflows_using_fields(field_ids: Sequence[int]) -> dict[int, list[Use]]:
    """The workflows whose draft or published version names additional fields, by field."""
    found: dict[int, list[Use]] = {}
    with connection.cursor() as cursor:
        cursor.execute(USES, [list(field_ids)])
        for field_id, pk, name in cursor.fetchall():
            page = reverse("admin:workflows_workflow_change", args=[pk])
            found.setdefault(field_id, []).append(Use(_("Workflow"), name, page))
    return found


def existing_workflows(ids: Collection[int]) -> set[int]:
    return set(Workflow.objects.filter(pk__in=ids).values_list("pk", flat=True))


def save_draft(workflow_id: int, document: Any, *, revision: int, actor: str, now: datetime) -> Saved:
    """Save the draft that was read at `revision`. Of a workflow that is not active, a valid draft is published.

    Raises:
        DefinitionRefused: the document cannot be read; nothing is saved.
        DraftConflict: `revision` is not the present one; nothing is saved.
    """
    definition = reading.read(document)
    with transaction.atomic():
        row = Workflow.objects.select_for_update(no_key=True).get(pk=workflow_id)
        if row.draft_revision != revision:
            raise DraftConflict(row)
        row.draft = reading.write(definition)
        row.draft_revision += 1
        row.name, row.tags = definition.name, list(definition.tags)
        row.updated_at, row.updated_by = now, actor
        row.save(update_fields=["draft", "draft_revision", "name", "tags", "updated_at", "updated_by"])
        return _settle(row, definition, actor=actor, now=now)


def _settle(row: Workflow, definition: Definition, *, actor: str, now: datetime) -> Saved:
    problems = validate(definition, now=now)
    version = None
    if row.status == WorkflowStatus.NOT_ACTIVE and not any(problem.is_error for problem in problems):
        version = _freeze(row, definition, actor=actor, comment="", now=now)
    return Saved(row, problems, version)


def publish(
    workflow_id: int, *, actor: str, now: datetime, comment: str = "", running: str = KEEP, target: str = END
) -> WorkflowVersion:
    """Freeze the draft as the next version, which new launches take.

    Args:
        running: what open launches do: `keep` their version, or `move` to this one.
        target: where moved launches go whose block is gone: a block of this version, or empty to end them.

    Raises:
        DefinitionRefused: the draft has errors; nothing changed.
    """
    with transaction.atomic():
        row = Workflow.objects.select_for_update(no_key=True).get(pk=workflow_id)
        definition = reading.read(row.draft)
        problems = validate(definition, now=now)
        if target and all(node.id != target for node in definition.nodes):
            text = _("there is no block '%(name)s' to move launches to") % {"name": target}
            problems.append(Problem("E02", text, "target"))
        errors = [problem for problem in problems if problem.is_error]
        if errors:
            raise DefinitionRefused(errors)
        version = _freeze(row, definition, actor=actor, comment=comment, now=now)
        if (
            running == MOVE
            and Run.objects.filter(workflow_id=row.pk, state__in=("running", "paused")).exists()
        ):
            WorkflowJob.objects.create(
                workflow_id=row.pk, kind=JobKind.MOVE, params={"version": version.pk, "target": target}, actor=actor,
                created_at=now,
            )  # fmt: skip
        return version


def _freeze(
    row: Workflow, definition: Definition, *, actor: str, comment: str, now: datetime
) -> WorkflowVersion:
    """The draft as a version; the present one when nothing changed since."""
    if row.version is not None and row.published_revision == row.draft_revision:
        return row.version
    last = row.versions.exclude(number=None).order_by("-number").values_list("number", flat=True).first()
    version = WorkflowVersion.objects.create(
        workflow=row, number=(last or 0) + 1, definition=reading.write(definition), author=actor, comment=comment,
        created_at=now,
    )  # fmt: skip
    row.version, row.published_revision = version, row.draft_revision
    row.save(update_fields=["version", "published_revision"])
    listen(row, definition)
    return version


def freeze_for_test(workflow_id: int, *, actor: str, now: datetime) -> WorkflowVersion:
    """The version a test launch runs on: the published one, or one without number for a draft that differs.

    Raises:
        DefinitionRefused: the draft has errors.
    """
    row = Workflow.objects.select_for_update(no_key=True).get(pk=workflow_id)
    if row.version is not None and not row.is_draft_changed:
        return row.version
    definition = reading.read(row.draft)
    errors = [problem for problem in validate(definition, now=now) if problem.is_error]
    if errors:
        raise DefinitionRefused(errors)
    return WorkflowVersion.objects.create(
        workflow=row, number=None, definition=reading.write(definition), author=actor, created_at=now
    )


def restore_version(version_id: int, *, revision: int, actor: str, now: datetime) -> Saved:
    """Make an old version the draft again.

    Raises:
        DraftConflict: the draft was saved meanwhile.
    """
    version = WorkflowVersion.objects.get(pk=version_id)
    return save_draft(version.workflow_id, version.definition, revision=revision, actor=actor, now=now)


def differences(old: Definition | None, new: Definition) -> dict[str, list[str]]:
    """Ids of blocks that were added, removed or changed; a block moved on the canvas has not changed."""
    before = {node.id: (node.type, node.data) for node in old.nodes} if old is not None else {}
    after = {node.id: (node.type, node.data) for node in new.nodes}
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(key for key in after.keys() & before.keys() if after[key] != before[key]),
    }
