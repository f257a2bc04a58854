"""Launches of a person for the card's activity."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.timeline import Entry, Query
from workflows.models import Run, RunState, Workflow
from workflows.services.history import captions_of, read_definitions
from workflows.services.reasons import tell_ends


class LaunchSource:
    """Starts of launches, by the index of person and workflow."""

    name = "workflows"
    label = gettext_lazy("Launches")
    place = 40
    ignores_period = False
    is_slice = False
    channels: Mapping[str, Any] = {}
    statuses: Mapping[str, Any] = {"waiting": gettext_lazy("Waiting")} | dict(RunState.choices)

    def rows(self, query: Query) -> list[Entry]:
        found = list(self._query(query).order_by("-started_at", "-id")[: query.limit])
        names = dict(
            Workflow.objects.filter(pk__in={run.workflow_id for run in found}).values_list("pk", "name")
        )
        versions = read_definitions({run.version_id for run in found if run.ended_at is None})
        blocks = {pk: captions_of(definition) for pk, definition in versions.items()}
        ends, now = tell_ends(found), timezone.now()
        return [
            self._entry(
                run, names.get(run.workflow_id, "?"), blocks.get(run.version_id, {}).get(run.node, run.node), ends[run.pk], now
            )
            for run in found
        ]  # fmt: skip

    def _entry(self, run: Run, name: str, block: str, why: str, now: datetime) -> Entry:
        rests = run.state == RunState.RUNNING and run.wake_at > now
        facts = [
            (_("started by"), run.get_start_kind_display()), (_("event key"), run.event_key),
            (_("stands on"), "" if run.ended_at else block), (_("goes on"), run.wake_at if rests else None),
            (_("ended"), run.ended_at), (_("reason"), why),
        ]  # fmt: skip
        address = reverse("admin:workflows_workflow_launches", args=[run.workflow_id])
        return Entry(
            run.started_at, f"launch-{run.pk:020d}", "system", name, ("launch", "waiting" if rests else run.state),
            why, {"notes": [_("test")]} if run.is_test else {},
            [(label, value) for label, value in facts if value], ((_("Open the launch"), f"{address}?run={run.pk}"),),
        )  # fmt: skip

    def count(self, query: Query) -> Any:
        return self._query(query)[: query.limit]

    def _query(self, query: Query) -> Any:
        rows = Run.objects.filter(person_id=query.person_id).defer("context", "sent")
        if query.since is not None:
            rows = rows.filter(started_at__gte=query.since)
        if query.until is not None:
            rows = rows.filter(started_at__lt=query.until)
        if query.status == "waiting":
            rows = rows.filter(state=RunState.RUNNING, wake_at__gt=timezone.now())
        elif query.status == RunState.RUNNING:
            rows = rows.filter(state=RunState.RUNNING, wake_at__lte=timezone.now())
        elif query.status:
            rows = rows.filter(state=query.status)
        if query.before is not None:
            at, key = query.before
            rows = rows.filter(started_at__lte=at)
            same = key.removeprefix("launch-")
            if key.startswith("launch-") and same.isdigit() and len(same) == 20:
                rows = rows.exclude(started_at=at, pk__gte=int(same))
            elif key < "launch-":
                rows = rows.exclude(started_at=at)
        if query.words:
            ids = Workflow.objects.filter(name__icontains=query.words).values_list("pk", flat=True)
            rows = rows.filter(workflow_id__in=list(ids[:1000]))
        return rows
