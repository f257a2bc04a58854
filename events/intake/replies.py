"""What the batch route answers."""

from collections.abc import Sequence
from typing import Any

from events.intake.accept import Verdict


def batch_reply(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Counts and one entry an event, in the order sent."""
    counts = {
        status: sum(verdict.status == status for verdict in verdicts)
        for status in ("accepted", "duplicate", "rejected")
    }
    return {
        "accepted": counts["accepted"], "duplicates": counts["duplicate"], "rejected": counts["rejected"],
        "items": [_item(place, verdict) for place, verdict in enumerate(verdicts)],
    }  # fmt: skip


def _item(place: int, verdict: Verdict) -> dict[str, Any]:
    item: dict[str, Any] = {"i": place, "status": verdict.status}
    if verdict.refusal is None:
        return item | {"eventId": verdict.event_id}
    refusal = verdict.refusal
    return item | {"code": refusal.code, "path": refusal.path, "message": refusal.message}
