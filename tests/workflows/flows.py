"""Makes workflows, contacts, events and messages for tests, by the public services, and runs the engines at an instant."""

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

from contacts.services.upsert import ContactInput
from events.models import Event
from events.services.processing import process_lane
from tests.contacts.people import upsert
from tests.events.inbox import NOW, accepted, event_type
from workflows.models import Run, RunStep, Signal, Workflow, WorkflowJob
from workflows.services.editing import create_workflow
from workflows.services.jobs import work_job
from workflows.services.operating import activate
from workflows.services.signalling import work_signals
from workflows.services.stepping import step_due

__all__ = ["NOW", "event_type"]
EVENT = "CartUpdated"
HOUR = {"n": 1, "unit": "hour"}
ON_EVENT = {"kind": "event", "event": {"type": EVENT}}


def node(kind: str, name: str = "", /, on_error: str = "continue", **params: Any) -> dict[str, Any]:
    return {
        "id": name or f"n_{kind.replace('.', '_')}",
        "type": kind,
        "data": {"params": params, "on_error": on_error},
    }


def chain(*nodes: dict[str, Any]) -> list[dict[str, Any]]:
    """Edges that connect blocks in a row by `next`."""
    return [edge(one["id"], other["id"]) for one, other in itertools.pairwise(nodes)]


def edge(source: str, target: str, handle: str = "next") -> dict[str, Any]:
    return {"id": f"{source}-{handle}-{target}", "source": source, "target": target, "sourceHandle": handle}


def document(nodes: list[dict[str, Any]], edges: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    return {"schema": "workflow/1", "name": "Flow", "start": ON_EVENT, "nodes": nodes, "edges": edges} | rest


def row_of(*blocks: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """A document whose blocks stand in a row between Start and End."""
    nodes = [node("start"), *blocks, node("end")]
    return document(nodes, chain(*nodes), **rest)


def workflow(body: dict[str, Any], *, is_active: bool = True, now: datetime = NOW) -> Workflow:
    """A published workflow; its problems would fail the test."""
    event_type(EVENT)
    saved = create_workflow(name="Flow", document=body, actor="test", now=now)
    assert saved.version is not None, [str(problem) for problem in saved.problems]
    if is_active:
        activate(saved.workflow.pk, actor="test", now=now)
    saved.workflow.refresh_from_db()
    return saved.workflow


def contact(name: str = "ann", **fields: Any) -> int:
    """An active contact with the e-mail `<name>@example.com`."""
    address = f"{name}@example.com"
    data = fields.pop("data", {})
    [outcome] = upsert(ContactInput(email=address, email_norm=address, fields=fields, data=data))
    assert outcome.contact_id is not None
    return outcome.contact_id


def happened(
    person: int | None, kind: str = EVENT, *, at: datetime = NOW, key: str = "", **params: Any
) -> str:
    """An event that was accepted, processed and brought to the workflows; returns its id."""
    values: dict[str, Any] = {"contact_id": person} if person else {}
    row = accepted(
        event_type(kind),
        key_value=key or f"key-{person}",
        params=params,
        event_at=at,
        received_at=at,
        **values,
    )
    process_lane(0, limit=100, now=at)
    signal(at)
    return str(row.event_id)


def signal(now: datetime = NOW) -> int:
    total = 0
    while count := work_signals(limit=1000, now=now):
        total += count
    return total


def step(now: datetime = NOW) -> int:
    """Run every launch that is due, and what it brings about."""
    total = 0
    while count := step_due(limit=1000, now=now) + signal(now):
        total += count
    return total


def jobs(now: datetime = NOW) -> None:
    while WorkflowJob.objects.filter(state__in=("waiting", "running")).exists():
        work_job(now=now)


def later(**length: float) -> datetime:
    return NOW + timedelta(**length)


def steps(run: Run) -> list[tuple[str, str, str]]:
    """(block, result, output) in order."""
    rows = RunStep.objects.filter(run_id=run.pk).order_by("number", "at")
    return list(rows.values_list("node", "result", "output"))


def the_run() -> Run:
    return Run.objects.get()


def queued() -> int:
    return Signal.objects.count()


def stored(event_id: str) -> Event:
    return Event.objects.get(pk=uuid.UUID(event_id))
