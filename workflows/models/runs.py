"""Launches: runs, their steps, what guards and counts their starts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    RUNNING = "running", _("In progress")  # `wake_at` says when it goes on
    PAUSED = "paused", _("Paused")  # its workflow is paused
    COMPLETED = "completed", _("Completed")  # reached an end
    STOPPED = "stopped", _("Stopped")  # by a rule, by hand, by its workflow, its contact is gone
    FAILED = "failed", _("Failed")


OPEN_STATES = (RunState.RUNNING, RunState.PAUSED)


class StartKind(models.TextChoices):
    EVENT = "event", _("Event")
    HAND = "hand", _("By hand")
    LIST = "list", _("List")
    SEGMENT = "segment", _("Segment")
    TEST = "test", _("Test")


class Run(models.Model):
    """One launch: one contact's walk through one version. It stands on exactly one block.

    Attributes:
        number: counts the blocks it has come to; with `node` it names a visit.
        entered_at: when it came to `node`. wake_at: when the engine looks at it next.
        wait: what the block remembers of its wait; None when the block has not been run yet.
        delivery_id: news of this delivery wakes the launch early.
        context: `params` (the event's), `eventType`, `steps` (data of blocks by id).
        sent: messages so far, [block, number, delivery, channel, message] each.
        solo_id: the contact while this launch bars another of the workflow; else NULL.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True)
    workflow_id = models.BigIntegerField()
    version_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    state = models.CharField(max_length=9, choices=RunState.choices, default=RunState.RUNNING)
    node = models.TextField()
    number = models.IntegerField(default=1)
    entered_at = models.DateTimeField()
    wake_at = models.DateTimeField()
    wait = models.JSONField(null=True)
    delivery_id = models.BigIntegerField(null=True)
    context = models.JSONField(default=dict)
    sent = models.JSONField(default=list)
    start_kind = models.CharField(max_length=7, choices=StartKind.choices)
    event_id = models.UUIDField(null=True)
    event_key = models.TextField(default="")
    solo_id = models.BigIntegerField(null=True)
    is_test = models.BooleanField(default=False)
    skips_waits = models.BooleanField(default=False)
    has_errors = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.TextField(default="", blank=True)

    class Meta:
        verbose_name = _("launch")
        verbose_name_plural = _("launches")
        constraints = [
            models.UniqueConstraint(
                fields=["workflow_id", "event_id"], name="workflows_run_event",
                condition=models.Q(event_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["workflow_id", "solo_id"], name="workflows_run_solo",
                condition=models.Q(solo_id__isnull=False),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["wake_at", "id"], name="workflows_run_due", condition=models.Q(state="running")),
            models.Index(fields=["person_id", "workflow_id"], name="workflows_run_person"),
            models.Index(fields=["workflow_id", "state", "id"], name="workflows_run_history"),
            models.Index(
                fields=["delivery_id"], name="workflows_run_delivery", condition=models.Q(delivery_id__isnull=False)
            ),
            models.Index(
                fields=["workflow_id", "event_key"], name="workflows_run_key",
                condition=models.Q(state__in=["running", "paused"]),
            ),
            models.Index(
                fields=["workflow_id", "id"], name="workflows_run_errors", condition=models.Q(has_errors=True)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.uid)


class RunStep(models.Model):
    """One visit of a block, written when the launch leaves it; append-only, partitioned by month of `at`.

    Django's state names `id` the primary key; the table's is (run_id, number, at).
    """

    id = models.BigAutoField(primary_key=True)
    run_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    number = models.IntegerField()
    node = models.TextField()
    version_id = models.BigIntegerField()
    entered_at = models.DateTimeField()
    at = models.DateTimeField()
    result = models.TextField()
    output = models.TextField(default="")
    delivery_id = models.BigIntegerField(null=True)
    detail = models.JSONField(null=True)

    class Meta:
        db_table = "workflows_runstep"
        verbose_name = _("step")
        verbose_name_plural = _("steps")

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number} {self.node}"


class StartGuard(models.Model):
    """When a workflow was started last for a key or a contact: the window of *process unique events*.

    By key: `person_id` 0 and the SHA-256 of the key. By contact: the contact and an empty digest.
    """

    id = models.BigAutoField(primary_key=True)
    workflow_id = models.BigIntegerField()
    person_id = models.BigIntegerField(default=0)
    digest = models.BinaryField(max_length=32, default=b"")
    last_at = models.DateTimeField()

    class Meta:
        db_table = "workflows_start"
        verbose_name = _("last start")
        verbose_name_plural = _("last starts")
        constraints = [
            models.UniqueConstraint(
                fields=["workflow_id", "person_id", "digest"], name="workflows_start_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.person_id} {self.last_at}"


class Refusal(models.TextChoices):
    """Why a start signal made no launch."""

    NOT_ACTIVE = "not_active", _("the workflow is not active")
    PAST = "past", _("the event was loaded as history")
    LATE = "late", _("the event is too old")
    FILTER = "filter", _("the event does not fit the conditions on its parameters")
    NO_CONTACT = "no_contact", _("no contact is known")
    CONTACT_GONE = "contact_gone", _("the contact is deleted or restricted")
    CONTACT_FILTER = "contact_filter", _("the contact does not fit the conditions")
    IN_PROGRESS = "in_progress", _("a launch of this contact is in progress")
    NOT_UNIQUE = "not_unique", _("it was started for this key or contact before")
    DUPLICATE = "duplicate", _("this event started it already")
    OVER = "over", _("the workflow has reached its stop date or its number of launches")


class StartTally(models.Model):
    """How many signals of a day (UTC) started a workflow or were refused; `reason` empty: started."""

    id = models.BigAutoField(primary_key=True)
    workflow_id = models.BigIntegerField()
    day = models.DateField()
    reason = models.CharField(max_length=16, default="", blank=True)
    count = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("tally of starts")
        verbose_name_plural = _("tallies of starts")
        constraints = [
            models.UniqueConstraint(fields=["workflow_id", "day", "reason"], name="workflows_tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.day} {self.reason}"


class StartRefusal(models.Model):
    """One refused signal; the newest thousand of a workflow are kept."""

    id = models.BigAutoField(primary_key=True)
    workflow_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    event_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=16, choices=Refusal.choices)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("refused start")
        verbose_name_plural = _("refused starts")
        indexes = [
            models.Index(fields=["workflow_id", "id"], name="workflows_refusal_workflow"),
            models.Index(fields=["person_id", "workflow_id"], name="workflows_refusal_person"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.reason}"


class NodeTally(models.Model):
    """How many launches of a version came to a block, left it by an output, or ended on it, in one hour (UTC).

    `what`: `entered`, `out:<output>`, `end:<state>`, `moved`; besides these, `result:<result>` counts other results than
    ok.
    """

    id = models.BigAutoField(primary_key=True)
    version_id = models.BigIntegerField()
    node = models.TextField()
    what = models.TextField()
    hour = models.DateTimeField()
    count = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("tally of a block")
        verbose_name_plural = _("tallies of blocks")
        constraints = [
            models.UniqueConstraint(fields=["version_id", "node", "what", "hour"], name="workflows_node_once")
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.node} {self.what}"
