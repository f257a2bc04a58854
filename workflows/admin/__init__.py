"""Screens of automation: the list of workflows, the record with its tabs, launch history, failed signals."""

from workflows.admin.signals import DeadSignalAdmin
from workflows.admin.workflow import WorkflowAdmin

__all__ = ["DeadSignalAdmin", "WorkflowAdmin"]
