"""Workflows and their published versions."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class WorkflowStatus(models.TextChoices):
    NOT_ACTIVE = "not_active", _("Not active")  # made, deactivated; launches by hand are possible
    ACTIVE = "active", _("Active")  # activated, resumed
    PAUSED = "paused", _("Paused")  # nothing starts, launches stand still where they are
    STOPPING = "stopping", _("Stopping")  # launches are being ended; then not active
    ARCHIVED = "archived", _("Archived")  # hidden


class Workflow(models.Model):
    """A named graph with its start and stop conditions, edited as a draft, run by its published versions.

    `draft` is the document that is edited (`workflows.definition.structure`); `draft_revision` counts its saves, and a
    save that knows an older count is refused. `launched` counts launches ever made, tests left out.
    """

    name = models.CharField(_("name"), max_length=200)
    status = models.CharField(
        _("status"), max_length=10, choices=WorkflowStatus.choices, default=WorkflowStatus.NOT_ACTIVE
    )
    tags = ArrayField(models.CharField(max_length=50), verbose_name=_("tags"), default=list, blank=True)
    draft = models.JSONField(_("draft"), default=dict)
    draft_revision = models.PositiveIntegerField(default=1, editable=False)
    published_revision = models.PositiveIntegerField(default=0, editable=False)
    version = models.ForeignKey(
        "WorkflowVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    launched = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False)
    updated_by = models.CharField(_("changed by"), max_length=150, default="", blank=True, editable=False)

    class Meta:
        verbose_name = _("workflow")
        verbose_name_plural = _("workflows")
        permissions = [
            ("publish_workflow", _("Can publish workflows")),
            ("activate_workflow", _("Can activate, pause and deactivate workflows")),
            ("launch_workflow", _("Can launch workflows by hand and stop launches")),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_draft_changed(self) -> bool:
        """Whether the draft holds something that is not published."""
        return self.draft_revision != self.published_revision


class WorkflowVersion(models.Model):
    """An immutable snapshot of a definition (a trigger of the database refuses changes). Test launches of an unpublished
    draft run on a version without number."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("number"), null=True)
    definition = models.JSONField()
    author = models.CharField(_("author"), max_length=150, default="", blank=True)
    comment = models.CharField(_("comment"), max_length=500, default="", blank=True)
    created_at = models.DateTimeField(_("published"))

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [
            models.UniqueConstraint(fields=["workflow", "number"], name="workflows_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} v{self.number or '–'}"


class WorkflowListens(models.Model):
    """What a published version of a workflow that is not archived listens to; handlers keep only such news.

    `kind` is a value of `SignalKind`; `ref` an event type's id or a segment's.
    """

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="listens")
    kind = models.SmallIntegerField()
    ref = models.BigIntegerField()

    class Meta:
        verbose_name = _("subscription of a workflow")
        verbose_name_plural = _("subscriptions of workflows")
        constraints = [
            models.UniqueConstraint(fields=["kind", "ref", "workflow"], name="workflows_listens_once")
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.kind} {self.ref}"
