"""What every part of the product shares: the account and the state of the engines."""

import zoneinfo

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


def validate_time_zone(name: str) -> None:
    """Refuse anything but a name of the TZ database.

    Raises:
        ValidationError: the name is not in the TZ database.
    """
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("“%(name)s” is not a name of the TZ database, such as Europe/Kyiv."), params={"name": name}
        )


def validate_texts(value: object) -> None:
    """Refuse anything but a list of texts.

    Raises:
        ValidationError: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValidationError(_("This must be a list of texts, such as [“guest”, “test”]."))


def validate_countries(text: str) -> None:
    """Refuse anything but two-letter codes of countries that have phone numbers.

    Raises:
        ValidationError: names the first that is none.
    """
    for code in read_countries(text):
        if code not in phonenumbers.SUPPORTED_REGIONS:
            raise ValidationError(
                _("“%(code)s” is not the two-letter code of a country."), params={"code": code}
            )


def read_countries(text: str) -> list[str]:
    """Codes as people write them: by commas or blanks, in any case."""
    return text.upper().replace(",", " ").split()


class Account(models.Model):
    """The one organisation an installation serves. There is exactly one row, made by the first migration."""

    organisation_name = models.CharField(_("organisation name"), max_length=200, default="My organisation")
    website = models.URLField(
        _("website"),
        blank=True,
        db_default="",
        help_text=_("Where pages that contacts see lead to."),
    )
    user_email = models.EmailField(_("contact e-mail"), default="owner@example.com")
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text=_("Dates without an offset are read in this zone; scheduling uses it."),
    )
    language = models.CharField(
        _("language"),
        max_length=35,
        default="en",
        validators=[RegexValidator(r"^[a-z]{2}(-[A-Z]{2})?$", _("Use a tag such as en or en-GB."))],
        help_text=_("Language of messages for contacts that have none."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="USD",
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Use a three-letter code such as EUR."))],
    )
    default_region = models.CharField(
        _("default phone region"),
        max_length=2,
        blank=True,
        default="",
        validators=[RegexValidator(r"^[A-Z]{2}$", _("Use a two-letter country code such as UA."))],
        help_text=_("Country whose national phone numbers are understood without a country code."),
    )
    phone_countries = models.CharField(
        _("phones of these countries only"),
        max_length=300,
        blank=True,
        default="",
        db_default="",
        validators=[validate_countries],
        help_text=_("Two-letter codes, such as UA, PL. Empty: phones of any country are taken."),
    )
    merges_by_email = models.BooleanField(
        _("merge contacts with the same confirmed e-mail"),
        default=False,
        db_default=False,
        help_text=_("A contact without an external ID is merged into the one that comes with its e-mail."),
    )
    event_mapping_param = models.CharField(
        _("own event parameter"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("An event parameter tried before all others to find the contact."),
    )
    event_mapping_field = models.CharField(
        _("contact field it holds"),
        max_length=20,
        blank=True,
        default="",
        help_text=_("The field is searched for the parameter's value; its index is built for that."),
    )
    event_retention_days = models.PositiveIntegerField(
        _("keep events, days"), default=730, help_text=_("Older events are dropped month by month.")
    )
    blocked_identifiers = models.JSONField(
        _("blocked identifier values"),
        default=list,
        validators=[validate_texts],
        blank=True,
        help_text=_("Values that never identify anybody, compared without case."),
    )
    shows_first_steps = models.BooleanField(
        _("show the first steps"),
        default=True,
        db_default=True,
        help_text=_("The checklist of a new installation on the home page."),
    )
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("account")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="cdp_account_one_row")]

    def __str__(self) -> str:
        return self.organisation_name

    @property
    def phone_country_codes(self) -> frozenset[str]:
        """Countries whose phones are taken; none: those of all."""
        return frozenset(read_countries(self.phone_countries))


class EngineState(models.Model):
    """Heartbeat and backlog of one engine; one row an engine, written by whichever process works it."""

    name = models.CharField(max_length=64, primary_key=True)
    worker = models.CharField(max_length=128, default="")
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    backlog = models.BigIntegerField(default=0)
    oldest_at = models.DateTimeField(null=True, help_text="when the oldest waiting row became due")
    handled = models.BigIntegerField(default=0, help_text="rows handled since the engine first ran")
    rate = models.FloatField(default=0, help_text="rows a second over the last heartbeat")
    last_error = models.TextField(default="", blank=True)
    last_error_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("engine")
        verbose_name_plural = _("engines")

    def __str__(self) -> str:
        return self.name
