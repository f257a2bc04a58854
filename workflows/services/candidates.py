"""What may start a launch, and what it is unique by; who an event is about when nobody is known yet."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cdp.models import Account
from contacts.field_types import Rules
from contacts.models import ContactField
from contacts.services.upsert import ContactInput
from events.intake.identity import AccountRules, as_contact, identity_columns, read_mapping
from events.intake.reading import CheckedEvent
from workflows.blocks.task import CHAIN
from workflows.definition.structure import Unique

Subject = tuple[int, int, bytes]  # workflow, contact or 0, digest of the key


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signal that may start a workflow for a person.

    Attributes:
        at: when it happened; windows of uniqueness are measured from it.
        received_at, flags: of the event; absent for starts by hand.
        version_id: a test's own version; else the workflow's published one.
    """

    workflow_id: int
    person_id: int
    kind: str
    at: datetime
    key: str = ""
    event_id: str | None = None
    event_type: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    received_at: datetime | None = None
    flags: int = 0
    version_id: int | None = None
    is_test: bool = False
    skips_waits: bool = False


@dataclass(slots=True)
class Started:
    """What became of a batch: ids of launches in the order of the candidates that made one, and refusals by reason."""

    run_ids: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def subject_of_start(unique: Unique, workflow_id: int, person_id: int, key: str) -> Subject | None:
    """The row of `StartGuard` that a start is unique by: workflow, contact or 0, digest of the key; None when none is."""
    if unique.mode == "each_time":
        return None
    if unique.by == "key" and key:
        return workflow_id, 0, hashlib.sha256(key.encode()).digest()
    return workflow_id, person_id, b""


def first_context(one: Candidate) -> dict[str, Any]:
    chain = one.params.get(CHAIN)
    found: dict[str, Any] = {"params": one.params, "eventType": one.event_type, "at": one.at.isoformat()}
    return found | {"chain": chain} if isinstance(chain, int) else found


def identity_rules() -> AccountRules:
    account = Account.objects.get(pk=1)
    return AccountRules(
        Rules.of(account), account.event_mapping_param,
        read_mapping(account.event_mapping_field), frozenset(str(value).lower() for value in account.blocked_identifiers),
    )  # fmt: skip


def contact_of(one: Candidate, rules: AccountRules) -> ContactInput | None:
    """The contact an event names by its parameters; None when it names nobody."""
    event = CheckedEvent(
        type_key=one.event_type,
        key_value=one.key or "-",
        params=one.params,
        occurred=None,
        sent_at=None,
        event_id=None,
    )
    columns, _key = identity_columns(event, rules)
    if not any(name in columns for name in ("external_id", "email_norm", "phone", "push_token")):
        return None
    item = as_contact(
        columns, {rules.mapping.pk: rules.mapping} if isinstance(rules.mapping, ContactField) else {}
    )
    item.source_detail = one.event_type
    return item
