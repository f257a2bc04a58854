"""Work over many contacts that a colleague asked for, done in the background by the engine `contact_jobs`."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobKind(models.TextChoices):
    FIND_DUPLICATES = "find", _("Find duplicates")
    MERGE_DUPLICATES = "merge", _("Merge duplicates")
    REMOVE_DUPLICATES = "remove", _("Remove duplicates")
    RETURN_DUPLICATES = "return", _("Restore removed duplicates")
    INDEX_FIELD = "index", _("Build a field's index")
    CONVERT_FIELD = "convert", _("Convert a field's values")
    FORGET_FIELD = "forget", _("Wipe a deleted field's values")
    BULK = "bulk", _("Change many contacts")
    EXPORT = "export", _("Export contacts")
    COUNT = "count", _("Count contacts")


class BulkAction(models.TextChoices):
    """What may be done to many contacts at once (`contacts.services.bulk_actions`)."""

    ADD_TO_LIST = "add-to-list", _("Add to a list")
    LEAVE_LIST = "leave-list", _("Remove from a list")
    SET_FIELD = "set-field", _("Set a field")
    CLEAR_FIELD = "clear-field", _("Clear a field")
    SUBSCRIBE = "subscribe", _("Subscribe to a category")
    OPT_OUT = "opt-out", _("Opt out of a category")
    UNSUBSCRIBE = "unsubscribe", _("Unsubscribe a channel")
    DELETE = "delete", _("Delete")
    RESTORE = "restore", _("Restore")
    EXPORT = "export", _("Export to a file")


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
        return f"{self.title} {self.pk}"

    @property
    def title(self) -> str:
        """What is done, in words: of a bulk action its name and what it is about."""
        if self.kind != JobKind.BULK:
            return str(self.get_kind_display())
        label = str(BulkAction(self.request["action"]).label)
        subject = self.request.get("subject", "")
        return f"{label}: {subject}" if subject else label
