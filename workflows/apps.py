from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = _("Automation")

    def ready(self) -> None:
        import workflows.blocks  # noqa: F401 - registers the blocks
        from cdp import hooks
        from contacts import field_uses, persons, timeline
        from messaging.message_filter import known_workflows
        from messaging.models import CauseKind
        from messaging.services.causes import register_names
        from workflows import engines, handlers, screens
        from workflows.services.editing import existing_workflows, workflows_using_fields
        from workflows.services.history import name_runs
        from workflows.timeline import LaunchSource

        # Launches before steps: erasing waits for a batch under way, and then finds the steps that it wrote.
        persons.register(
            # Launches and starts go with the contact: one left behind would be a gone contact's, and would start anew.
            persons.PersonTable("workflows_run", at_once=True),
            persons.PersonTable("workflows_runstep"),
            persons.PersonTable(
                "workflows_start", "person_id", "union", ("workflow_id", "digest"), at_once=True
            ),
            persons.PersonTable("workflows_startrefusal"),
            persons.PersonTable("workflows_signal"),
            persons.PersonTable("workflows_deadsignal"),
        )
        hooks.events_processed.connect(handlers.keep_events, types=handlers.event_types_heard)
        hooks.membership_changed.connect(handlers.keep_membership)
        hooks.contacts_changed.connect(handlers.keep_contacts)
        hooks.persons_moved.connect(handlers.keep_moves)
        hooks.message_activity.connect(handlers.keep_activity)
        timeline.register(LaunchSource())
        known_workflows.append(existing_workflows)
        register_names(CauseKind.WORKFLOW, name_runs)
        field_uses.register("workflows", workflows_using_fields)
        screens.register_all()
        engines.register_all()
