"""What handlers of hooks leave for the engines, and the jobs that work on many launches."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SignalKind(models.IntegerChoices):
    EVENT = 1, _("Event")  # ref: event type
    ENTERED = 2, _("Entered a segment")  # ref: segment
    JOINED = 3, _("Joined a list")  # ref: list
    DELIVERY = 4, _("News of a delivery")  # ref: delivery
    MOVED = 5, _("Merged")  # ref: the contact it was; person: the one it is
    GONE = 6, _("Contact deleted")


class Signal(models.Model):
    """News that waits for the engine `workflow_signals`; append-only, deleted with the transaction that acts on it."""

    id = models.BigAutoField(primary_key=True)
    kind = models.SmallIntegerField(choices=SignalKind.choices)
    person_id = models.BigIntegerField()
    ref = models.BigIntegerField()
    event_id = models.UUIDField(null=True)
    flags = models.IntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("signal")
        verbose_name_plural = _("signals")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.ref} of {self.person_id}"


class DeadSignal(models.Model):
    """A signal that cannot be worked off, with the reason."""

    id = models.BigAutoField(primary_key=True)
    person_id = models.BigIntegerField()
    kind = models.SmallIntegerField(choices=SignalKind.choices)
    ref = models.BigIntegerField()
    event_id = models.UUIDField(null=True)
    flags = models.IntegerField(default=0)
    at = models.DateTimeField(_("happened"))
    reason = models.TextField(_("reason"))
    failed_at = models.DateTimeField(_("failed"))

    class Meta:
        verbose_name = _("failed signal")
        verbose_name_plural = _("failed signals")

    def __str__(self) -> str:
        return f"{self.kind} {self.ref} of {self.person_id}"


class SignalLane(models.Model):
    """One row; whoever works signals holds it, so that a stop never overtakes the start before it."""

    id = models.SmallIntegerField(primary_key=True, default=1)

    class Meta:
        verbose_name = _("lane of signals")
        verbose_name_plural = _("lane of signals")

    def __str__(self) -> str:
        return str(self.pk)


class JobKind(models.TextChoices):
    LAUNCH = "launch", _("Launch for many")  # params: source list or segment, id
    RESUME = "resume", _("Resume")
    STOP = "stop", _("Stop")
    MOVE = "move", _("Move to a version")  # params: version, target


class JobState(models.TextChoices):
    WAITING = "waiting", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Finished")
    FAILED = "failed", _("Failed")


class WorkflowJob(models.Model):
    """Work on many launches of one workflow, a bounded slice at a time; `cursor` is the last id done."""

    workflow_id = models.BigIntegerField(db_index=True)
    kind = models.CharField(_("kind"), max_length=7, choices=JobKind.choices)
    state = models.CharField(_("state"), max_length=7, choices=JobState.choices, default=JobState.WAITING)
    params = models.JSONField(default=dict)
    cursor = models.BigIntegerField(default=0)
    done = models.BigIntegerField(_("done"), default=0)
    refused = models.BigIntegerField(_("refused"), default=0)
    error = models.TextField(_("error"), default="", blank=True)
    actor = models.CharField(max_length=150, default="", blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("workflow job")
        verbose_name_plural = _("workflow jobs")
        indexes = [
            models.Index(
                fields=["id"], name="workflows_job_open", condition=models.Q(state__in=["waiting", "running"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.workflow_id}"
