"""The registry of event types."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from cdp.ui.seeded import seeded


class Category(models.TextChoices):
    CLICK = "click", _("Click")
    SUBSCRIBE = "subscribe", _("Subscribe and unsubscribe")
    RFM = "rfm", _("RFM")
    IMPORT = "import", _("Import")
    NOTIFICATION = "notification", _("Notification")
    OTHER = "other", _("Other")


class Origin(models.TextChoices):
    SYSTEM = "system", pgettext_lazy("source", "System")  # made by the product; neither renamed nor deleted
    CUSTOM = "custom", _("Made by hand")
    AUTO = "auto", _("First seen")  # made when its first event arrived


class ValidationMode(models.TextChoices):
    OFF = "off", _("Off")
    STRICT = "strict", _("Validate parameters")  # an event that breaks the declaration is refused with 400


class ParameterType(models.TextChoices):
    ANY = "any", _("Anything")
    STRING = "string", _("Text")
    NUMBER = "number", _("Number")
    INTEGER = "integer", _("Whole number")
    BOOLEAN = "boolean", _("Yes or no")
    DATETIME = "datetime", _("Date with time")
    URL = "url", _("URL")
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Phone")
    OBJECT = "object", _("Object")
    ARRAY = "array", _("List")


class EventType(models.Model):
    """A registry entry. `structure` is what was observed: `{parameter name: type name}`; names are only ever added."""

    key = models.CharField(_("key"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, default="")
    category = models.CharField(
        _("category"), max_length=12, choices=Category.choices, default=Category.OTHER
    )
    origin = models.CharField(_("origin"), max_length=6, choices=Origin.choices, default=Origin.CUSTOM)
    use_for_segmentation = models.BooleanField(_("use for segmentation"), default=False)
    segmentation_since = models.DateTimeField(_("segmentation since"), null=True, blank=True, editable=False)
    validation_mode = models.CharField(
        _("validation"), max_length=8, choices=ValidationMode.choices, default=ValidationMode.OFF
    )
    allow_additional = models.BooleanField(_("accept undeclared parameters"), default=True)
    structure = models.JSONField(default=dict, blank=True, editable=False)
    retention_days = models.PositiveIntegerField(
        _("keep, days"), null=True, blank=True, help_text=_("Empty: as the account says.")
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    first_seen_at = models.DateTimeField(_("first event"), null=True, editable=False)
    last_seen_at = models.DateTimeField(_("last event"), null=True, editable=False)

    class Meta:
        verbose_name = _("event type")
        verbose_name_plural = _("event types")

    def __str__(self) -> str:
        return seeded(self.name) or self.key


class EventParameter(models.Model):
    """A declared parameter; checked when the type's validation is on."""

    event_type = models.ForeignKey(EventType, on_delete=models.CASCADE, related_name="parameters")
    name = models.CharField(_("name"), max_length=100)
    type = models.CharField(_("type"), max_length=8, choices=ParameterType.choices, default=ParameterType.ANY)
    is_required = models.BooleanField(_("required"), default=False)
    allowed = ArrayField(
        models.CharField(max_length=200), verbose_name=_("allowed values"), default=list, blank=True
    )
    least = models.DecimalField(_("least"), max_digits=24, decimal_places=6, null=True, blank=True)
    most = models.DecimalField(_("most"), max_digits=24, decimal_places=6, null=True, blank=True)
    max_length = models.PositiveIntegerField(_("longest, characters"), null=True, blank=True)
    is_personal = models.BooleanField(
        _("personal data"), default=False, help_text=_("Masked for roles without the right.")
    )
    description = models.CharField(_("description"), max_length=255, blank=True, default="")

    class Meta:
        verbose_name = _("parameter")
        verbose_name_plural = _("parameters")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["event_type", "name"], name="events_parameter_once")]

    def __str__(self) -> str:
        return self.name


class RegistryVersion(models.Model):
    """One row, bumped by every change of the registry; intake caches types and parameters by it."""

    version = models.BigIntegerField(default=1)

    class Meta:
        verbose_name = _("registry version")
        verbose_name_plural = _("registry version")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="events_registry_one_row")]

    def __str__(self) -> str:
        return str(self.version)


class TypeHour(models.Model):
    """Counters of one event type in one hour (UTC)."""

    id = models.BigAutoField(primary_key=True)
    event_type = models.ForeignKey(EventType, on_delete=models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()
    accepted = models.BigIntegerField(default=0)
    unmatched = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    quarantined = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("hourly count")
        verbose_name_plural = _("hourly counts")
        constraints = [models.UniqueConstraint(fields=["event_type", "hour"], name="events_hour_once")]
        indexes = [models.Index(fields=["hour"], name="events_hour")]

    def __str__(self) -> str:
        return f"{self.event_type_id} {self.hour:%Y-%m-%d %H}"
