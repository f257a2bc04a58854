"""Models of automation: workflows and versions, launches and their steps, signals and jobs."""

from workflows.models.runs import (
    OPEN_STATES,
    NodeTally,
    Refusal,
    Run,
    RunState,
    RunStep,
    StartGuard,
    StartKind,
    StartRefusal,
    StartTally,
)
from workflows.models.signals import (
    DeadSignal,
    JobKind,
    JobState,
    Signal,
    SignalKind,
    SignalLane,
    WorkflowJob,
)
from workflows.models.workflow import Workflow, WorkflowListens, WorkflowStatus, WorkflowVersion

__all__ = [
    "OPEN_STATES",
    "DeadSignal",
    "JobKind",
    "JobState",
    "NodeTally",
    "Refusal",
    "Run",
    "RunState",
    "RunStep",
    "Signal",
    "SignalKind",
    "SignalLane",
    "StartGuard",
    "StartKind",
    "StartRefusal",
    "StartTally",
    "Workflow",
    "WorkflowJob",
    "WorkflowListens",
    "WorkflowStatus",
    "WorkflowVersion",
]
