from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = _("Automation")

    def ready(self) -> None:
        import workflows.blocks  # noqa: F401 - registers the blocks
        from contacts import persons

        # Launches before steps: erasing waits for a batch under way, and then finds the steps that it wrote.
        persons.register(
            persons.PersonTable("workflows_run"),
            persons.PersonTable("workflows_runstep"),
            persons.PersonTable("workflows_start", "person_id", "union", ("workflow_id", "digest")),
            persons.PersonTable("workflows_startrefusal"),
            persons.PersonTable("workflows_signal"),
            persons.PersonTable("workflows_deadsignal"),
        )
