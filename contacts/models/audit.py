"""What colleagues, keys and rules did to contacts: kept for good, without personal data."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditAction(models.TextChoices):
    DELETED = "deleted", _("Deleted")
    RESTORED = "restored", _("Restored")
    ERASED = "erased", _("Erased")  # `details` is the certificate: rows wiped by table
    MERGED = "merged", _("Merged")
    UNMERGED = "unmerged", _("Merge undone")
    FIELD = "field", _("Field changed")
    BULK = "bulk", _("Many contacts changed")  # `details`: the job, the action, how many
    UNSUBSCRIBED = "unsubscribed", _("Address unsubscribed")
    BLACKLISTED = "blacklisted", _("Address blacklisted")
    UNBLACKLISTED = "unblacklisted", _("Address taken off the blacklist")
    LISTED = "listed", _("Added to a list")
    UNLISTED = "unlisted", _("Removed from a list")
    LAUNCHED = "launched", _("Workflow launched by hand")
    TESTED = "tested", _("Test message sent")
    EXPORTED = "exported", _("Data exported")


class ContactAudit(models.Model):
    """One act. `contact_id` 0: not about one contact. Erasing a contact empties the reasons of its acts."""

    id = models.BigAutoField(primary_key=True)
    contact_id = models.BigIntegerField(_("contact"))
    at = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=16, choices=AuditAction.choices)
    actor = models.TextField(_("by"))
    reason = models.TextField(_("reason"), default="", blank=True)
    details = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit of contacts")
        indexes = [models.Index(fields=["contact_id", "at"], name="contacts_audit_contact")]

    def __str__(self) -> str:
        return f"{self.action} {self.contact_id}"
