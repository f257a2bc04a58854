"""How colleagues look at the contact list: named filters, and their choice of columns."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class SavedView(models.Model):
    """A filter of the contact list under a name. `params` is what its address says (`contacts.filters`)."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=60)
    params = models.JSONField(default=dict)
    is_shared = models.BooleanField(_("shared with colleagues"), default=False)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="contacts_view_name")]

    def __str__(self) -> str:
        return self.name


class ListChoice(models.Model):
    """What one colleague chose for the contact list. No columns: the usual ones."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    columns = ArrayField(models.CharField(max_length=30), default=list)
    opens_with = models.ForeignKey(SavedView, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = _("choice for the contact list")
        verbose_name_plural = _("choices for the contact list")

    def __str__(self) -> str:
        return str(self.user_id)


class Figure(models.Model):
    """A number counted in the background: contacts of a tab (`view:<key>`), or with a value in a field (`field:<id>`)."""

    name = models.CharField(max_length=60, primary_key=True)
    value = models.PositiveBigIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        verbose_name = _("figure")
        verbose_name_plural = _("figures")

    def __str__(self) -> str:
        return f"{self.name} {self.value}"
