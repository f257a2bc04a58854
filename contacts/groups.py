"""Groups of the API besides lists: higher apps register theirs in `AppConfig.ready()`. All share one space of ids."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from django.db import models


class NextGroupId(models.Func):
    """The next id of lists; whoever registers a source draws its ids from here."""

    template = "nextval('contacts_contactlist_id_seq'::regclass)"
    arity = 0
    output_field = models.BigIntegerField()


class Members(Protocol):
    """A set of ids: a bitmap, or anything that can be asked so."""

    def __len__(self) -> int: ...
    def __contains__(self, one: int, /) -> bool: ...
    def __iter__(self) -> Iterator[int]: ...


class GroupSource(Protocol):
    """A kind of group. `type` is the word of the wire: `Dynamic`, `Combined`."""

    type: str

    def rows(self) -> Any:
        """A queryset with `id` and `name`."""

    def members(
        self, group_id: int, *, start: int, stop: int, ascending: bool
    ) -> tuple[Sequence[int], int] | None:
        """Ids of active contacts at these places, ordered by id, and how many there are; None when it has no such group."""

    def all_members(self, group_id: int) -> Members:
        """Everybody in a group, as it was last counted."""


registry: dict[str, GroupSource] = {}


def register(source: GroupSource) -> None:
    registry[source.type] = source


def all_groups(lists: Any, *, name: str) -> Any:
    """(id, name, type) of every group whose name holds the text, by id; one query whatever is registered."""
    parts = []
    for kind, rows in [("Static", lists), *((source.type, source.rows()) for source in registry.values())]:
        narrowed = rows.filter(name__icontains=name) if name else rows
        typed = narrowed.annotate(group_type=models.Value(kind, output_field=models.TextField()))
        parts.append(typed.order_by().values_list("id", "name", "group_type"))
    return parts[0].union(*parts[1:], all=True).order_by("id")


def find_members(
    group_id: int, *, start: int, stop: int, ascending: bool
) -> tuple[Sequence[int], int] | None:
    """A page of the members of a registered group; None when no source has it."""
    for source in registry.values():
        found = source.members(group_id, start=start, stop=stop, ascending=ascending)
        if found is not None:
            return found
    return None


def _source_of(group_id: int) -> tuple[GroupSource, str] | None:
    for source in registry.values():
        name = source.rows().filter(pk=group_id).values_list("name", flat=True).first()
        if name is not None:
            return source, str(name)
    return None


def name_of(group_id: int) -> str | None:
    """The name of a registered group; None when no source has it."""
    found = _source_of(group_id)
    return found[1] if found else None


def members_of(group_id: int) -> Members:
    """Everybody in a registered group, as it was last counted; nobody when no source has it."""
    found = _source_of(group_id)
    return found[0].all_members(group_id) if found else frozenset()


def choices(*, most: int) -> list[tuple[int, str]]:
    """(id, name) of the first registered groups by name, for a form."""
    found = [
        pair
        for source in registry.values()
        for pair in source.rows().order_by("name").values_list("id", "name")[:most]
    ]
    return sorted(found, key=lambda pair: pair[1])[:most]
