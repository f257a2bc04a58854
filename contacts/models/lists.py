"""Lists (static segments) and subscription categories."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ContactList(models.Model):
    name = models.CharField(_("name"), max_length=255, unique=True)
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = pgettext_lazy("of contacts", "list")
        verbose_name_plural = pgettext_lazy("of contacts", "lists")

    def __str__(self) -> str:
        return self.name


class ListMember(models.Model):
    """A contact on a list. No foreign key to the contact: both tables are big."""

    id = models.BigAutoField(primary_key=True)
    contact_id = models.BigIntegerField()
    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="members", db_index=False)
    added_at = models.DateTimeField()

    class Meta:
        verbose_name = _("list member")
        verbose_name_plural = _("list members")
        constraints = [
            models.UniqueConstraint(fields=["contact_id", "list"], name="contacts_listmember_once")
        ]
        indexes = [
            models.Index(fields=["list", "contact_id"], name="contacts_listmember_list"),
            models.Index(fields=["list", "added_at", "contact_id"], name="contacts_listmember_added"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.list_id}"


class SubscriptionCategory(models.Model):
    """A subject contacts may opt out of. It owns a list of the same name."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    key = models.CharField(_("key"), max_length=100, unique=True)
    list = models.OneToOneField(ContactList, on_delete=models.PROTECT, related_name="category")
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("subscription category")
        verbose_name_plural = _("subscription categories")

    def __str__(self) -> str:
        return self.name


class SubscriptionChoice(models.Model):
    """The latest choice of one contact about one category; `channel` `*` means all channels."""

    id = models.BigAutoField(primary_key=True)
    contact_id = models.BigIntegerField()
    category = models.ForeignKey(SubscriptionCategory, on_delete=models.CASCADE)
    channel = models.CharField(max_length=16, default="*")
    is_subscribed = models.BooleanField()
    chosen_at = models.DateTimeField()
    actor = models.TextField(default="", blank=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint(
                fields=["contact_id", "category", "channel"], name="contacts_subscription_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.category_id} {self.is_subscribed}"
