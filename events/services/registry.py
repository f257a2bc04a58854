"""The registry of event types as intake sees it: cached by its version, growing as new types arrive."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from cdp.api.errors import Refused
from events.models import EventParameter, EventType, Origin, RegistryVersion

MOST_SEGMENTED = 50
MOST_AUTO_A_DAY = 200
MOST_AUTO = 2_000


@dataclass(frozen=True, slots=True)
class TypeInfo:
    id: int
    key: str
    is_strict: bool
    allow_additional: bool
    retention_days: int | None
    parameters: tuple[dict[str, Any], ...]


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.version = -1
        self.types: dict[str, TypeInfo] = {}


_cache = _Cache()


def current_types() -> dict[str, TypeInfo]:
    """All types by key; one query when nothing changed since the last call."""
    version = RegistryVersion.objects.values_list("version", flat=True).get(pk=1)
    with _cache.lock:
        if version != _cache.version:
            _cache.types = _load()
            _cache.version = version
        return _cache.types


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
    """Tell every process that the registry changed; call it in the transaction of the change."""
    RegistryVersion.objects.filter(pk=1).update(version=F("version") + 1)


def ensure_types(keys: Iterable[str], *, now: datetime) -> tuple[dict[str, TypeInfo], dict[str, Refused]]:
    """Types of these keys, missing ones made; and a refusal for each that may not be made.

    A type first seen in a live event is used for segmentation while fewer than 50 are.
    """
    wanted = set(keys)
    types = current_types()
    missing = sorted(wanted - types.keys())
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
        types = current_types()
    return {key: types[key] for key in wanted if key in types}, refused


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
        _cache.version = -1
