"""What definitions may name: fields, lists, categories, event types, segments; read once a pass."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from cdp.api.moments import zone_of
from cdp.models import Account
from contacts.models import ContactField, ContactList, SubscriptionCategory
from events.models import EventType
from segments.models import Segment
from segments.rules.errors import BrokenReference

INDEXES = r"""
SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE i.indrelid = 'events_event'::regclass AND i.indisvalid AND c.relname LIKE 'segments\_param\_%'
"""


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """An event type. `since`: when it was switched on for segmentation; None when it always was."""

    id: int
    name: str
    is_used: bool
    since: datetime | None


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    id: int
    name: str
    state: str
    definition: Mapping[str, Any]
    is_current: bool  # the stored membership is of this definition


@dataclass(frozen=True)
class Catalogue:
    """Everything a definition can refer to; each part is read when first asked for."""

    account: Account = field(default_factory=lambda: Account.objects.get(pk=1))

    @property
    def zone(self) -> tzinfo:
        return zone_of(self.account.time_zone)

    @cached_property
    def fields(self) -> dict[str, ContactField]:
        """Additional fields by `GROUP.KEY`."""
        rows = ContactField.objects.select_related("group")
        return {f"{row.group.key}.{row.key}": row for row in rows}

    @cached_property
    def lists(self) -> dict[int, str]:
        return dict(ContactList.objects.values_list("pk", "name"))

    @cached_property
    def categories(self) -> dict[str, SubscriptionCategory]:
        return {row.key: row for row in SubscriptionCategory.objects.all()}

    @cached_property
    def event_types(self) -> dict[str, TypeInfo]:
        rows = EventType.objects.values_list(
            "key", "pk", "name", "use_for_segmentation", "segmentation_since"
        )
        return {key: TypeInfo(pk, name or key, used, since) for key, pk, name, used, since in rows}

    @cached_property
    def parameter_indexes(self) -> frozenset[str]:
        """Names of the indexes on parameters of events (`segments.services.indexes`)."""
        with connection.cursor() as cursor:
            cursor.execute(INDEXES)
            return frozenset(name for (name,) in cursor.fetchall())

    @cached_property
    def segments(self) -> dict[int, SegmentInfo]:
        rows = Segment.objects.values_list(
            "pk", "name", "state", "definition", "fingerprint", "built_fingerprint"
        )
        return {
            pk: SegmentInfo(pk, name, state, body, made == built)
            for pk, name, state, body, made, built in rows
        }

    def is_indexed(self, type_id: int, param: str) -> bool:
        """Whether equality with a parameter of an event type can be asked of an index."""
        return parameter_index(type_id, param) in self.parameter_indexes

    def field_of(self, key: str) -> ContactField:
        """Raises: BrokenReference: no additional field has the key."""
        found = self.fields.get(key)
        if found is None:
            raise BrokenReference("unknown_field", _("there is no field %(key)s") % {"key": key})
        return found

    def list_name(self, number: int) -> str:
        """Raises: BrokenReference: no list has the id."""
        found = self.lists.get(number)
        if found is None:
            raise BrokenReference("unknown_list", _("there is no list with the id %(id)s") % {"id": number})
        return found

    def category_of(self, key: str) -> SubscriptionCategory:
        """Raises: BrokenReference: no category has the key."""
        found = self.categories.get(key)
        if found is None:
            text = _("there is no subscription category %(key)s") % {"key": key}
            raise BrokenReference("unknown_category", text)
        return found

    def event_type(self, key: str) -> TypeInfo:
        """Raises: BrokenReference: no type has the key, or it is not used for segmentation."""
        found = self.event_types.get(key)
        if found is None:
            raise BrokenReference("unknown_event", _("there is no event type %(key)s") % {"key": key})
        if not found.is_used:
            text = _("the event type %(key)s is not used for segmentation") % {"key": key}
            raise BrokenReference("event_not_segmented", text)
        return found

    def segment(self, number: int) -> SegmentInfo:
        """Raises: BrokenReference: no segment has the id, or it is broken itself."""
        found = self.segments.get(number)
        if found is None:
            text = _("there is no segment with the id %(id)s") % {"id": number}
            raise BrokenReference("unknown_segment", text)
        if found.state == "broken":
            raise BrokenReference(
                "broken_segment", _("the segment %(name)s is broken") % {"name": found.name}
            )
        return found


def parameter_index(type_id: int, param: str) -> str:
    """The name of the index on a parameter of an event type."""
    return f"segments_param_{hashlib.sha256(f'{type_id} {param}'.encode()).hexdigest()[:12]}"
