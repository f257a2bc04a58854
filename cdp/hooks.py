"""Typed batch hooks between apps: a lower app calls, higher apps append to their own queues.

A handler runs inside the caller's transaction and only appends: one set-based INSERT into its app's queue table. A
failing handler aborts the batch, which is retried and shows as the engine's last error; it is never taken for a fault
of the data (`HookError`).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

Batch = TypeVar("Batch")


class HookError(Exception):
    """A handler failed. Carries the hook's and the handler's name; the cause is chained."""


class Hook(Generic[Batch]):
    """A named list of handlers of one batch type."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._handlers: list[Callable[[Batch], None]] = []

    def connect(self, handler: Callable[[Batch], None]) -> Callable[[Batch], None]:
        """Add a handler once; usable as a decorator. Handlers run in the order they were added."""
        if handler not in self._handlers:
            self._handlers.append(handler)
        return handler

    def disconnect(self, handler: Callable[[Batch], None]) -> None:
        self._handlers.remove(handler)

    @property
    def is_connected(self) -> bool:
        """Whether anybody listens; callers may skip building a batch nobody reads."""
        return bool(self._handlers)

    def send(self, batch: Batch) -> None:
        """Call every handler with the batch.

        Raises:
            HookError: a handler failed; the caller's transaction must not commit.
        """
        for handler in self._handlers:
            try:
                handler(batch)
            except Exception as error:
                raise HookError(
                    f"{self.name}: {handler.__module__}.{handler.__qualname__}: {error}"
                ) from error


@dataclass(frozen=True, slots=True)
class ContactsChanged:
    """Contacts created, updated, restored, deleted, erased, merged or unmerged in one transaction.

    `changes[i]` names what was written for `ids[i]`: columns, `data.<field id>`, `list.<id>` joined or left, `key.<kind>` got
    or lost, `address.<kind>` when the state of a held address changed. `results[i]` is the outcome's word.
    """

    ids: Sequence[int]
    results: Sequence[str]
    changes: Sequence[frozenset[str]]
    now: datetime
    is_muted: bool = False


@dataclass(frozen=True, slots=True)
class EventsProcessed:
    """Events stored in one transaction; the lists run parallel, in the order of acceptance.

    `flags` are `events.models.EventFlag` bits; a past event has PAST, which mutes starts and triggers.
    """

    event_ids: Sequence[str]
    person_ids: Sequence[int]
    type_ids: Sequence[int]
    flags: Sequence[int]
    now: datetime


@dataclass(frozen=True, slots=True)
class PersonsMoved:
    """Rows of `source_ids[i]` now belong to `target_ids[i]`."""

    source_ids: Sequence[int]
    target_ids: Sequence[int]
    now: datetime


@dataclass(frozen=True, slots=True)
class PersonsErased:
    """People wiped for good. `identifiers`: (kind, value) of what only they held; a handler that keeps rows by
    identifier, not by person, deletes these itself."""

    ids: Sequence[int]
    now: datetime
    identifiers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class MembershipChanged:
    """Journal rows of one pass over dynamic segments, written in this transaction.

    A handler reads them with `SELECT … FROM segments_journal WHERE pass_id = …`; each has segment, person,
    whether it entered or left, and whether the change is muted (merge, restore, past events, first build).
    """

    pass_id: int
    segment_ids: Sequence[int]
    count: int
    now: datetime


@dataclass(frozen=True, slots=True)
class MessageActivity:
    """What happened to deliveries; the lists run parallel.

    `kinds` are values of `messaging.models.ActivityKind` (sent, delivered, opened, clicked, unsubscribed, spam, error,
    unavailable); `is_machine[i]` marks hits that no human made.
    """

    delivery_ids: Sequence[int]
    contact_ids: Sequence[int]
    kinds: Sequence[str]
    is_machine: Sequence[bool]
    now: datetime


@dataclass(frozen=True, slots=True)
class EventRequest:
    """An event the product makes itself, about a contact; `params` hold what a template may read."""

    type_key: str
    key_value: str
    contact_id: int
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventsRequested:
    requests: Sequence[EventRequest]
    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """The account's settings were saved in this transaction."""

    now: datetime


class EventsHook(Hook[EventsProcessed]):
    """A handler may name the event types it cares for; events that nobody cares for are not put into a batch at all."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._types: dict[Callable[[EventsProcessed], None], Callable[[], Collection[int]]] = {}

    def connect(
        self,
        handler: Callable[[EventsProcessed], None],
        types: Callable[[], Collection[int]] | None = None,
    ) -> Callable[[EventsProcessed], None]:
        """Add a handler; `types` is asked in the transaction of each batch, and is one cheap query."""
        super().connect(handler)
        if types is not None:
            self._types[handler] = types
        return handler

    def disconnect(self, handler: Callable[[EventsProcessed], None]) -> None:
        super().disconnect(handler)
        self._types.pop(handler, None)

    def wanted_types(self) -> set[int] | None:
        """Ids of the types that some handler cares for; None means all."""
        found: set[int] = set()
        for handler in self._handlers:
            if handler not in self._types:
                return None
            found.update(self._types[handler]())
        return found


contacts_changed: Hook[ContactsChanged] = Hook("contacts_changed")
events_processed = EventsHook("events_processed")
persons_moved: Hook[PersonsMoved] = Hook("persons_moved")
persons_erased: Hook[PersonsErased] = Hook("persons_erased")
membership_changed: Hook[MembershipChanged] = Hook("membership_changed")
message_activity: Hook[MessageActivity] = Hook("message_activity")
events_requested: Hook[EventsRequested] = Hook("events_requested")
account_changed: Hook[AccountChanged] = Hook("account_changed")
