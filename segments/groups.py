"""Dynamic segments as groups of the API."""

from collections.abc import Sequence
from typing import Any

from pyroaring import BitMap64

from contacts.models import Contact
from segments.models import Segment, SegmentState
from segments.services.chunks import stored_members


class DynamicGroups:
    type = "Dynamic"

    def rows(self) -> Any:
        return Segment.objects.exclude(state=SegmentState.ARCHIVED)

    def members(
        self, group_id: int, *, start: int, stop: int, ascending: bool
    ) -> tuple[Sequence[int], int] | None:
        """A page of the stored members that are active still."""
        if group_id >= 2**63 or not self.rows().filter(pk=group_id).exists():
            return None
        ids = stored_members(group_id)
        total = len(ids)
        low, high = (start, min(stop, total)) if ascending else (max(0, total - stop), total - start)
        page = list(ids[low:high]) if low < high else []
        active = set(Contact.objects.active().filter(pk__in=page).values_list("pk", flat=True))
        found = [pk for pk in page if pk in active]
        return (found if ascending else found[::-1]), total

    def all_members(self, group_id: int) -> BitMap64:
        return stored_members(group_id)
