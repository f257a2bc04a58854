"""Connections (configured access to a provider), senders, and the token buckets that hold rates."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    EMAIL = "email", _("E-mail")


class ConnectionKind(models.TextChoices):
    SMTP = "smtp", _("SMTP server")
    ANYMAIL = "anymail", _("E-mail provider's API")
    FILE = "file", _("Development mailbox")


class Connection(models.Model):
    """Access to one provider. `secret` and the webhook's secrets are encrypted (`messaging.secrets`), never shown.

    `webhook_secret` holds the secret in the address and the password; `webhook_key` is what the provider signs with.

    `options` depends on the kind: the adapter's `validate` says what it may hold. While `backs_off_until` lies ahead,
    nothing is claimed for the connection: its server is away, or asked for patience.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices, default=Channel.EMAIL)
    kind = models.CharField(_("kind"), max_length=10, choices=ConnectionKind.choices)
    options = models.JSONField(_("options"), default=dict, blank=True)
    secret = models.BinaryField(default=b"", blank=True, editable=False)
    webhook_secret = models.BinaryField(default=b"", blank=True, editable=False)
    webhook_key = models.BinaryField(default=b"", blank=True, editable=False)
    per_second = models.PositiveIntegerField(_("at most per second"), null=True, blank=True)
    per_minute = models.PositiveIntegerField(_("at most per minute"), null=True, blank=True)
    per_hour = models.PositiveIntegerField(_("at most per hour"), null=True, blank=True)
    per_day = models.PositiveIntegerField(_("at most per day"), null=True, blank=True)
    pool_size = models.PositiveSmallIntegerField(_("parallel connections"), default=1)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_default = models.BooleanField(_("default"), default=False)
    backs_off_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="in a row")
    last_error = models.TextField(default="", blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    verified_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        constraints = [
            models.UniqueConstraint(
                fields=["channel"], name="messaging_one_default", condition=models.Q(is_default=True)
            )
        ]

    def __str__(self) -> str:
        return self.name


class SenderState(models.TextChoices):
    UNCONFIRMED = "unconfirmed", _("Unconfirmed")  # nobody has shown that the address is theirs
    CONFIRMED = "confirmed", _("Confirmed")


class Sender(models.Model):
    """Whom a message comes from."""

    name = models.CharField(_("name"), max_length=100)
    address = models.EmailField(_("address"))
    reply_to = models.EmailField(_("replies go to"), blank=True, default="")
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("connection"),
        help_text=_("Empty: the default connection."),
    )  # fmt: skip
    state = models.CharField(
        _("state"), max_length=12, choices=SenderState.choices, default=SenderState.UNCONFIRMED
    )
    is_default = models.BooleanField(_("default"), default=False)

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                name="messaging_one_default_sender",
                condition=models.Q(is_default=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


class RateBucket(models.Model):
    """Tokens left of one limit; `key` is `connection:<id>` or `campaign:<id>`. Refilled when read."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=40)
    seconds = models.PositiveIntegerField(help_text="the period of the limit")
    tokens = models.FloatField()
    filled_at = models.DateTimeField()

    class Meta:
        verbose_name = _("rate")
        verbose_name_plural = _("rates")
        constraints = [models.UniqueConstraint(fields=["key", "seconds"], name="messaging_bucket_once")]

    def __str__(self) -> str:
        return f"{self.key} / {self.seconds} s"
