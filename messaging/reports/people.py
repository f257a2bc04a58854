"""Who is behind a figure of a report: the deliveries it counts, as a queryset paged by key."""

from typing import Any

from django.db.models import Exists, OuterRef, Q

from messaging.models import Activity, ActivityKind, Delivery, SubjectKind
from messaging.reports.figures import Subject

FIGURES: dict[str, tuple[Q, str]] = {
    "all": (Q(), "planned_at"),
    "waiting": (Q(state__in=["planned", "claimed", "sending"]), "planned_at"),
    "skipped": (Q(state="skipped"), "planned_at"),
    "cancelled": (Q(state="cancelled"), "planned_at"),
    "failed": (Q(state="failed"), "failed_at"),
    "unknown": (Q(state="unknown"), "handed_at"),
    "sent": (Q(state="sent"), "sent_at"),
    "delivered": (Q(state="sent", failed_at__isnull=True), "sent_at"),
    "bounced": (Q(state="sent", failed_at__isnull=False), "failed_at"),
    "opened": (Q(opened_at__isnull=False), "opened_at"),
    "clicked": (Q(clicked_at__isnull=False), "clicked_at"),
    "unsubscribed": (Q(unsubscribed_at__isnull=False), "unsubscribed_at"),
    "complained": (Q(complained_at__isnull=False), "complained_at"),
}
BY_ACTIVITY = {"bounced": ActivityKind.ERROR, "unsubscribed": ActivityKind.UNSUBSCRIBED}


def people_behind(
    subject: Subject, figure: str, *, reason: str | None = None, link_id: int | None = None
) -> Any:
    """Deliveries that a figure counts; tests are none.

    Raises:
        KeyError: there is no such figure.
    """
    condition, _at = FIGURES[figure]
    found = Delivery.objects.filter(condition, is_test=False)
    if subject.kind == SubjectKind.MESSAGE:
        found = found.filter(message_id=subject.id)
    else:
        found = found.filter(cause_kind=subject.kind, cause_id=subject.id)
        if subject.cause_month is not None:
            found = found.filter(cause_month=subject.cause_month)
    own = Activity.objects.filter(delivery_id=OuterRef("pk"))
    if link_id is not None:
        found = found.filter(Exists(own.filter(kind=ActivityKind.CLICKED, link_id=link_id, machine="")))
    if reason is not None and figure in BY_ACTIVITY:
        found = found.filter(Exists(own.filter(kind=BY_ACTIVITY[figure], reason=reason)))
    elif reason is not None:
        found = found.filter(reason=reason)
    return found


def time_column(figure: str) -> str:
    return FIGURES[figure][1]
