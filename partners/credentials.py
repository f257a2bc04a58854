"""Whose request it is: an API key, or login and password of a colleague.

Keys are few: all enabled ones stand in memory and are read again at most a second later, or when a key is not among them.
Whoever waits at that moment shares one reading, so a flood of wrong keys costs one short query at a time. Passwords are
slow to check by design: they pass a gate, one at a time, with a pause after a wrong one; a login that was right is only
looked up again, not computed.
"""

import base64
import binascii
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate as authenticate_user
from django.contrib.auth import get_user_model

from cdp.api.errors import Refused
from partners.models import ApiKey, Right

CACHE_SECONDS = 1.0
USED_EVERY = timedelta(minutes=1)
MOST_REMEMBERED = 10_000
MOST_AT_GATE = 3  # the one that is checked and those that wait for it
PAUSE_AFTER_WRONG = 1.0


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an API key, or a user of the organisation with all rights. `id` is 0 for a user."""

    id: int
    name: str
    rights: frozenset[str]

    def may(self, allowed: frozenset[str]) -> bool:
        return not self.rights.isdisjoint(allowed)


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


class _Remembered:
    """What is known without asking the database, for at most `CACHE_SECONDS`: keys by digest, principals by header."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._keys: dict[bytes, tuple[Principal, datetime | None]] = {}
        self._headers: dict[str, Principal] = {}
        self.logins: dict[bytes, tuple[int, str]] = {}  # header → user, the password's hash when it was right

    def principal(self, header: str) -> Principal | None:
        if time.monotonic() - self._began > CACHE_SECONDS:
            return None
        return self._headers.get(header)

    def remember(self, header: str, principal: Principal) -> None:
        if len(self._headers) >= MOST_REMEMBERED:
            self._headers.clear()
        self._headers[header] = principal

    def key(self, name: bytes, arrived: float) -> tuple[Principal, datetime | None] | None:
        """The key of this digest, as the database had it when the request arrived or later."""
        with self._lock:
            if self._began < arrived:
                self._read()
            return self._keys.get(name)

    def _read(self) -> None:
        began = time.monotonic()
        rows = ApiKey.objects.filter(is_enabled=True).values_list(
            "digest", "pk", "name", "rights", "last_used_at"
        )
        self._keys = {
            bytes(name): (Principal(pk, label, frozenset(rights)), used_at)
            for name, pk, label, rights, used_at in rows
        }
        self._headers = {}
        self._began = began

    def clear(self) -> None:
        self._began = float("-inf")
        self.logins.clear()


cache = _Remembered()


class _Gate:
    """Lets one password be checked at a time; who finds `MOST_AT_GATE` before is sent away."""

    sleep: Callable[[float], None] = staticmethod(time.sleep)

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._count = threading.BoundedSemaphore(MOST_AT_GATE)

    def check(self, user_name: str, password: str) -> tuple[int, str, str] | None:
        """(user id, name, hash of the password) of an active colleague; None when it is nobody's.

        Raises:
            Refused: 429, too many wait already.
        """
        if not self._count.acquire(blocking=False):
            raise Refused(
                429, "logins", "Too many logins are being checked; an API key is never made to wait"
            )
        try:
            with self._turn:
                user = authenticate_user(username=user_name, password=password)
                if user is None or not (user.is_active and user.is_staff):
                    self.sleep(PAUSE_AFTER_WRONG)
                    return None
                return user.pk, user.get_username(), user.password
        finally:
            self._count.release()


gate = _Gate()


def remembered_principal(header: str) -> Principal | None:
    """The principal of a header seen within the last second; None: ask `find_principal`."""
    return cache.principal(header)


def find_principal(header: str, *, now: datetime, arrived: float) -> Principal | None:
    """The key, or the colleague whose password was right before, of a header; one or two short queries.

    Args:
        arrived: `time.monotonic()` of the request's arrival.
    """
    credentials = read_basic(header)
    if credentials is None:
        return None
    found = cache.key(digest(credentials[1]), arrived)
    if found is None:
        principal = _known_login(header)
    else:
        principal, used_at = found
        if used_at is None or used_at < now - USED_EVERY:
            ApiKey.objects.filter(pk=principal.id).update(last_used_at=now)
    if principal is not None:
        cache.remember(header, principal)
    return principal


def _known_login(header: str) -> Principal | None:
    known = cache.logins.get(digest(header))
    if known is None:
        return None
    pk, password = known
    user = get_user_model().objects.filter(pk=pk, password=password, is_active=True, is_staff=True).first()
    return None if user is None else _colleague(user.get_username())


def _colleague(name: str) -> Principal:
    return Principal(0, name, frozenset({Right.FULL.value}))


def is_login(header: str) -> bool:
    """Whether the header may hold login and password of a colleague."""
    credentials = read_basic(header)
    return credentials is not None and bool(credentials[0]) and "\0" not in "".join(credentials)


def check_login(header: str) -> Principal | None:
    """The colleague whose login and password a header holds; slow, and it may wait for others.

    Raises:
        Refused: 429, too many logins are being checked.
    """
    credentials = read_basic(header)
    if credentials is None:
        return None
    found = gate.check(*credentials)
    if found is None:
        return None
    pk, name, password = found
    if len(cache.logins) >= MOST_REMEMBERED:
        cache.logins.clear()
    cache.logins[digest(header)] = (pk, password)
    principal = _colleague(name)
    cache.remember(header, principal)
    return principal


def authenticate(header: str, *, now: datetime) -> Principal | None:
    """The principal of an `Authorization` header, or None for wrong or missing credentials.

    The password is an API key, whatever the user name; or user name and password are those of an active colleague.

    Raises:
        Refused: 429, too many logins are being checked.
    """
    principal = remembered_principal(header) or find_principal(header, now=now, arrived=time.monotonic())
    if principal is None and is_login(header):
        principal = check_login(header)
    return principal
