"""Making API keys and switching them; whose request it is, is in `partners.credentials`."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q

from partners.credentials import Principal, authenticate, cache, digest
from partners.models import ApiKey, Right

__all__ = ["Principal", "authenticate", "cache", "create_api_key", "disable_idle_keys", "switch_api_key"]

IDLE = timedelta(days=90)
LONGEST_NAME = 100


def create_api_key(
    *, name: str, rights: Iterable[str], now: datetime, created_by: Any = None, description: str = ""
) -> tuple[ApiKey, str]:
    """Make a key; returns it with its secret, which is stored nowhere.

    Raises:
        ValidationError: no name or one that is too long, no right, or an unknown right.
    """
    wanted = list(dict.fromkeys(rights))
    unknown = sorted(set(wanted) - set(Right.values))
    label = name.strip()
    if not label or len(label) > LONGEST_NAME or "\0" in label:
        raise ValidationError({"name": f"A key needs a name of 1 to {LONGEST_NAME} characters."})
    if unknown or not wanted:
        raise ValidationError({"rights": f"Use one or more of {', '.join(Right.values)}."})
    secret = secrets.token_hex(24).upper()
    key = ApiKey.objects.create(
        name=label, description=description, rights=wanted, digest=digest(secret), last_characters=secret[-4:],
        created_by=created_by, created_at=now,
    )  # fmt: skip
    return key, secret


def switch_api_key(key_id: int, *, is_enabled: bool) -> None:
    """Switch a key on or off; every process follows within a second."""
    ApiKey.objects.filter(pk=key_id).update(is_enabled=is_enabled)


def disable_idle_keys(*, now: datetime) -> int:
    """Switch off keys that nobody used for 90 days; returns how many."""
    edge = now - IDLE
    idle = Q(last_used_at__lt=edge) | Q(last_used_at=None, created_at__lt=edge)
    return ApiKey.objects.filter(idle, is_enabled=True).update(is_enabled=False)
