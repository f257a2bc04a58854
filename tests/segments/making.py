"""Makes segments for tests, by the public services."""

from datetime import datetime
from typing import Any

from django.db import connection

from segments.models import Segment
from segments.services.builds import work_build
from segments.services.chunks import stored_members
from segments.services.definitions import create_segment
from segments.services.live import work_queue
from tests.contacts.people import NOW


def condition(kind: str, **members: Any) -> dict[str, Any]:
    return {"kind": kind} | members


def all_of(*nodes: dict[str, Any], exclude: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"version": 1, "include": {"op": "and", "items": list(nodes), **more}}
    return found | ({"exclude": {"op": "or", "items": list(exclude)}} if exclude else {})


def any_of(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "include": {"op": "or", "items": list(nodes)}}


def named(name: str) -> dict[str, Any]:
    return condition("field", field="first_name", cmp="eq", value=name)


def did(event: str, days: int = 0, **members: Any) -> dict[str, Any]:
    more = {"window": {"type": "last", "amount": days, "unit": "day"}} if days else {}
    return condition("event", event=event, **more, **members)


def make_segment(*nodes: dict[str, Any], name: str = "", now: datetime = NOW, **more: Any) -> Segment:
    """A segment of all of these, built."""
    number = Segment.objects.count() + 1
    definition = more.pop("definition", None) or all_of(*nodes)
    made = create_segment(
        name=name or f"Segment {number}", definition=definition, actor="test", now=now, **more
    )
    build_all(now=now)
    return Segment.objects.get(pk=made.pk)


def build_all(*, now: datetime = NOW) -> int:
    count = 0
    while work_build(now=now):
        count += 1
    return count


def settle(*, now: datetime = NOW) -> None:
    """Work off everything that waits."""
    while work_queue(now=now):
        pass


def members(segment: Segment) -> set[int]:
    return set(stored_members(segment.pk))


def journal(segment: Segment) -> list[tuple[int, bool, bool, str]]:
    """(person, entering, muted, reason), oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT person_id, is_entering, is_muted, reason FROM segments_journal WHERE segment_id = %s "
            "ORDER BY pass_id, person_id", [segment.pk],
        )  # fmt: skip
        return cursor.fetchall()
