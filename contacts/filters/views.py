"""The views above the contact list, by their word in the address."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from contacts.models import Address, ContactState


def active(rows: Any) -> Any:
    return rows.filter(state=ContactState.ACTIVE)


def deleted(rows: Any) -> Any:
    return rows.filter(state=ContactState.DELETED)


def _address(kind: str, column: str, *statuses: str) -> Callable[[Any], Any]:
    """Active contacts whose address of a kind has one of the states."""

    def narrow(rows: Any) -> Any:
        held = Address.objects.filter(kind=kind, status__in=statuses).values("value")
        return rows.filter(**{f"{column}__in": held}, state=ContactState.ACTIVE)

    return narrow


def _new(rows: Any) -> Any:
    """What was made since was changed since: so the index on the time of change bounds the rows."""
    since = datetime.now(UTC) - timedelta(days=7)
    return active(rows).filter(created_at__gte=since, updated_at__gte=since)


# The views above the list, by their word in the address.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "all": active,
    "new": _new,
    "email-active": _address("email", "email_norm", "active"),
    "email-unconfirmed": _address("email", "email_norm", "unconfirmed"),
    "email-unsubscribed": _address("email", "email_norm", "unsubscribed"),
    "email-spam": _address("email", "email_norm", "spam"),
    "email-blacklisted": _address("email", "email_norm", "blacklisted", "blocked"),
    "phone-active": _address("phone", "phone", "active"),
    "phone-blacklisted": _address("phone", "phone", "blacklisted"),
    "deleted": deleted,
}
