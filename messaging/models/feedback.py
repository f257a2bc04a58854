"""What comes in about sent messages: mailboxes that bounces go to, and raw notices until they are worked."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class MailboxProtocol(models.TextChoices):
    IMAP = "imap", "IMAP"
    POP3 = "pop3", "POP3"


class MailboxTls(models.TextChoices):
    IMPLICIT = "implicit", _("TLS from the start")
    STARTTLS = "starttls", _("STARTTLS")
    NONE = "none", _("None: anybody on the way can read the password")


class BounceMailbox(models.Model):
    """A mailbox that bounce mail arrives in, polled by the engine `bounce_mailboxes`. `secret` is encrypted."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    protocol = models.CharField(
        _("protocol"), max_length=4, choices=MailboxProtocol.choices, default=MailboxProtocol.IMAP
    )
    host = models.CharField(_("host"), max_length=255)
    port = models.PositiveIntegerField(
        _("port"), null=True, blank=True, help_text=_("Empty: the usual one of the protocol."),
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )  # fmt: skip
    tls = models.CharField(
        _("encryption"), max_length=8, choices=MailboxTls.choices, default=MailboxTls.IMPLICIT
    )
    user = models.CharField(_("user"), max_length=255)
    secret = models.BinaryField(default=b"", blank=True, editable=False)
    folder = models.CharField(_("folder"), max_length=255, default="INBOX", help_text=_("IMAP only."))
    keeps_mail = models.BooleanField(
        _("leave mail in the mailbox"), default=False,
        help_text=_("IMAP only: read mail is marked as read instead of being deleted."),
    )  # fmt: skip
    every_minutes = models.PositiveSmallIntegerField(
        _("look every, minutes"), default=2, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    next_poll_at = models.DateTimeField(null=True, editable=False)
    polled_at = models.DateTimeField(_("last looked at"), null=True, editable=False)
    received = models.PositiveBigIntegerField(_("mails received"), default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="in a row")
    last_error = models.TextField(_("last error"), default="", blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("bounce mailbox")
        verbose_name_plural = _("bounce mailboxes")

    def __str__(self) -> str:
        return self.name


class NoticeSource(models.TextChoices):
    MAIL = "mail", _("Bounce mailbox")
    WEBHOOK = "webhook", _("Provider's webhook")


class NoticeState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")  # worked; `outcome` says what it was
    FAILED = "failed", _("Failed")  # could not be read; kept for a look


class InboundNotice(models.Model):
    """A mail or webhook as it came in; answered or taken off the server only after its commit.

    `body` may hold personal data: rows are deleted a week after they were worked.
    """

    id = models.BigAutoField(primary_key=True)
    received_at = models.DateTimeField(_("received"))
    source = models.CharField(_("source"), max_length=8, choices=NoticeSource.choices)
    connection_id = models.BigIntegerField(null=True)
    mailbox_id = models.BigIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    state = models.CharField(
        _("state"), max_length=8, choices=NoticeState.choices, default=NoticeState.WAITING
    )
    outcome = models.TextField(_("outcome"), default="", blank=True)
    processed_at = models.DateTimeField(_("worked"), null=True)

    class Meta:
        verbose_name = _("notice of bounces")
        verbose_name_plural = _("notices of bounces")
        indexes = [
            models.Index(fields=["id"], name="messaging_notice_waiting", condition=models.Q(state="waiting")),
            models.Index(fields=["processed_at"], name="messaging_notice_processed"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.pk}"
