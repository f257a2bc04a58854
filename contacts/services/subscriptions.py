"""Subscription categories of a contact: being on the category's list is being subscribed; choices record who said so."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from cdp.api.wire import refuse
from contacts.models import ListMember, SubscriptionCategory, SubscriptionChoice
from contacts.services.lists import add_to_list, remove_from_list


def categories_of(keys: Iterable[str], *, path: str) -> list[SubscriptionCategory]:
    """The categories of these keys, in order.

    Raises:
        Refused: 400, no category has one of the keys.
    """
    wanted = list(dict.fromkeys(keys))
    found = {row.key: row for row in SubscriptionCategory.objects.filter(key__in=wanted)}
    for place, key in enumerate(wanted):
        if key not in found:
            raise refuse(f"{path}[{place}]", f"no subscription category has the key '{key}'")
    return [found[key] for key in wanted]


def subscribe_to(
    contact_id: int, categories: Sequence[SubscriptionCategory], *, actor: str, now: datetime
) -> None:
    """Add a contact to categories; those it has already change nothing."""
    with transaction.atomic():
        for category in categories:
            if add_to_list(category.list_id, [contact_id], now=now):
                _record(contact_id, category, is_subscribed=True, actor=actor, now=now)


def set_subscriptions(
    contact_id: int, categories: Sequence[SubscriptionCategory], *, actor: str, now: datetime
) -> None:
    """Make these the contact's categories, and no others."""
    with transaction.atomic():
        subscribe_to(contact_id, categories, actor=actor, now=now)
        kept = [category.pk for category in categories]
        for category in subscribed_categories(contact_id):
            if category.pk not in kept:
                remove_from_list(category.list_id, [contact_id], now=now)
                _record(contact_id, category, is_subscribed=False, actor=actor, now=now)


def subscribed_categories(contact_id: int) -> list[SubscriptionCategory]:
    lists = ListMember.objects.filter(contact_id=contact_id).values("list_id")
    return list(SubscriptionCategory.objects.filter(list_id__in=lists).order_by("pk"))


def _record(
    contact_id: int, category: SubscriptionCategory, *, is_subscribed: bool, actor: str, now: datetime
) -> None:
    SubscriptionChoice.objects.update_or_create(
        contact_id=contact_id, category=category, channel="*",
        defaults={"is_subscribed": is_subscribed, "chosen_at": now, "actor": actor},
    )  # fmt: skip
