"""Messages and their immutable revisions."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.models import SubscriptionCategory
from messaging.models.connections import Channel, Sender


class MessageState(models.TextChoices):
    DRAFT = "draft", _("Draft")  # may hold faults; is not sent
    READY = "ready", _("Ready")  # its current revision compiled without a fault
    ARCHIVED = "archived", _("Archived")  # out of the lists; what is planned is still sent


class Message(models.Model):
    """Reusable content of one channel. The text lies in its revisions; `revision` is the current one."""

    name = models.CharField(_("name"), max_length=200)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices, default=Channel.EMAIL)
    is_transactional = models.BooleanField(
        _("transactional"), default=False,
        help_text=_("An answer to something the contact did: an order, a password. It ignores unsubscribing."),
    )  # fmt: skip
    categories = models.ManyToManyField(
        SubscriptionCategory, blank=True, verbose_name=_("subscription categories")
    )
    sender = models.ForeignKey(
        Sender, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("sender"),
        help_text=_("Empty: the default sender."),
    )  # fmt: skip
    default_language = models.CharField(_("default language"), max_length=35, default="en")
    tags = ArrayField(models.CharField(max_length=100), verbose_name=_("tags"), default=list, blank=True)
    utm = models.JSONField(default=dict, blank=True)
    tracks_opens = models.BooleanField(_("track opens"), default=True)
    tracks_clicks = models.BooleanField(_("track clicks"), default=True)
    state = models.CharField(
        _("state"), max_length=8, choices=MessageState.choices, default=MessageState.DRAFT
    )
    revision = models.ForeignKey(
        "MessageRevision", on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
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

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [models.Index(fields=["-updated_at", "-id"], name="messaging_message_updated")]
        permissions = [
            ("send_test", _("Can send tests")),
            ("mark_transactional", _("Can mark messages transactional")),
        ]

    def __str__(self) -> str:
        return self.name


class MessageRevision(models.Model):
    """One saved text of a message; never changed.

    `content`: language → subject, preheader, format (mjml or html), source, text. `compiled`: language → the Liquid
    texts that are rendered per recipient, made from `content` by `messaging.rendering.compilation`.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField(_("number"))
    content = models.JSONField(default=dict)
    compiled = models.JSONField(default=dict)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="messaging_revision_number")
        ]

    def __str__(self) -> str:
        return f"{self.message_id}/{self.number}"


class Link(models.Model):
    """A link of one revision and language; click tokens carry its id. `url` may hold Liquid."""

    id = models.BigAutoField(primary_key=True)
    revision = models.ForeignKey(MessageRevision, on_delete=models.CASCADE, related_name="links")
    language = models.CharField(max_length=35)
    number = models.PositiveSmallIntegerField()
    url = models.TextField()
    is_tracked = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [
            models.UniqueConstraint(fields=["revision", "language", "number"], name="messaging_link_number")
        ]

    def __str__(self) -> str:
        return self.url
