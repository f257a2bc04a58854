"""What this app puts into the admin's frame: navigation, states, the home page."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cdp.ui.home import Problem, register_home
from cdp.ui.navigation import Entry, register_entry
from cdp.ui.status import Status, register_status
from segments.models import Segment, SegmentState

SEE = "segments.view_segment"


def register_all() -> None:
    entry = Entry(
        "audience", gettext_lazy("Segments"), "filter_alt", "admin:segments_segment_changelist", SEE, 5
    )
    register_entry(entry)
    register_status(
        "segment",
        {
            "active": Status("green", gettext_lazy("Active")),
            "waiting": Status("blue", gettext_lazy("Waiting to be counted")),
            "building": Status("blue", gettext_lazy("Building")),
            "broken": Status("orange", gettext_lazy("Broken")),
            "archived": Status("grey", gettext_lazy("Archived")),
        },
    )
    register_home("problems", problems, permission=SEE)


def problems(now: datetime) -> list[Problem]:  # noqa: ARG001
    """Segments that name something that is gone."""
    count = len(Segment.objects.filter(state=SegmentState.BROKEN).values_list("pk", flat=True)[:1_000])
    if not count:
        return []
    text = ngettext("%(count)s segment is broken", "%(count)s segments are broken", count) % {"count": count}
    address = reverse("admin:segments_segment_changelist")
    return [Problem("orange", text, f"{address}?view=broken", _("Mend it"))]
