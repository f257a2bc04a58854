"""Bulk requests accepted now and worked later."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportState(models.TextChoices):
    STARTED = "STARTED", _("Queued")  # accepted, waits for the engine
    IMPORTING = "IMPORTING", _("Importing")  # the engine works on it; restarted from `done` after a crash
    FINISHED = "FINISHED", _("Finished")
    ERROR = "ERROR", _("Failed")  # `description` says why


class ImportSession(models.Model):
    """One `POST contacts` request. `request` holds the checked body until the work is done, then it is emptied."""

    id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=9, choices=ImportState.choices, default=ImportState.STARTED)
    actor = models.TextField(default="", help_text=_("who asked: the key's name"))
    request = models.JSONField(default=dict)
    done = models.PositiveIntegerField(default=0, help_text=_("contacts handled so far"))
    mapping = models.JSONField(default=list, help_text="[[dedupe value, contact id], …]")
    counts = models.JSONField(default=dict, help_text=_("outcome → how many"))
    description = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()
    state_at = models.DateTimeField()

    class Meta:
        verbose_name = _("bulk request")
        verbose_name_plural = _("bulk requests")
        indexes = [
            models.Index(
                fields=["created_at"],
                name="contacts_import_waiting",
                condition=models.Q(state__in=["STARTED", "IMPORTING"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
