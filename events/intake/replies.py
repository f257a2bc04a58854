"""What the event routes answer."""

from collections.abc import Sequence
from typing import Any

from events.intake.inbox import Verdict


def single_headers(verdict: Verdict) -> list[tuple[str, str]]:
    """The verdict on one event that was taken; its reply has no body."""
    headers = [("X-Event-Id", verdict.event_id), ("X-Event-Status", verdict.status)]
    return [*headers, ("X-Event-Warning", verdict.warning)] if verdict.warning else headers


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
        item["eventId"] = verdict.event_id
        return item | ({"warning": verdict.warning} if verdict.warning else {})
    refusal = verdict.refusal
    return item | {"code": refusal.code, "path": refusal.path, "message": refusal.message}
