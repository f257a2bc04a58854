"""What goes into and comes out of the one service that finds, makes and changes contacts."""

import enum
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

# Columns a caller may write through `ContactInput.fields`.
WRITABLE = (
    "first_name", "last_name", "address", "town", "region", "postcode", "language", "time_zone", "orders_info", "location",
)  # fmt: skip


class Policy(enum.Enum):
    """The door a request came through; what each may do is in `docs/identity.md`."""

    ADD = "add"  # POST contact: external id, else the strongest other identifier; restores
    PUT = "put"  # by contact id; channels given replace; restores
    BULK = "bulk"  # external id, else only the dedupe kinds; restores when asked
    SUBSCRIBE = "subscribe"  # like ADD, unconfirmed, never replaces a channel
    EVENT = "event"  # never writes to a found contact, never restores
    MANUAL = "manual"  # a colleague in the admin
    SDK = "sdk"  # like ADD


@dataclass(slots=True, kw_only=True)
class Token:
    """A changeable identifier: `kind` is a value of `IdentifierKind` other than the external id."""

    kind: str
    value: str
    scope: str = ""
    is_active: bool = True
    device: dict[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class ContactInput:
    """One upsert; every value already normalised (`contacts.normalise`, `contacts.field_types`).

    In `fields` and `data`, None clears. `dedupe` (BULK only) names kinds in order: email, phone, id, external_id,
    mobile, web, field:<id>. `as_visitor` (EVENT only): when nobody is found, keep the
    identifiers on a visitor. `source_detail` overrides the batch's. `only` names what may be written to a contact that
    exists already (columns, email, phone, contact_key); None means everything given.
    """

    contact_id: int | None = None
    external_id: str | None = None
    email: str | None = None
    email_norm: str | None = None
    phone: str | None = None
    is_sms_capable: bool = True
    contact_key: str | None = None
    tokens: tuple[Token, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    clear_email: bool = False
    clear_phone: bool = False
    dedupe: tuple[str, ...] | None = None
    restore_deleted: bool = True
    list_ids: tuple[int, ...] = ()
    leave_list_ids: tuple[int, ...] = ()
    replace_tokens: tuple[str, ...] = ()
    as_visitor: bool = False
    source_detail: str | None = None
    only: frozenset[str] | None = None

    def writes(self, name: str) -> bool:
        """Whether this input may write `name` to a contact that exists."""
        return self.only is None or name in self.only

    def owned_keys(self) -> list[tuple[str, str]]:
        """Identifiers with one owner, as (kind, value)."""
        found = [(token.kind, token.value) for token in self.tokens]
        if self.external_id is not None:
            found.append(("ext", self.external_id))
        return found

    def addresses(self) -> list[tuple[str, str]]:
        """Identifiers that many may hold, as (kind, value)."""
        found = []
        if self.email_norm is not None:
            found.append(("email", self.email_norm))
        if self.phone is not None:
            found.append(("phone", self.phone))
        if self.contact_key is not None:
            found.append(("key", self.contact_key))
        return found


MOST_TOKENS = 50  # of a kind, that one identification may attach


def within_limit(item: ContactInput) -> tuple[ContactInput, list[Token]]:
    """The input as it may identify somebody, and its tokens beyond `MOST_TOKENS` of a kind, which are only noted."""
    if len(item.tokens) <= MOST_TOKENS:
        return item, []
    counts: Counter[str] = Counter()
    kept: list[Token] = []
    beyond: list[Token] = []
    for token in item.tokens:
        counts[token.kind] += 1
        (kept if counts[token.kind] <= MOST_TOKENS else beyond).append(token)
    return (replace(item, tokens=tuple(kept)), beyond) if beyond else (item, [])


@dataclass(slots=True)
class Outcome:
    """What happened to one input. `result`: created, updated, restored, unchanged, skipped, failed; or `visitor`,
    when the person stays anonymous. `contact_id` is then the visitor's id. `merged`: contacts that were merged into this
    one on the way; `duplicates`: other contacts with one of the request's addresses."""

    contact_id: int | None
    result: str
    code: str = ""
    message: str = ""
    email_status_before: str = ""
    merged: tuple[int, ...] = ()
    duplicates: tuple[int, ...] = ()


@dataclass(slots=True)
class Person:
    """A contact as read under lock; the columns the service may write."""

    id: int
    state: str
    external_id: str | None
    email: str | None
    email_norm: str | None
    phone: str | None
    contact_key: str | None
    updated_at: datetime
    created_at: datetime
    values: dict[str, Any]
    data: dict[str, Any]
    provenance: dict[str, Any]
