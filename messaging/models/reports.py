"""Figures of a campaign or a message, counted from its deliveries and activity; rebuilt whole, so never adrift."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SubjectKind(models.TextChoices):
    """What a report is about: one cause's sends, or everything sent of one message."""

    CAMPAIGN = "campaign", _("Campaign")
    MESSAGE = "message", _("Message")


class MessageReport(models.Model):
    """The figures of one subject as of `computed_at` (`messaging.reports.figures.Figures`)."""

    id = models.BigAutoField(primary_key=True)
    subject_kind = models.CharField(max_length=10, choices=SubjectKind.choices)
    subject_id = models.BigIntegerField()
    figures = models.JSONField(default=dict)
    computed_at = models.DateTimeField(_("counted"))
    seconds = models.FloatField(default=0, help_text="how long counting took")

    class Meta:
        verbose_name = _("message report")
        verbose_name_plural = _("message reports")
        constraints = [
            models.UniqueConstraint(fields=["subject_kind", "subject_id"], name="messaging_report_once")
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_id}"


class ReportMark(models.Model):
    """A subject whose figures are to be counted anew. Append-only; many marks of one subject are one count."""

    id = models.BigAutoField(primary_key=True)
    subject_kind = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("report to be counted")
        verbose_name_plural = _("reports to be counted")
        indexes = [models.Index(fields=["subject_kind", "subject_id", "id"], name="messaging_mark_subject")]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_id}"
