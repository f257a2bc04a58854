"""Hits on links of sent messages, on their way to becoming activity."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.deliveries import Machine, NextActivityId


class HitSignal(models.IntegerChoices):
    """Bits of `Hit.signals`: what the request itself said."""

    HEAD = 1, "HEAD"
    PREFETCH = 2, "prefetch"
    NO_LANGUAGE = 4, "no Accept-Language"


class Hit(models.Model):
    """One request for a link of ours. Append-only; the engine `message_hits` turns hits into activity.

    `id` is that of the activity the hit becomes. A hit stays for `messaging.services.hits.HOLD` after it came in: until
    then later hits may show that a machine made it. `kind` is the token's: o, c, u or v.
    """

    id = models.BigIntegerField(primary_key=True, db_default=NextActivityId(), editable=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=1)
    delivery_id = models.BigIntegerField()
    cause_month = models.DateField()
    link_id = models.BigIntegerField(null=True)
    url = models.TextField(default="")
    user_agent = models.TextField(default="")
    address = models.GenericIPAddressField(null=True)
    signals = models.SmallIntegerField(default=0)
    machine = models.TextField(choices=Machine.choices, default=Machine.HUMAN, blank=True)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("hit on a link")
        verbose_name_plural = _("hits on links")
        indexes = [
            models.Index(
                fields=["id"], name="messaging_hit_waiting", condition=models.Q(processed_at__isnull=True)
            ),
            models.Index(fields=["delivery_id", "at"], name="messaging_hit_delivery"),
            models.Index(fields=["at"], name="messaging_hit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.delivery_id}"


class UnsubscribeReason(models.TextChoices):
    """Why a contact left, as the page asks."""

    TOO_OFTEN = "too_often", _("Too many messages")
    NOT_RELEVANT = "not_relevant", _("The messages are not relevant to me")
    NEVER_SUBSCRIBED = "never_subscribed", _("I never subscribed")
    OTHER = "other", _("Another reason")
