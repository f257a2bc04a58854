"""API keys and what guards a request: rights and the guard against repeated requests."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Right(models.TextChoices):
    """Access rights of a key; which routes each opens is in `cdp.api.rights`."""

    FULL = "full", _("Full access to API")
    EVENTS = "events", _("Access to events")
    EVENTS_CONTACTS = "events_contacts", _("Access to events and contacts")
    EVENTS_CONTACTS_WRITE = "events_contacts_write", _("Access to events and contacts (adding/updating)")
    MESSAGES = "messages", _("Access to messages")


class ApiKey(models.Model):
    """One key. The secret is shown once; only its SHA-256 stays."""

    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, default="")
    rights = ArrayField(models.CharField(max_length=32, choices=Right.choices), verbose_name=_("rights"))
    digest = models.BinaryField(unique=True, editable=False, max_length=32)
    last_characters = models.CharField(_("ends with"), max_length=4, editable=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("created by"),
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} …{self.last_characters}"


class RequestFingerprint(models.Model):
    """A request seen within the last minute: SHA-256 of key, method, URL and body (api.md 4, duplicate guard)."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("request fingerprint")
        verbose_name_plural = _("request fingerprints")

    def __str__(self) -> str:
        return bytes(self.digest).hex()
