"""The views above the contact list, by their word in the address."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from contacts.models import Address, ContactState


def active(rows: Any) -> Any:
    return rows.filter(state=ContactState.ACTIVE)


def deleted(rows: Any) -> Any:
    return rows.filter(state=ContactState.DELETED)


# Views of contacts whose address of a kind has one of the states.
ADDRESSES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "email-active": ("email", "email_norm", ("active",)),
    "email-unconfirmed": ("email", "email_norm", ("unconfirmed",)),
    "email-unsubscribed": ("email", "email_norm", ("unsubscribed",)),
    "email-spam": ("email", "email_norm", ("spam",)),
    "email-blacklisted": ("email", "email_norm", ("blacklisted", "blocked")),
    "phone-active": ("phone", "phone", ("active",)),
    "phone-blacklisted": ("phone", "phone", ("blacklisted",)),
}


UNUSUAL = tuple(view for view, (_kind, _column, states) in ADDRESSES.items() if "active" not in states)


def _with_address(view: str, rows: Any) -> Any:
    kind, column, states = ADDRESSES[view]
    held = Address.objects.filter(kind=kind, status__in=states).values("value")
    return rows.filter(**{f"{column}__in": held})


def _address(view: str) -> Callable[[Any], Any]:
    return lambda rows: active(_with_address(view, rows))


def _new(rows: Any) -> Any:
    return active(_made_lately(rows))


def _made_lately(rows: Any) -> Any:
    """What was made since was changed since: so the index on the time of change bounds the rows."""
    since = datetime.now(UTC) - timedelta(days=7)
    return rows.filter(created_at__gte=since, updated_at__gte=since)


# The views above the list, by their word in the address.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "all": active,
    "new": _new,
    **{view: _address(view) for view in ADDRESSES},
    "deleted": deleted,
}


def beside_state(view: str, rows: Any) -> Any:
    """What the view asks beside the contact's state."""
    if view in ADDRESSES:
        return _with_address(view, rows)
    return _made_lately(rows) if view == "new" else rows
