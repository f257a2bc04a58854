"""Additional fields: groups and typed fields, edited by marketers."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cdp.ui.seeded import seeded

KEY_RULE = RegexValidator(
    r"^[A-Z][A-Z0-9_]*$", _("Use capital Latin letters, digits and underscores, a letter first.")
)


class FieldType(models.TextChoices):
    """Types of additional fields; `contacts.field_types` says how each is read, and its name on the wire."""

    TEXT = "text", _("Text")
    TEXTAREA = "textarea", _("Text, several lines")
    INTEGER = "integer", _("Whole number")
    DECIMAL = "decimal", _("Fractional number")
    DATE = "date", _("Date")
    DATETIME = "datetime", _("Date with time")
    SELECT = "select", _("Drop-down")
    MULTISELECT = "multiselect", _("Checkboxes")
    BOOLEAN = "boolean", _("Yes or no")
    JSON = "json", _("JSON")
    URL = "url", _("URL")
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Phone")


class MergeStrategy(models.TextChoices):
    """Which value stays when two contacts that both have one are merged."""

    NEWEST = "newest", _("Written last")
    OLDEST = "oldest", _("Written first")
    MOST = "max", _("The greatest")
    LEAST = "min", _("The least")
    SUM = "sum", _("The sum")
    UNION = "union", _("All options of both")


class IndexState(models.TextChoices):
    NONE = "", _("No")
    BUILDING = "building", _("Being built")
    READY = "ready", _("Yes")
    FAILED = "failed", _("Failed")


class FieldGroup(models.Model):
    name = models.CharField(_("name"), max_length=100)
    key = models.CharField(_("key"), max_length=50, unique=True, validators=[KEY_RULE])
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("field group")
        verbose_name_plural = _("field groups")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return seeded(self.name)


class ContactField(models.Model):
    """One additional field. Its value lies in `Contact.data` under `str(id)`."""

    group = models.ForeignKey(
        FieldGroup, on_delete=models.PROTECT, related_name="fields", verbose_name=_("group")
    )
    name = models.CharField(_("name"), max_length=100)
    key = models.CharField(_("key"), max_length=50, validators=[KEY_RULE])
    type = models.CharField(_("type"), max_length=12, choices=FieldType.choices, default=FieldType.TEXT)
    options = ArrayField(
        models.CharField(max_length=200), verbose_name=_("options"), default=list, blank=True
    )
    least = models.DecimalField(_("least"), max_digits=24, decimal_places=6, null=True, blank=True)
    most = models.DecimalField(_("most"), max_digits=24, decimal_places=6, null=True, blank=True)
    is_regular = models.BooleanField(_("repeats every year"), default=False)
    is_required = models.BooleanField(_("required"), default=False)
    is_readonly = models.BooleanField(_("read only"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    merge_strategy = models.CharField(
        _("when contacts are merged"),
        max_length=6,
        choices=MergeStrategy.choices,
        default=MergeStrategy.NEWEST,
    )
    former_keys = ArrayField(
        models.CharField(max_length=50),
        default=list,
        blank=True,
        editable=False,
        help_text="keys it had before; they still mean it",
    )
    index_state = models.CharField(
        _("indexed"),
        max_length=8,
        choices=IndexState.choices,
        default=IndexState.NONE,
        blank=True,
        editable=False,
    )

    class Meta:
        verbose_name = _("additional field")
        verbose_name_plural = _("additional fields")
        ordering = ["group__position", "group_id", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["group", "key"], name="contacts_field_key")]

    def __str__(self) -> str:
        return seeded(self.name)
