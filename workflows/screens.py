"""What this app puts into the admin's frame: navigation, states, the home page, the tab of the contact card."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from cdp.ui.home import Problem, Step, register_home
from cdp.ui.navigation import Entry, register_entry
from cdp.ui.status import Status, register_status
from contacts.services.person_export import register_export
from contacts.tabs import Action, Tab, register_action, register_tab
from workflows.models import DeadSignal, JobState, Run, Workflow, WorkflowJob, WorkflowStatus

MOST_COUNTED = 1_000


FAILED_JOBS = WorkflowJob.objects.filter(state=JobState.FAILED)


def register_all() -> None:
    see = "workflows.view_workflow"
    workflows = "admin:workflows_workflow_changelist"
    register_entry(Entry("automation", gettext_lazy("Workflows"), "account_tree", workflows, see, 10))
    register_status("workflow", {
        "not_active": Status("grey", gettext_lazy("Not active")), "active": Status("green", gettext_lazy("Active")),
        "paused": Status("orange", gettext_lazy("Paused")), "stopping": Status("orange", gettext_lazy("Stopping")),
        "archived": Status("grey", gettext_lazy("Archived")),
    })  # fmt: skip
    register_status("launch", {
        "running": Status("blue", gettext_lazy("In progress")), "waiting": Status("blue", gettext_lazy("Waiting")),
        "paused": Status("orange", gettext_lazy("Paused")), "completed": Status("green", gettext_lazy("Completed")),
        "stopped": Status("grey", gettext_lazy("Stopped")), "failed": Status("red", gettext_lazy("Failed")),
    })  # fmt: skip
    register_status("step", {
        "ok": Status("green", pgettext_lazy("of a block", "Done")), "waiting": Status("blue", gettext_lazy("Waiting")),
        "skipped": Status("grey", gettext_lazy("Skipped")), "failed": Status("red", gettext_lazy("Failed")),
        "unknown": Status("orange", gettext_lazy("Unknown outcome")), "stopped": Status("grey", gettext_lazy("Stopped")),
        "moved": Status("grey", gettext_lazy("Moved")),
    })  # fmt: skip
    register_status("job", {
        "waiting": Status("blue", gettext_lazy("Queued")), "running": Status("blue", gettext_lazy("Running")),
        "done": Status("green", gettext_lazy("Finished")), "failed": Status("red", gettext_lazy("Failed")),
    })  # fmt: skip
    see_signals = "workflows.view_deadsignal"
    register_home(
        "problems", dead_signals, permission=see_signals, only_if=lambda _now: DeadSignal.objects.all()
    )
    register_home("problems", failed_jobs, permission=see, only_if=lambda _now: FAILED_JOBS.all())
    register_home("steps", steps, permission="workflows.activate_workflow", order=60)
    launch = "admin:workflows_workflow_contact_launch"
    register_action(
        Action("launch", gettext_lazy("Launch workflow…"), launch, "workflows.launch_workflow", 10)
    )
    register_export("workflows", names_of_workflows)
    register_tab(Tab("workflows", gettext_lazy("Workflows"), "admin:workflows_workflow_contact", see, 30))


def dead_signals(now: datetime) -> list[Problem]:  # noqa: ARG001
    """Signals that failed."""
    dead = len(DeadSignal.objects.values_list("pk", flat=True)[:MOST_COUNTED])
    text = ngettext("%(count)s workflow signal failed", "%(count)s workflow signals failed", dead) % {
        "count": dead
    }
    return [Problem("red", text, reverse("admin:workflows_deadsignal_changelist"), _("Look at it"))]


def failed_jobs(now: datetime) -> list[Problem]:  # noqa: ARG001
    """The newest job that failed."""
    failed = FAILED_JOBS.order_by("-pk").first()
    if failed is None:
        return []
    text = _("A job of a workflow failed: %(error)s") % {"error": failed.error[:120]}
    known = Workflow.objects.filter(pk=failed.workflow_id).exists()
    page = "admin:workflows_workflow_change" if known else "admin:workflows_workflow_changelist"
    link = reverse(page, args=[failed.workflow_id] if known else [])
    return [Problem("red", text, link, _("Open workflow"))]


def steps(now: datetime) -> list[Step]:  # noqa: ARG001
    active = Workflow.objects.filter(status=WorkflowStatus.ACTIVE)
    return [Step(_("Activate a workflow"), active, reverse("admin:workflows_workflow_changelist"))]


def pill_of(run: Any, *, now: datetime) -> str:
    """The state of a launch as people say it: one that rests is waiting."""
    return "waiting" if run.state == "running" and run.wake_at > now else str(run.state)


def names_of_workflows(contact_id: int) -> dict[int, str]:
    """For the file with a person's data: what the numbers of its launches mean."""
    run = Run.objects.filter(person_id=contact_id).values("workflow_id")
    return dict(Workflow.objects.filter(pk__in=run).values_list("pk", "name"))
