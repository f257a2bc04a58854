"""Contacts and visitors. Both draw ids from one sequence: a person id is either."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts.querysets import ContactQuerySet


class NextPersonId(models.Func):
    """The next id of the sequence shared by contacts and visitors."""

    template = "nextval('contacts_person_id_seq'::regclass)"
    arity = 0
    output_field = models.BigIntegerField()


class ContactState(models.TextChoices):
    ACTIVE = "active", _("Active")  # created, restored
    DELETED = "deleted", _("Deleted")  # by hand, by API, by category; restorable
    MERGED = "merged", _("Merged")  # tombstone pointing at the winner
    ERASED = "erased", _("Erased")  # irreversible; the row keeps nothing but its id


class Source(models.TextChoices):
    """How a contact entered; set once, at creation."""

    API = "api", _("API")
    IMPORT = "import", _("Import")
    MANUAL = "manual", _("Added by hand")
    SUBSCRIPTION = "subscription", _("Subscription form")
    ORDER = "order", pgettext_lazy("purchase", "Order")
    EVENT = "event", _("Event")
    I_MESSAGE = "i_message", _("Single message")
    CAMPAIGN = "campaign", _("Workflow")
    SITE_AUTOMATED = "site_automated", _("Push subscriber's e-mail")
    SDK = "sdk", _("Mobile SDK")
    WEB_PUSH = "web_push", _("Web push")
    TELEGRAM = "telegram", _("Telegram")
    WIDGET = "widget", _("Widget")
    EXTERNAL_SOURCE = "external_source", _("External source")


class SearchText(models.Func):
    """What the list's search matches; the trigram index `contact_search` is on exactly this expression."""

    template = (
        "(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(email, '') || ' ' || "
        "coalesce(phone, '') || ' ' || coalesce(external_id, ''))"
    )
    arity = 0
    output_field = models.TextField()


SEARCH_TEXT = SearchText()


class Traits(models.Func):
    """What the list filters by, in one array: `s:` source, `l:` language, `z:` zone, `-` and what is missing.

    The index `contact_traits` is on exactly this expression: one GIN index serves every such filter, alone or together.
    """

    template = (
        "(ARRAY['s:' || source, 'l:' || coalesce(language, ''), 'z:' || coalesce(time_zone, ''), "
        "CASE WHEN email_norm IS NULL THEN '-email' END, CASE WHEN phone IS NULL THEN '-phone' END, "
        "CASE WHEN external_id IS NULL THEN '-external_id' END, "
        "CASE WHEN contact_key IS NULL THEN '-contact_key' END, "
        "CASE WHEN coalesce(first_name, '') = '' THEN '-first_name' END, "
        "CASE WHEN coalesce(last_name, '') = '' THEN '-last_name' END, "
        "CASE WHEN coalesce(town, '') = '' THEN '-town' END, "
        "CASE WHEN coalesce(region, '') = '' THEN '-region' END])"
    )
    arity = 0
    output_field = ArrayField(models.TextField())


TRAITS = Traits()


class Contact(models.Model):
    """One individual known by at least one identifier.

    `external_id`, `email` and `phone` mirror `Key` and `Address`; only `contacts.services` writes them. `phone` is
    digits without a plus; `email_norm` is what is matched. `data` holds additional fields by field id as text keys.
    `provenance` tells, for values written after creation, `{name: [unix time, source, detail]}`.
    """

    id = models.BigIntegerField(primary_key=True, db_default=NextPersonId(), editable=False)
    state = models.CharField(
        _("state"), max_length=8, choices=ContactState.choices, default=ContactState.ACTIVE
    )
    is_restricted = models.BooleanField(_("restricted"), default=False)
    external_id = models.TextField(_("external ID"), null=True, blank=True)
    email = models.TextField(_("e-mail"), null=True, blank=True)
    email_norm = models.TextField(null=True, editable=False)
    phone = models.TextField(_("phone"), null=True, blank=True)
    contact_key = models.TextField(_("contact key"), null=True, blank=True)
    first_name = models.TextField(_("first name"), null=True, blank=True)
    last_name = models.TextField(_("last name"), null=True, blank=True)
    address = models.TextField(_("address"), null=True, blank=True)
    town = models.TextField(_("town"), null=True, blank=True)
    region = models.TextField(_("region"), null=True, blank=True)
    postcode = models.TextField(_("postcode"), null=True, blank=True)
    language = models.TextField(_("language"), null=True, blank=True)
    time_zone = models.TextField(_("time zone"), null=True, blank=True)
    location = models.JSONField(_("location"), default=dict, blank=True)
    orders_info = models.JSONField(_("orders"), null=True, blank=True)
    data = models.JSONField(_("additional fields"), default=dict, blank=True)
    provenance = models.JSONField(default=dict, blank=True, editable=False)
    source = models.CharField(_("source"), max_length=16, choices=Source.choices)
    source_detail = models.TextField(_("source detail"), default="", blank=True)
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    delete_reason = models.TextField(_("reason"), default="", blank=True)
    merged_into = models.BigIntegerField(null=True, blank=True, editable=False)

    SEARCH_TEXT = SEARCH_TEXT
    TRAITS = TRAITS
    objects = ContactQuerySet.as_manager()  # type: ignore[django-manager-missing]

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes = [
            models.Index(
                fields=["email_norm"], name="contact_email", condition=models.Q(email_norm__isnull=False)
            ),
            models.Index(fields=["phone"], name="contact_phone", condition=models.Q(phone__isnull=False)),
            models.Index(
                fields=["contact_key"], name="contact_key", condition=models.Q(contact_key__isnull=False)
            ),
            models.Index(  # what the list reads of each row that it passes
                fields=["updated_at", "id"],
                name="contact_active_changed",
                include=["email_norm", "phone"],
                condition=models.Q(state="active"),
            ),
            models.Index(
                fields=["created_at", "id"], name="contact_active_created", condition=models.Q(state="active")
            ),
            models.Index(
                fields=["id"],
                name="contact_universe",
                condition=models.Q(state="active", is_restricted=False),
            ),
            models.Index(
                fields=["deleted_at", "id"], name="contact_deleted", condition=models.Q(state="deleted")
            ),
            models.Index(
                fields=["merged_into"], name="contact_merged", condition=models.Q(merged_into__isnull=False)
            ),
            GinIndex(OpClass(SEARCH_TEXT, name="gin_trgm_ops"), name="contact_search"),
            GinIndex(TRAITS, name="contact_traits"),
        ]
        permissions = [
            ("view_personal_data", _("Can see personal data")),
            ("export_contact", _("Can export contacts")),
            ("merge_contact", _("Can merge contacts and undo merges")),
            ("blacklist_address", _("Can put addresses on the blacklist and take them off")),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email or self.phone or f"id {self.pk}"

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.first_name, self.last_name) if part)


class Visitor(models.Model):
    """Somebody who is not a contact (yet): an anonymous browser or device, or the unknown person of an event.

    Its tokens, cookies and external id are `Key` rows; addresses it was seen with are here, so that a contact created
    with one of them takes the visitor's id.
    """

    id = models.BigIntegerField(primary_key=True, db_default=NextPersonId(), editable=False)
    email_norm = models.TextField(null=True, editable=False)
    phone = models.TextField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("visitor")
        verbose_name_plural = _("visitors")
        indexes = [
            models.Index(
                fields=["email_norm"], name="visitor_email", condition=models.Q(email_norm__isnull=False)
            ),
            models.Index(fields=["phone"], name="visitor_phone", condition=models.Q(phone__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"visitor {self.pk}"


class PersonMove(models.Model):
    """Rows of `source_id` still to follow to `target_id`, table by table (engine `person_moves`).

    A null target wipes them: the person was erased. `origins`, when given, moves only rows that came from these ids (an
    undone merge). The row lives until every transaction that may have resolved an event to the source before is over
    (`settle_xid`), so that what such a transaction stores follows too.
    """

    source_id = models.BigIntegerField(db_index=True)
    target_id = models.BigIntegerField(db_index=True, null=True)
    origins = ArrayField(models.BigIntegerField(), null=True)
    created_at = models.DateTimeField()
    moved = models.JSONField(default=dict)
    settle_xid = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("move of rows")
        verbose_name_plural = _("moves of rows")

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_id}"
