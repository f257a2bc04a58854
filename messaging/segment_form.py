"""The condition kind `message` as inputs of the segment form: what happened, to which messages, when, how often."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.leaves import WORDS
from messaging.models import Campaign, Message, MessageState
from segments.builder.conditions import Inputs, number_of, numbers_of, read_window, write_window
from segments.builder.forms import Choice, KindForm
from segments.leaves import operators, wording

MOST = 500
SUBJECTS = ("message", "campaign")
COUNTED = operators.with_negatives(operators.NUMBER)


def write(inputs: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"activity": inputs.get("activity", "opened"), "window": write_window(inputs)}
    chosen = {name: numbers_of(inputs.get(name, "")) for name in SUBJECTS}
    if any(chosen.values()):
        found["filter"] = {name: ids for name, ids in chosen.items() if ids}
    cmp, text = inputs.get("cmp", "gte"), inputs.get("value", "1")
    is_range = cmp in ("between", "not_between")
    return found | {
        "measure": {"fn": "count"},
        "cmp": cmp,
        "value": numbers_of(text) if is_range else number_of(text),
    }


def read(condition: Mapping[str, Any]) -> Inputs:
    which, value = condition.get("filter") or {}, condition.get("value", 1)
    found = {"activity": str(condition.get("activity", "")), **read_window(condition.get("window"))}
    for name in SUBJECTS:
        found[name] = _joined(which.get(name) or [])
    return found | {"cmp": str(condition.get("cmp", "gte")), "value": _joined(value)}


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def choices() -> dict[str, list[Choice]]:
    """Two queries. Archived messages stay: they were sent."""
    messages = Message.objects.exclude(state=MessageState.DRAFT, revision=None).order_by("name", "pk")
    campaigns = Campaign.objects.exclude(started_at=None).order_by("-started_at")
    return {
        "message_activities": [(key, _(words)) for key, words in WORDS.items()],
        "message_counts": [(cmp, wording.operator(cmp)) for cmp in COUNTED if cmp not in ("is_empty", "not_empty")],
        "messages": [(str(pk), name) for pk, name in messages.values_list("pk", "name")[:MOST]],
        "campaigns": [(str(pk), name) for pk, name in campaigns.values_list("pk", "name")[:MOST]],
    }  # fmt: skip


def named(name: str, values: Collection[str]) -> dict[str, str]:
    """Names of chosen messages or campaigns by their ids; one query."""
    model: Any = {"message": Message, "campaign": Campaign}[name]
    ids = [int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 19]
    return {str(pk): found for pk, found in model.objects.filter(pk__in=ids).values_list("pk", "name")}


FORM = KindForm(
    gettext_lazy("Message"), write, read, "messaging/segment_condition.html", choices,
    {"message": "messages", "campaign": "campaigns"}, named,
)  # fmt: skip
