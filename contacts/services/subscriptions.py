"""Subscription categories of a contact: being on the category's list is being subscribed; choices record who said so."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from cdp.api.wire import refuse
from cdp.hooks import ContactsChanged, contacts_changed
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


# Many contacts and one category

OPTED_OUT = """
SELECT s.contact_id FROM contacts_subscriptionchoice s JOIN contacts_subscriptioncategory c ON c.id = s.category_id
WHERE c.list_id = %s AND s.contact_id = ANY(%s) AND s.channel = '*' AND NOT s.is_subscribed
"""
CHOOSE = """
INSERT INTO contacts_subscriptionchoice AS s (contact_id, category_id, channel, is_subscribed, chosen_at, actor)
SELECT id, %s, '*', %s, %s, %s FROM contacts_contact WHERE id = ANY(%s) ORDER BY id
ON CONFLICT (contact_id, category_id, channel) DO UPDATE
SET is_subscribed = excluded.is_subscribed, chosen_at = excluded.chosen_at, actor = excluded.actor
WHERE s.is_subscribed <> excluded.is_subscribed
RETURNING contact_id
"""


def without_opt_outs(ids: Sequence[int], *, list_id: int) -> list[int]:
    """Those of these contacts that have not opted out of the category that owns the list."""
    with connection.cursor() as cursor:
        cursor.execute(OPTED_OUT, [list_id, list(ids)])
        out = {row[0] for row in cursor.fetchall()}
    return [one for one in ids if one not in out]


def subscribe_many(ids: Sequence[int], category: SubscriptionCategory, *, actor: str, now: datetime) -> int:
    """Subscribe contacts to a category; returns how many were not. For who opted out see `without_opt_outs`."""
    with transaction.atomic():
        added = add_to_list(category.list_id, ids, now=now, actor=actor)
        _choose(ids, category, is_subscribed=True, actor=actor, now=now)
    return added


def opt_out_many(ids: Sequence[int], category: SubscriptionCategory, *, actor: str, now: datetime) -> int:
    """Opt contacts out of a category, those too who never were in it; returns how many had not opted out."""
    with transaction.atomic():
        before = len(ids) - len(without_opt_outs(ids, list_id=category.list_id))
        remove_from_list(category.list_id, ids, now=now, actor=actor)
        chosen = _choose(ids, category, is_subscribed=False, actor=actor, now=now)
        if chosen:
            changes = [frozenset({f"category.{category.pk}"})] * len(chosen)
            contacts_changed.send(
                ContactsChanged(ids=chosen, results=["updated"] * len(chosen), changes=changes, now=now)
            )
    return len(ids) - before


def _choose(
    ids: Sequence[int], category: SubscriptionCategory, *, is_subscribed: bool, actor: str, now: datetime
) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(CHOOSE, [category.pk, is_subscribed, now, actor, list(ids)])
        return [row[0] for row in cursor.fetchall()]
