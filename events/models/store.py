"""The event store: partitioned by month of `event_at` (migration 0002)."""

import enum

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class EventFlag(enum.IntFlag):
    """Bits of `flags`."""

    PAST = 1  # loaded as history: starts, stops, triggers and webhooks stay mute
    LATE = 2  # older than 24 h on arrival: no workflow start
    FUTURE_CLAMPED = 4  # claimed a time more than 5 min ahead
    BAD_TIMESTAMP = 8  # claimed an unreadable time
    UNMATCHED = 16  # no contact was found or made
    IDENTITY_CONFLICT = 32  # a weaker identifier points at another contact
    EXTERNAL_ID_PASSED_OVER = 64  # the address's holder has another external id
    PLACED = 128  # its place was found by the parameter `ip`
    ORDER = 256  # tells of an order: its type is one of `ORDER_TYPES`


# Keys of the types that tell of an order: orderCreated, orderDELIVERED …, and the site's purchase. For Python and SQL alike.
ORDER_TYPES = "^(order[A-Z].*|PurchasedItems)$"


class TellsOfOrder(models.Func):
    """Whether an event tells of an order; the index `events_event_order` is on exactly this condition."""

    template = "((flags & 256) <> 0)"
    arity = 0
    output_field = models.BooleanField()


class EventSource(models.TextChoices):
    API = "api", _("API")
    BATCH = "batch", _("Batch")
    PAST = "past", _("Past events")
    WEB = "web", _("Site")
    MOBILE = "mobile", _("App")
    ORDER = "order", _("Orders")
    SYSTEM = "system", pgettext_lazy("source", "System")


class Event(models.Model):
    """One fact about one person. `person_id` is a contact, a visitor, or 0 for nobody known.

    Django's state names `id` the primary key; the table's is (person_id, event_at, id).
    """

    id = models.UUIDField(primary_key=True)
    person_id = models.BigIntegerField(default=0)
    event_type_id = models.IntegerField()
    event_at = models.DateTimeField(_("time"))
    received_at = models.DateTimeField(_("received"))
    occurred_at = models.DateTimeField(_("claimed time"), null=True)
    processed_at = models.DateTimeField(_("processed"))
    seq = models.BigIntegerField()
    source = models.CharField(_("source"), max_length=6, choices=EventSource.choices)
    flags = models.IntegerField(default=0)
    key_value = models.TextField(_("event key"))
    original_person_id = models.BigIntegerField(null=True)
    params = models.JSONField(_("parameters"), default=dict)

    class Meta:
        db_table = "events_event"
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return str(self.pk)
