"""What published workflows listen to, kept as rows so that handlers of hooks can tell news from noise in SQL."""

from events.models import EventType
from workflows.definition.structure import Definition
from workflows.models import SignalKind, Workflow, WorkflowListens, WorkflowStatus


def listen(workflow: Workflow, definition: Definition | None) -> None:
    """Set the rows of a workflow; called in the transaction that publishes or changes its status.

    A workflow that is not active still listens for what stops its launches.
    """
    WorkflowListens.objects.filter(workflow=workflow).delete()
    if definition is None or workflow.status == WorkflowStatus.ARCHIVED:
        return
    keys: set[str] = set()
    wanted: set[tuple[int, int]] = set()
    starts = workflow.status in (WorkflowStatus.ACTIVE, WorkflowStatus.PAUSED) and definition.start.enabled
    if starts and definition.start.event is not None:
        keys.add(definition.start.event.type)
    for rule in definition.stop.exit_rules:
        keys.update(rule.types)
        if rule.segment is not None:
            kind = SignalKind.ENTERED if rule.segment.ref == "segment" else SignalKind.JOINED
            wanted.add((int(kind), int(rule.segment.id)))
    ids = EventType.objects.filter(key__in=keys).values_list("pk", flat=True)
    wanted.update((int(SignalKind.EVENT), pk) for pk in ids)
    WorkflowListens.objects.bulk_create(
        WorkflowListens(workflow=workflow, kind=kind, ref=ref) for kind, ref in sorted(wanted)
    )
