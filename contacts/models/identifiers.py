"""Identifiers: keys with one owner each, addresses that many contacts may hold, and who held what before."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class IdentifierKind(models.TextChoices):
    """Kinds whose value belongs to one person at a time."""

    EXTERNAL_ID = "ext", _("External ID")
    DEVICE = "device", _("Device")
    MOBILE_TOKEN = "mobile", _("Mobile push token")
    WEB_TOKEN = "web", _("Web push token")
    TELEGRAM = "telegram", _("Telegram")
    PSEUDO_ID = "pseudo", _("App installation")
    COOKIE = "cookie", _("Cookie")


class AddressKind(models.TextChoices):
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Phone")
    CONTACT_KEY = "key", _("Contact key")


class AddressStatus(models.TextChoices):
    """Whether an address may be sent to; the strongest reason wins (contacts spec 7.2)."""

    UNCONFIRMED = "unconfirmed", _("Unconfirmed")  # came through a form; waits for double opt-in
    ACTIVE = "active", _("Active")  # confirmed, imported, or added by API
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")  # opted out of everything
    SPAM = "spam", _("Spam complaint")  # complained
    BLOCKED = "blocked", _("Blocked for a while")  # mailbox full or frozen, until `blocked_until`
    BLACKLISTED = "blacklisted", _("Blacklisted")  # does not exist, or listed by an admin


class Key(models.Model):
    """A value with one owner. The row is also the mutex of its identifier; `person_id` is never null once committed."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=IdentifierKind.choices)
    value = models.TextField()
    person_id = models.BigIntegerField()
    scope = models.TextField(default="", help_text="application, site or bot the token belongs to")
    is_active = models.BooleanField(default=True, help_text="a token may be kept but not sent to")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="contacts_key_value")]
        indexes = [
            models.Index(fields=["person_id"], name="contacts_key_person"),
            models.Index(  # what the contact list asks of each row that it passes
                fields=["person_id", "kind"],
                name="contacts_key_tokens",
                condition=models.Q(is_active=True, kind__in=["mobile", "web", "telegram"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value}"


class Address(models.Model):
    """One e-mail, phone or contact key, whoever holds it; the status lives here. Also the mutex of the address."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=5, choices=AddressKind.choices)
    value = models.TextField()
    status = models.CharField(max_length=12, choices=AddressStatus.choices, default=AddressStatus.ACTIVE)
    previous_status = models.CharField(max_length=12, choices=AddressStatus.choices, default="", blank=True)
    status_at = models.DateTimeField()
    reason = models.TextField(default="", blank=True)
    actor = models.TextField(
        default="", blank=True, help_text="who changed the status: a user, a key, an engine"
    )
    blocked_until = models.DateTimeField(null=True, blank=True)
    soft_errors = models.PositiveSmallIntegerField(
        default=0, help_text="steps down the ladder of blocks since the last sign of life"
    )
    is_blacklisted = models.BooleanField(
        db_default=False,
        help_text="does not exist, or listed by an admin; also when the status shows an opt-out",
    )
    failures = models.PositiveSmallIntegerField(db_default=0, help_text="temporary ones in a row")
    failing_since = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    is_sms_capable = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="contacts_address_value")]
        indexes = [
            models.Index(
                fields=["kind", "status", "value"],
                name="contacts_address_status",
                condition=~models.Q(status="active"),
            ),
            models.Index(
                fields=["blocked_until"],
                name="contacts_address_blocked",
                condition=models.Q(status="blocked"),
            ),
        ]

    def __str__(self) -> str:
        return self.value


class AddressChange(models.Model):
    """What was learnt of an address, and what became of its status: the record of opt-outs, complaints and bounces.

    `signal` is one of `contacts.services.address_rules.Signal`; `person_id` the contact through whom it was learnt, or 0.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("time"))
    kind = models.CharField(max_length=5, choices=AddressKind.choices)
    value = models.TextField()
    person_id = models.BigIntegerField(default=0)
    signal = models.CharField(max_length=20)
    status_before = models.CharField(max_length=12, choices=AddressStatus.choices)
    status_after = models.CharField(max_length=12, choices=AddressStatus.choices)
    reason = models.TextField(_("reason"), default="", blank=True)
    comment = models.TextField(_("comment"), default="", blank=True)
    actor = models.TextField(default="", blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("change of an address")
        verbose_name_plural = _("changes of addresses")
        indexes = [
            models.Index(fields=["kind", "value", "at"], name="contacts_addresschange_value"),
            models.Index(fields=["person_id", "at"], name="contacts_addresschange_person"),
        ]

    def __str__(self) -> str:
        return f"{self.value} {self.signal}"


class Device(models.Model):
    """What is known of the device behind a mobile or web push token."""

    key = models.OneToOneField(Key, on_delete=models.CASCADE, primary_key=True, related_name="device")
    person_id = models.BigIntegerField(db_index=True)
    app_id = models.TextField(default="", blank=True)
    model = models.TextField(default="", blank=True)
    os = models.TextField(default="", blank=True)
    locale = models.TextField(default="", blank=True)
    client_version = models.TextField(default="", blank=True)
    app_version = models.TextField(default="", blank=True)
    details = models.JSONField(default=dict, blank=True, help_text="web push: browser, page, service worker")
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")

    def __str__(self) -> str:
        return self.model or self.app_id or str(self.pk)


class IdentifierChange(models.Model):
    """A value a person no longer holds: replaced, moved to somebody else, or removed."""

    id = models.BigAutoField(primary_key=True)
    person_id = models.BigIntegerField()
    kind = models.CharField(max_length=8)
    value = models.TextField()
    held_until = models.DateTimeField()
    reason = models.CharField(max_length=32)
    moved_to = models.BigIntegerField(null=True)
    original_person_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("former identifier")
        verbose_name_plural = _("former identifiers")
        indexes = [models.Index(fields=["person_id", "held_until"], name="contacts_change_person")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class SuppressedAddress(models.Model):
    """What is left of an erased address that must not be sent to: a salted hash, so that it is known when it returns."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    status = models.CharField(max_length=12, choices=AddressStatus.choices)
    previous_status = models.CharField(max_length=12, choices=AddressStatus.choices, default="", blank=True)
    status_at = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True)
    is_blacklisted = models.BooleanField(db_default=False)
    erased_at = models.DateTimeField()

    class Meta:
        verbose_name = _("erased address")
        verbose_name_plural = _("erased addresses")

    def __str__(self) -> str:
        return self.status


class SuppressionSalt(models.Model):
    """The installation's one secret salt of `SuppressedAddress`."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    salt = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = _("salt")
        verbose_name_plural = _("salts")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="contacts_salt_one_row")]

    def __str__(self) -> str:
        return "salt"
