"""Campaigns: one launch of one message at an audience."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.content import Message


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("Draft")  # being put together
    SCHEDULED = "scheduled", _("Scheduled")  # waits for its time
    PREPARING = "preparing", _("Preparing")  # the audience is frozen; deliveries are planned chunk by chunk
    SENDING = "sending", _("Sending")  # all planned; the sending engine works them
    PAUSED = "paused", _("Paused")  # by a colleague or by the breaker; `reason` says which
    FINISHED = "finished", _("Finished")  # every delivery is final
    CANCELLED = "cancelled", _("Cancelled")  # what was not sent never will be
    FAILED = "failed", _("Failed")  # could not start; `reason` says why


class ZoneLate(models.TextChoices):
    NOW = "now", _("at once")
    NEXT_DAY = "next_day", _("the next day")


class RatePeriod(models.IntegerChoices):
    MINUTE = 60, _("minute")
    HOUR = 3_600, _("hour")
    DAY = 86_400, _("day")


class Campaign(models.Model):
    """One launch. `include` and `exclude` are lists of {"kind": "list" | "segment", "id": number}.

    `planned_through` is the last contact id planned; the audience itself is frozen in `CampaignAudience`.
    """

    name = models.CharField(_("name"), max_length=200)
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, related_name="campaigns", verbose_name=_("message")
    )
    include = models.JSONField(_("included"), default=list, blank=True)
    exclude = models.JSONField(_("excluded"), default=list, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT, editable=False
    )
    reason = models.TextField(_("reason"), default="", blank=True, editable=False)
    starts_at = models.DateTimeField(
        _("start"), null=True, blank=True, help_text=_("Empty: as soon as it is started.")
    )
    in_contact_zone = models.BooleanField(
        _("at this local time of each contact"), default=False,
        help_text=_("Each contact gets it when the clock of their own zone shows the start."),
    )  # fmt: skip
    zone_late = models.CharField(
        _("where that time has passed"), max_length=8, choices=ZoneLate.choices, default=ZoneLate.NOW
    )
    rate = models.PositiveIntegerField(
        _("at most"), null=True, blank=True, help_text=_("Empty: as fast as it goes.")
    )
    rate_seconds = models.PositiveIntegerField(_("per"), choices=RatePeriod.choices, default=RatePeriod.HOUR)
    planned_through = models.BigIntegerField(default=0, editable=False)
    planned_count = models.BigIntegerField(default=0, editable=False)
    audience_count = models.BigIntegerField(default=0, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        indexes = [
            models.Index(
                fields=["state", "id"], name="messaging_campaign_open",
                condition=models.Q(state__in=["scheduled", "preparing", "sending", "paused", "cancelled"]),
            )
        ]  # fmt: skip
        permissions = [("launch_campaign", _("Can start campaigns"))]

    def __str__(self) -> str:
        return self.name

    @property
    def is_running(self) -> bool:
        return self.state in (CampaignState.PREPARING, CampaignState.SENDING)

    @property
    def is_all_planned(self) -> bool:
        return self.started_at is not None and self.planned_count >= self.audience_count


class CampaignAudience(models.Model):
    """Who a campaign was started for, frozen: a serialised bitmap of contact ids. Dropped when it is finished."""

    campaign = models.OneToOneField(
        Campaign, on_delete=models.CASCADE, primary_key=True, related_name="audience"
    )
    members = models.BinaryField()

    class Meta:
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")

    def __str__(self) -> str:
        return str(self.pk)
