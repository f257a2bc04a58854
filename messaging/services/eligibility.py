"""Who may be sent to: one set of checks, used when planning and again at hand-over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from cdp.sql import load


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message for a contact; `endpoint` None means the contact's own address.

    `is_obligatory`: transactional, or a test: what the contact unsubscribed from does not matter, the blacklist does.
    """

    contact_id: int
    message_id: int
    endpoint: str | None
    is_obligatory: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """`reason` is '' when nothing speaks against it."""

    reason: str
    endpoint: str | None
    language: str | None
    time_zone: str | None


def check_candidates(candidates: Sequence[Candidate], *, now: datetime) -> list[Checked]:
    """One verdict a candidate, in order; one query."""
    if not candidates:
        return []
    parameters: dict[str, Any] = {
        "now": now,
        "contact_ids": [candidate.contact_id for candidate in candidates],
        "endpoints": [candidate.endpoint for candidate in candidates],
        "message_ids": [candidate.message_id for candidate in candidates],
        "obligatory": [candidate.is_obligatory for candidate in candidates],
    }
    with connection.cursor() as cursor:
        cursor.execute(load("messaging", "check_recipients"), parameters)
        return [Checked(*row[1:]) for row in cursor.fetchall()]
