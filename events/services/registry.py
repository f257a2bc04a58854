"""The registry of event types as intake sees it: cached by its version, growing as new types arrive.

`current_types` asks whether they changed. Who does not (`registry_with`, `ask=False`) writes only while their version still
stands, in the same statement.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.expressions import RawSQL
from django.db.models.functions import Greatest

from cdp.api.errors import Refused
from events.models import EventParameter, EventType, Origin, RegistryVersion

MOST_SEGMENTED = 50
MOST_AUTO_A_DAY = 200
MOST_AUTO = 2_000
MICROSECONDS = RawSQL("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint", ())


@dataclass(frozen=True, slots=True)
class TypeInfo:
    id: int
    key: str
    is_strict: bool
    allow_additional: bool
    retention_days: int | None
    parameters: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Registry:
    """All types by key, as they were at `version`."""

    version: int
    types: dict[str, TypeInfo]


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.registry: Registry | None = None


_cache = _Cache()


def stored_version() -> int:
    """The registry's version in the database."""
    return RegistryVersion.objects.values_list("version", flat=True).get(pk=1)


def current_registry() -> Registry:
    """The registry as it is; one query when nothing changed since the last call."""
    version = stored_version()
    with _cache.lock:
        if _cache.registry is None or version != _cache.registry.version:
            _cache.registry = Registry(version, _load())
        return _cache.registry


def current_types() -> dict[str, TypeInfo]:
    """All types by key; one query when nothing changed since the last call."""
    return current_registry().types


def _load() -> dict[str, TypeInfo]:
    declared: dict[int, list[dict[str, Any]]] = {}
    names = ("event_type_id", "name", "type", "is_required", "allowed", "least", "most", "max_length")
    for row in EventParameter.objects.values(*names).order_by("id"):
        declared.setdefault(row.pop("event_type_id"), []).append(row)
    columns = ("pk", "key", "validation_mode", "allow_additional", "retention_days")
    return {
        key: TypeInfo(pk, key, mode == "strict", additional, days, tuple(declared.get(pk, ())))
        for pk, key, mode, additional, days in EventType.objects.values_list(*columns)
    }


def bump_version() -> None:
    """Tell every process that the registry changed; call it in the transaction of the change.

    The version is the clock's microseconds, not the next number: one that was rolled back must not come again, for a
    process may have read types under it.
    """
    RegistryVersion.objects.filter(pk=1).update(version=Greatest(F("version") + 1, MICROSECONDS))


def registry_with(
    keys: Iterable[str], *, now: datetime, ask: bool = True
) -> tuple[Registry, dict[str, Refused]]:
    """The registry after missing types of these keys were made; and a refusal for each that may not be made.

    A type first seen in a live event is used for segmentation while fewer than 50 are.

    Args:
        ask: whether the database is asked if the registry changed. Without, who writes makes sure of the version.
    """
    registry = _cache.registry if not ask else None
    if registry is None:
        registry = current_registry()
    missing = sorted(set(keys) - registry.types.keys())
    if missing and not ask:  # somebody may have made them meanwhile
        registry = current_registry()
        missing = sorted(set(missing) - registry.types.keys())
    refused: dict[str, Refused] = {}
    if missing:
        with transaction.atomic():
            RegistryVersion.objects.select_for_update().get(pk=1)
            room = _room(now)
            for key in missing[room:]:
                refused[key] = Refused(
                    422, "event_type_limit", f"'{key}': too many new event types", path="eventTypeKey"
                )
            _make(missing[:room], now)
            bump_version()
        registry = current_registry()
    return registry, refused


def _room(now: datetime) -> int:
    """How many types may still be made by themselves."""
    made = EventType.objects.filter(origin=Origin.AUTO)
    today = made.filter(created_at__gt=now - timedelta(days=1)).count()
    return max(0, min(MOST_AUTO_A_DAY - today, MOST_AUTO - made.count()))


def _make(keys: list[str], now: datetime) -> None:
    free = MOST_SEGMENTED - EventType.objects.filter(use_for_segmentation=True).count()
    EventType.objects.bulk_create(
        [
            EventType(
                key=key, name=key, origin=Origin.AUTO, created_at=now, use_for_segmentation=place < free,
                segmentation_since=now if place < free else None,
            )
            for place, key in enumerate(keys)
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def set_segmentation(event_type_id: int, *, is_on: bool, now: datetime) -> None:
    """Switch a type's use for segmentation.

    Raises:
        Refused: `segmentation_limit` for the 51st type; the message names the limit.
    """
    with transaction.atomic():
        RegistryVersion.objects.select_for_update().get(pk=1)
        others = EventType.objects.filter(use_for_segmentation=True).exclude(pk=event_type_id).count()
        if is_on and others >= MOST_SEGMENTED:
            raise Refused(
                400, "segmentation_limit", f"{MOST_SEGMENTED} event types are used for segmentation already"
            )
        EventType.objects.filter(pk=event_type_id).update(
            use_for_segmentation=is_on, segmentation_since=now if is_on else None
        )
        bump_version()


def forget_cache() -> None:
    """Drop the cached registry (tests that roll back the database need it)."""
    with _cache.lock:
        _cache.registry = None
