"""Launches of a person for the card's activity."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.timeline import Entry, Query
from workflows.models import Run, Workflow


class LaunchSource:
    """Starts of launches, by the index of person and workflow."""

    name = "workflows"
    label = gettext_lazy("Workflows")
    ignores_period = False

    def rows(self, query: Query) -> list[Entry]:
        found = list(self._query(query).order_by("-started_at", "-id")[: query.limit])
        names = dict(
            Workflow.objects.filter(pk__in={run.workflow_id for run in found}).values_list("pk", "name")
        )
        return [
            Entry(
                run.started_at, f"launch-{run.pk:020d}", "system", names.get(run.workflow_id, "?"),
                ("launch", run.state), run.reason,
                {"notes": [_("test")]} if run.is_test else {},
            )
            for run in found
        ]  # fmt: skip

    def count(self, query: Query) -> Any:
        return self._query(query)[: query.limit]

    def _query(self, query: Query) -> Any:
        rows = Run.objects.filter(person_id=query.person_id).defer("context", "sent")
        if query.since is not None:
            rows = rows.filter(started_at__gte=query.since)
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
