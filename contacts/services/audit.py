"""Keeps who did what to contacts, and why."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from contacts.models import ContactAudit


def keep(
    acts: Iterable[tuple[int, dict[str, Any]]],
    *,
    action: str,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    """One entry an act, in the caller's transaction. `acts`: (contact id, details without personal data)."""
    ContactAudit.objects.bulk_create(
        [
            ContactAudit(
                contact_id=contact_id, at=now, action=action, actor=actor, reason=reason, details=details
            )
            for contact_id, details in acts
        ]
    )
