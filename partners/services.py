"""Making API keys and knowing whose request it is."""

import base64
import binascii
import hashlib
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import authenticate as authenticate_user
from django.core.exceptions import ValidationError
from django.db.models import Q

from partners.models import ApiKey, Right

CACHE_SECONDS = 1.0
USED_EVERY = timedelta(minutes=1)
IDLE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an API key, or a user of the organisation with all rights. `id` is 0 for a user."""

    id: int
    name: str
    rights: frozenset[str]

    def may(self, allowed: frozenset[str]) -> bool:
        return not self.rights.isdisjoint(allowed)


def create_api_key(
    *, name: str, rights: Iterable[str], now: datetime, created_by: Any = None, description: str = ""
) -> tuple[ApiKey, str]:
    """Make a key; returns it with its secret, which is stored nowhere.

    Raises:
        ValidationError: no name, no right, or an unknown right.
    """
    wanted = list(dict.fromkeys(rights))
    unknown = sorted(set(wanted) - set(Right.values))
    if not name.strip():
        raise ValidationError({"name": "A key needs a name."})
    if unknown or not wanted:
        raise ValidationError({"rights": f"Use one or more of {', '.join(Right.values)}."})
    secret = secrets.token_hex(24).upper()
    key = ApiKey.objects.create(
        name=name.strip(), description=description, rights=wanted, digest=digest(secret), last_characters=secret[-4:],
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


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def read_basic(header: str) -> tuple[str, str] | None:
    """User name and password of an `Authorization: Basic` header (RFC 7617); None when it is something else."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


class _Cache:
    """Principals by digest, for at most a second, so that a disabled key stops working at once."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[float, Principal | None]] = {}
        self._lock = threading.Lock()

    def get(self, name: bytes) -> tuple[bool, Principal | None]:
        entry = self._found.get(name)
        if entry is None or entry[0] < time.monotonic():
            return False, None
        return True, entry[1]

    def put(self, name: bytes, principal: Principal | None) -> None:
        with self._lock:
            if len(self._found) > 10_000:
                self._found.clear()
            self._found[name] = (time.monotonic() + CACHE_SECONDS, principal)

    def clear(self) -> None:
        self._found.clear()


cache = _Cache()


def cached_principal(header: str) -> tuple[bool, Principal | None]:
    """What is known of a header without asking the database: (known, principal)."""
    return cache.get(digest(header))


def authenticate(header: str, *, now: datetime) -> Principal | None:
    """The principal of an `Authorization` header, or None for wrong or missing credentials.

    The password is an API key, whatever the user name; or user name and password are those of an active user.
    """
    known, principal = cached_principal(header)
    if known:
        return principal
    principal = _look_up(header, now)
    cache.put(digest(header), principal)
    return principal


def _look_up(header: str, now: datetime) -> Principal | None:
    credentials = read_basic(header)
    if credentials is None:
        return None
    user_name, password = credentials
    key = ApiKey.objects.filter(digest=digest(password), is_enabled=True).first()
    if key is not None:
        if key.last_used_at is None or key.last_used_at < now - USED_EVERY:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return Principal(key.pk, key.name, frozenset(key.rights))
    if user_name and "\0" not in user_name + password:
        user = authenticate_user(username=user_name, password=password)
        if user is not None and user.is_active and user.is_staff:
            return Principal(0, user.get_username(), frozenset({Right.FULL.value}))
    return None
