"""The activity of one person, from every app that has some: each registers a source in `AppConfig.ready()`.

A page is read by key, newest first: each chosen source gives its next rows before the cursor, the newest of all win.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from cdp.sql import count_each

PAGE = 50
MOST_COUNTED = 999


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `kind` gives bar and icon: campaign, event, order or system; below it open `details` (notes, and the
    parameters of an event), `facts` as (label, value), and `links` as (label, address).
    """

    at: datetime
    key: str
    kind: str
    title: str
    status: tuple[str, str] | None = None  # (kind, value) of the status registry
    summary: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    facts: Sequence[tuple[str, Any]] = ()
    links: Sequence[tuple[str, str]] = ()  # (label, address)
    links_permission: str = ""  # without it the links are not shown
    channel: str = ""

    @property
    def cursor(self) -> str:
        return f"{self.at.isoformat()}~{self.key}"


@dataclass(frozen=True, slots=True)
class Query:
    """What a page asks of a source. `before` is (time, key) of the last row seen; `until` is not in the period any more;
    `channel` and `status` are among those of the source, or empty.
    """

    person_id: int
    since: datetime | None
    before: tuple[datetime, str] | None
    limit: int
    words: str = ""
    until: datetime | None = None
    channel: str = ""
    status: str = ""
    also: tuple[int, ...] = ()  # ids whose rows are still on their way to the person
    kept: dict[str, Any] = field(
        default_factory=dict, compare=False
    )  # what sources read once for rows and counts

    @property
    def person_ids(self) -> list[int]:
        return [self.person_id, *self.also]


class Source(Protocol):
    """A kind of activity.

    Attributes:
        place: where it stands among the others.
        ignores_period: its history is always whole.
        is_slice: its rows are among another's; they are shown only when it is asked for by name.
        channels, statuses: what its rows can be narrowed to, with the words for it.
    """

    name: str
    label: Any
    place: int
    ignores_period: bool
    is_slice: bool
    channels: Mapping[str, Any]
    statuses: Mapping[str, Any]

    def rows(self, query: Query) -> list[Entry]:
        """The newest rows of the query, ordered by (at, key) descending."""

    def count(self, query: Query) -> Any:
        """How many there are, at most `query.limit`; or the query that has so many rows, to be counted with the others."""


registry: dict[str, Source] = {}


def register(source: Source) -> None:
    registry[source.name] = source
    for name, _source in sorted(registry.items(), key=lambda one: one[1].place):
        registry[name] = registry.pop(name)


def read_cursor(text: str) -> tuple[datetime, str] | None:
    """The (time, key) of a cursor; None for one that is broken."""
    moment, _, key = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, key) if at.tzinfo else None


def page(query: Query, names: Sequence[str]) -> tuple[list[Entry], str]:
    """Entries of the chosen sources, and the cursor of the next page or an empty text."""
    found: list[Entry] = []
    for name in names:
        source = registry[name]
        if query.channel and query.channel not in source.channels:
            continue
        if query.status and query.status not in source.statuses:
            continue
        found += source.rows(replace(_period(query, source), limit=query.limit + 1))
    found.sort(key=lambda entry: (entry.at, entry.key), reverse=True)
    more = len(found) > query.limit
    found = found[: query.limit]
    return found, found[-1].cursor if more else ""


def counts(query: Query) -> dict[str, int]:
    """How many rows each source has in the period, counted no further than `MOST_COUNTED + 1`; one statement for all."""
    query = replace(query, before=None, words="", channel="", status="", limit=MOST_COUNTED + 1)
    found = {name: source.count(_period(query, source)) for name, source in registry.items()}
    asked = [name for name, value in found.items() if not isinstance(value, int)]
    return found | dict(zip(asked, count_each([found[name] for name in asked]), strict=True))


def names_in(kind: str = "") -> list[str]:
    """The sources of a kind; of all activity those that are no slice of another."""
    return [kind] if kind else [name for name, source in registry.items() if not source.is_slice]


def _period(query: Query, source: Source) -> Query:
    return replace(query, since=None, until=None) if source.ignores_period else query
