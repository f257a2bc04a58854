"""What a contact chooses itself: which categories to get, on the page that every marketing message links to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from contacts.models import Address, AddressStatus, Contact, ContactState, SubscriptionCategory
from contacts.services.subscriptions import set_subscriptions, subscribed_categories

OPTED_OUT = (AddressStatus.UNSUBSCRIBED, AddressStatus.SPAM)


@dataclass(frozen=True, slots=True)
class CategoryChoice:
    key: str
    name: str
    is_subscribed: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """`status` is the address', empty for one that is not known; a full opt-out keeps the category choices."""

    contact_id: int
    language: str
    status: str
    categories: tuple[CategoryChoice, ...]

    @property
    def is_opted_out(self) -> bool:
        return self.status in OPTED_OUT

    @property
    def may_resubscribe(self) -> bool:
        return self.status == AddressStatus.UNSUBSCRIBED


def read_preferences(contact_id: int, *, kind: str, value: str) -> Preferences | None:
    """The choices of a contact, and the status of one of its addresses; None when there is no such contact (any more)."""
    contact = Contact.objects.filter(pk=contact_id, state=ContactState.ACTIVE).only("pk", "language").first()
    if contact is None:
        return None
    status = Address.objects.filter(kind=kind, value=value).values_list("status", flat=True).first()
    chosen = {category.pk for category in subscribed_categories(contact_id)}
    categories = tuple(
        CategoryChoice(category.key, category.name, category.pk in chosen)
        for category in SubscriptionCategory.objects.order_by("name")
    )
    return Preferences(contact_id, contact.language or "", status or "", categories)


def choose_categories(
    contact_id: int, keys: Collection[str], *, actor: str, now: datetime
) -> tuple[list[str], list[str]]:
    """Make these the contact's categories; keys of none are passed over. Returns the keys that came and that went."""
    with transaction.atomic():
        Contact.objects.select_for_update().filter(pk=contact_id).first()  # one choice at a time
        before = {category.key for category in subscribed_categories(contact_id)}
        wanted = list(SubscriptionCategory.objects.filter(key__in=list(keys)).order_by("pk"))
        set_subscriptions(contact_id, wanted, actor=actor, now=now)
    after = {category.key for category in wanted}
    return sorted(after - before), sorted(before - after)
