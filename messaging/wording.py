"""Reasons in words, for every screen that shows one: deliveries, activity, launches, reports."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from messaging.bounces.categories import Category
from messaging.bounces.mail import NoticeKind
from messaging.models import ActivityKind, Reason, UnsubscribeReason

OF_DELIVERY: dict[str, Any] = dict(Category.choices) | dict(Reason.choices)
OF_FAILURE: dict[str, Any] = dict(Reason.choices) | dict(Category.choices)
OF_ACTIVITY: dict[str, dict[str, Any]] = {
    ActivityKind.ERROR: OF_FAILURE,
    ActivityKind.UNAVAILABLE: OF_DELIVERY,
    ActivityKind.UNSUBSCRIBED: dict(UnsubscribeReason.choices),
    ActivityKind.DELIVERED: {"assumed": _("Assumed: no refusal came back")},
}

OF_NOTICE: dict[str, Any] = dict(ActivityKind.choices) | {
    NoticeKind.BOUNCE: _("Bounce"), NoticeKind.DELAYED: _("Delayed, still being tried"),
    NoticeKind.COMPLAINT: _("Spam complaint"), NoticeKind.UNSUBSCRIBE: _("Unsubscribed by mail"),
    NoticeKind.AUTO_REPLY: _("Automatic reply"), NoticeKind.OTHER: _("Another mail"),
    "nothing of interest": _("Nothing of interest"),
}  # fmt: skip


def what_told(outcome: str) -> str:
    """What a notice told: its kinds in words; what is none of them, such as a fault, as it is."""
    kinds = outcome.split(", ")
    return ", ".join(str(OF_NOTICE[kind]) for kind in kinds) if all(map(OF_NOTICE.get, kinds)) else outcome


def why_not(reason: str) -> Any:
    """Why a delivery was skipped, cancelled or failed; empty when there is no reason."""
    return OF_DELIVERY.get(reason, reason)


def why_of(kind: str, reason: str) -> Any:
    """The reason of an activity: an `expired` of a refusal is another one than that of a delivery."""
    return OF_ACTIVITY.get(kind, {}).get(reason, reason)
