"""Categories of failure and what each means for the recipient's address (messaging document 11)."""

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.services.address_rules import Signal


class Category(models.TextChoices):
    """Why a message was not delivered; the reason of an activity of kind `error`."""

    INVALID_ADDRESS = "invalid_address", _("No such address")
    INVALID_DOMAIN = "invalid_domain", _("No such domain")
    INACTIVE = "inactive", _("Mailbox inactive")
    MAILBOX_FULL = "mailbox_full", _("Mailbox full")
    TEMPORARY = "temporary", _("Temporary failure")
    EXPIRED = "expired", _("Given up after retries")
    MESSAGE = "message", _("Message refused")
    BLOCKED = "blocked", _("Blocked for reputation")
    POLICY = "policy", _("Refused by the recipient's policy")
    UNRECOGNISED = "unrecognised", _("Not recognised")


@dataclass(frozen=True, slots=True)
class Effect:
    """`kind`: hard, soft, message or block, as reports group them; `signal` is None where the address bears no blame."""

    kind: str
    signal: Signal | None = None
    steps: int = 1


EFFECTS: dict[str, Effect] = {
    Category.INVALID_ADDRESS: Effect("hard", Signal.NO_SUCH_ADDRESS),
    Category.INVALID_DOMAIN: Effect("hard", Signal.NO_SUCH_DOMAIN),
    Category.INACTIVE: Effect("soft", Signal.MAILBOX_FULL),
    Category.MAILBOX_FULL: Effect("soft", Signal.MAILBOX_FULL),
    Category.TEMPORARY: Effect("soft", Signal.TEMPORARY),
    Category.EXPIRED: Effect("hard", Signal.MAILBOX_FULL),
    Category.MESSAGE: Effect("message"),
    Category.BLOCKED: Effect("block"),
    Category.POLICY: Effect("soft", Signal.MAILBOX_FULL, steps=2),
    Category.UNRECOGNISED: Effect("soft", Signal.TEMPORARY),
}
