"""Deliveries (the outbox) and message activity; both tables are partitioned by month (migration 0002)."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from messaging.models.connections import Channel


class NextDeliveryId(models.Func):
    """The next id of the deliveries' sequence."""

    template = "nextval('messaging_delivery_id_seq'::regclass)"
    arity = 0
    output_field = models.BigIntegerField()


class NextActivityId(models.Func):
    """The next id of the activity's sequence."""

    template = "nextval('messaging_activity_id_seq'::regclass)"
    arity = 0
    output_field = models.BigIntegerField()


class CauseKind(models.TextChoices):
    """Why a message is sent."""

    CAMPAIGN = "campaign", _("Campaign")
    WORKFLOW = "workflow", _("Workflow")
    API = "api", _("API")
    TEST = "test", _("Test")


class Priority(models.IntegerChoices):
    TRANSACTIONAL = 0, _("Transactional")
    TRIGGERED = 1, _("Triggered")
    BULK = 2, _("Bulk")


class DeliveryState(models.TextChoices):
    PLANNED = "planned", _("Planned")  # waits for its time, its connection, or a retry
    CLAIMED = "claimed", _("Claimed")  # a worker checks and renders it; nothing has left
    SENDING = "sending", _("Sending")  # may have left; committed before any byte does
    SENT = "sent", _("Sent")  # the provider accepted it
    SKIPPED = "skipped", _("Skipped")  # we decided not to send; `reason` says why
    FAILED = "failed", _("Failed")  # refused for good, or could not be rendered
    UNKNOWN = "unknown", _("Unknown")  # the worker or the line died while sending; never sent again
    CANCELLED = "cancelled", _("Cancelled")  # its campaign was


FINAL_STATES = (
    DeliveryState.SENT,
    DeliveryState.SKIPPED,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.CANCELLED,
)


class Reason(models.TextChoices):
    """Why a delivery was skipped or failed; shared with workflow history and reports."""

    NO_CHANNEL = "no_channel", _("No address")
    SUPPRESSED = "suppressed", _("Address suppressed")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    NOT_CONFIRMED = "not_confirmed", _("Address not confirmed")
    CATEGORY = "category", _("Not subscribed to the category")
    EXCLUDED = "excluded", _("Excluded")
    DUPLICATE_ENDPOINT = "duplicate_endpoint", _("Address already in this send")
    ALREADY_SENT = "already_sent", _("Already sent")
    STRATEGY = "strategy", _("Frequency strategy")
    FREQUENCY = "frequency", _("Frequency limit")
    HOLDOUT = "holdout", _("Holdout group")
    ABORTED_BY_TEMPLATE = "aborted_by_template", _("Stopped by the template")
    RENDERING = "rendering", _("Could not be rendered")
    DATA_SOURCE = "data_source", _("Data source failed")
    NO_PROMO_CODE = "no_promo_code", _("No promo code left")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")
    PROVIDER = "provider", _("Refused by the provider")
    UNKNOWN = "unknown", _("The line was lost while sending")


class Delivery(models.Model):
    """One message to one endpoint: the permit to send, unique by cause, slot and endpoint.

    `cause_month` is the first day of the month in which the cause was created. Django's state names `id` the primary
    key; the table's is (id, cause_month). `contact_id` 0: a test to an address nobody holds.
    """

    id = models.BigIntegerField(primary_key=True, db_default=NextDeliveryId(), editable=False)
    cause_month = models.DateField()
    cause_kind = models.TextField(_("cause"), choices=CauseKind.choices)
    cause_id = models.BigIntegerField()
    slot = models.TextField(default="")
    endpoint = models.TextField(_("address"))
    contact_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    revision_id = models.BigIntegerField()
    language = models.TextField(_("language"), default="")
    channel = models.TextField(_("channel"), choices=Channel.choices, default=Channel.EMAIL)
    connection_id = models.BigIntegerField(null=True)
    sender_id = models.BigIntegerField(null=True)
    is_transactional = models.BooleanField(default=False)
    is_test = models.BooleanField(default=False)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.BULK)
    state = models.TextField(_("state"), choices=DeliveryState.choices, default=DeliveryState.PLANNED)
    reason = models.TextField(_("reason"), default="")
    not_before = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.TextField(default="")
    attempts = models.SmallIntegerField(default=0)
    provider_id = models.TextField(default="")
    message_id_header = models.TextField(default="")
    subject = models.TextField(_("subject"), default="")
    context = models.JSONField(default=dict)
    planned_at = models.DateTimeField(_("planned"))
    handed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    opened_at = models.DateTimeField(_("opened"), null=True)
    clicked_at = models.DateTimeField(_("clicked"), null=True)
    unsubscribed_at = models.DateTimeField(_("unsubscribed"), null=True)
    complained_at = models.DateTimeField(_("complained"), null=True)
    failed_at = models.DateTimeField(_("failed"), null=True)
    last_error = models.TextField(default="")

    class Meta:
        db_table = "messaging_delivery"
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")

    def __str__(self) -> str:
        return f"{self.message_id} → {self.endpoint}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


class ActivityKind(models.TextChoices):
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    OPENED = "opened", _("Opened")
    CLICKED = "clicked", _("Clicked")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    SPAM = "spam", _("Spam complaint")
    ERROR = "error", _("Not delivered")  # refused, bounced, unknown
    UNAVAILABLE = "unavailable", _("Not sent")  # skipped or cancelled by our decision


class Machine(models.TextChoices):
    """What made a hit, when no human did."""

    HUMAN = "", _("Human")
    PRIVACY_PROXY = "privacy_proxy", _("Privacy proxy")
    SCANNER = "scanner", _("Scanner")
    PREFETCH = "prefetch", _("Prefetch")
    BOT = "bot", _("Bot")


class Activity(models.Model):
    """One thing that happened to a delivery; append-only. The table's key is (id, at)."""

    id = models.BigIntegerField(primary_key=True, db_default=NextActivityId(), editable=False)
    at = models.DateTimeField(_("time"))
    person_id = models.BigIntegerField()
    delivery_id = models.BigIntegerField()
    cause_month = models.DateField()
    cause_kind = models.TextField(choices=CauseKind.choices)
    cause_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    channel = models.TextField(default="email")
    kind = models.TextField(_("kind"), choices=ActivityKind.choices)
    machine = models.TextField(choices=Machine.choices, default=Machine.HUMAN, blank=True)
    link_id = models.BigIntegerField(null=True)
    url = models.TextField(default="")
    reason = models.TextField(default="")
    details = models.JSONField(default=dict)
    source_key = models.TextField(default="")

    class Meta:
        db_table = "messaging_activity"
        verbose_name = pgettext_lazy("of a message", "activity")
        verbose_name_plural = pgettext_lazy("of a message", "activities")

    def __str__(self) -> str:
        return f"{self.kind} {self.delivery_id}"


class ActivityKey(models.Model):
    """Provider events that were recorded: a replay does nothing."""

    id = models.BigAutoField(primary_key=True)
    delivery_id = models.BigIntegerField()
    source_key = models.TextField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("recorded provider event")
        verbose_name_plural = _("recorded provider events")
        constraints = [
            models.UniqueConstraint(fields=["delivery_id", "source_key"], name="messaging_activitykey_once")
        ]
        indexes = [models.Index(fields=["at"], name="messaging_activitykey_at")]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.source_key}"
