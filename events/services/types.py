"""Changes of event types by a colleague; each tells every process that the registry changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from events.models import EventType, Origin
from events.services.registry import bump_version, set_segmentation
from events.services.upkeep import make_room

EDITABLE = ("name", "description", "category", "validation_mode", "allow_additional", "retention_days")


def create_event_type(
    *, key: str, values: Mapping[str, Any], use_for_segmentation: bool, now: datetime
) -> EventType:
    """Make a type by hand.

    Raises:
        Refused: 51 types would be used for segmentation.
    """
    with transaction.atomic():
        made = EventType.objects.create(
            key=key,
            origin=Origin.CUSTOM,
            created_at=now,
            **{name: values[name] for name in EDITABLE if name in values},
        )
        if use_for_segmentation:
            set_segmentation(made.pk, is_on=True, now=now)
        bump_version()
        make_room(now=now)
    return made


def edit_event_type(
    type_id: int, *, values: Mapping[str, Any], use_for_segmentation: bool, now: datetime
) -> None:
    """Write what a colleague may change; the key stays, and a system type keeps its name.

    Raises:
        Refused: 51 types would be used for segmentation.
    """
    with transaction.atomic():
        row = EventType.objects.select_for_update().get(pk=type_id)
        for name in EDITABLE:
            if name in values and not (name == "name" and row.origin == Origin.SYSTEM):
                setattr(row, name, values[name])
        row.save(update_fields=list(EDITABLE))
        if use_for_segmentation != row.use_for_segmentation:
            set_segmentation(type_id, is_on=use_for_segmentation, now=now)
        bump_version()
        make_room(now=now)
