"""Work over many contacts that a colleague asked for, done in the background by the engine `contact_jobs`."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobKind(models.TextChoices):
    FIND_DUPLICATES = "find", _("Find duplicates")
    MERGE_DUPLICATES = "merge", _("Merge duplicates")
    INDEX_FIELD = "index", _("Build a field's index")
    CONVERT_FIELD = "convert", _("Convert a field's values")
    FORGET_FIELD = "forget", _("Wipe a deleted field's values")


class JobState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")  # goes on from `done` after a crash
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")  # a colleague stopped it; what was done stays
    FAILED = "failed", _("Failed")  # `error` says why


class ContactJob(models.Model):
    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(_("kind"), max_length=8, choices=JobKind.choices)
    state = models.CharField(_("state"), max_length=9, choices=JobState.choices, default=JobState.QUEUED)
    actor = models.TextField(_("by"))
    request = models.JSONField(default=dict)
    total = models.PositiveIntegerField(_("of"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)
    counts = models.JSONField(_("result"), default=dict, help_text="outcome → how many")
    error = models.TextField(_("error"), default="", blank=True)
    created_at = models.DateTimeField(_("asked"))
    state_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(
                fields=["id"],
                name="contacts_job_waiting",
                condition=models.Q(state__in=["queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"
