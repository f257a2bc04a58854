"""Accepted events on their way into the store, and those that did not make it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from events.models.registry import EventType
from events.models.store import EventSource


class InboxEvent(models.Model):
    """An accepted event that waits for processing. The row's commit is the acknowledgement.

    Identity columns are normalised at the door; `lane` is `hash(strongest identifier) % lanes`, and one lane is worked
    in ascending `id` by one holder, so that one person's events never overtake each other.
    """

    id = models.BigAutoField(primary_key=True)
    lane = models.SmallIntegerField(default=0)
    event_id = models.UUIDField()
    event_type_id = models.IntegerField()
    key_value = models.TextField()
    contact_id = models.BigIntegerField(null=True)
    external_id = models.TextField(null=True)
    email = models.TextField(null=True)
    email_norm = models.TextField(null=True)
    phone = models.TextField(null=True)
    push_token = models.TextField(null=True)
    contact_key = models.TextField(null=True)
    cookie = models.TextField(null=True)
    own_kind = models.TextField(null=True, help_text="external_id, email, phone or field:<id>")
    own_value = models.TextField(null=True, help_text="of the account's own parameter, as it is matched")
    params = models.JSONField(default=dict)
    event_at = models.DateTimeField()
    received_at = models.DateTimeField()
    occurred_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=6, choices=EventSource.choices)
    flags = models.IntegerField(default=0)
    actor = models.TextField(default="")

    class Meta:
        verbose_name = _("waiting event")
        verbose_name_plural = _("waiting events")
        indexes = [models.Index(fields=["lane", "id"], name="events_inbox_lane")]

    def __str__(self) -> str:
        return str(self.event_id)


class Lane(models.Model):
    """One row a lane; whoever processes a lane's events holds its row."""

    number = models.SmallIntegerField(primary_key=True)

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")

    def __str__(self) -> str:
        return str(self.number)


class DedupKey(models.Model):
    """A sender's `eventId` seen lately: SHA-256 of it → the id given to its first event. Kept 72 h.

    `content` is a short digest of what the first event said, to warn of another one under the same id.
    """

    digest = models.BinaryField(primary_key=True, max_length=32)
    event_id = models.UUIDField()
    received_at = models.DateTimeField(db_index=True)
    content = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")

    def __str__(self) -> str:
        return str(self.event_id)


class NobodyWipe(models.Model):
    """Erased people whose identifiers events of nobody may carry; the engine `event_erasures` looks through these.

    `digests` are salted: nothing of the people is kept. `inbox_id`: the last event accepted when they were erased;
    `after_at`, `after_id`: how far the engine has looked.
    """

    id = models.BigAutoField(primary_key=True)
    digests = ArrayField(models.BinaryField())
    inbox_id = models.BigIntegerField()
    after_at = models.DateTimeField(null=True)
    after_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    seen = models.PositiveBigIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("erasing of events of nobody")
        verbose_name_plural = _("erasings of events of nobody")

    def __str__(self) -> str:
        return str(self.pk)


class QuarantinedEvent(models.Model):
    """An accepted event that cannot be processed. `envelope` is its whole inbox row; replay puts it back."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    event_type = models.ForeignKey(EventType, on_delete=models.SET_NULL, null=True, db_constraint=False)
    envelope = models.JSONField()
    reason = models.TextField(_("reason"))
    quarantined_at = models.DateTimeField(_("set aside"))
    replayed_at = models.DateTimeField(_("replayed"), null=True, blank=True)

    class Meta:
        verbose_name = _("event set aside")
        verbose_name_plural = _("events set aside")

    def __str__(self) -> str:
        return str(self.event_id)


class RejectedEvent(models.Model):
    """A refused request, kept for the sender's sake; the newest ones only."""

    id = models.BigAutoField(primary_key=True)
    received_at = models.DateTimeField(_("received"), db_index=True)
    event_type_key = models.TextField(_("event type key"), blank=True, default="")
    code = models.CharField(_("rule"), max_length=40)
    path = models.TextField(_("field"), blank=True, default="")
    message = models.TextField(_("message"))
    body = models.TextField(_("body"), help_text=_("the first 20 KB"))
    actor = models.TextField(_("API key"), default="")

    class Meta:
        verbose_name = _("refused event")
        verbose_name_plural = _("refused events")

    def __str__(self) -> str:
        return f"{self.code} {self.path}"
