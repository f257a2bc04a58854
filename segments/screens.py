"""What this app puts into the admin's frame: navigation, states, the home page."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cdp.ui.home import Problem, register_home
from cdp.ui.navigation import Entry, register_entry
from cdp.ui.status import Status, register_status
from contacts.card import Line, Section, register_section
from contacts.models import Contact
from contacts.services.person_export import register_export
from segments.models import Segment, SegmentState
from segments.services.chunks import segments_holding

SEE = "segments.view_segment"
SEE_PERSONAL = "contacts.view_personal_data"
MOST_ON_CARD = 300


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
    register_home("problems", problems, permission=SEE, only_if=_broken)
    title, empty = gettext_lazy("Dynamic segments"), gettext_lazy("In none now.")
    register_export("segments", names_of_segments)
    register_section(Section("segments", title, SEE, segments_of, empty))


def _broken(now: datetime) -> Any:  # noqa: ARG001
    return Segment.objects.filter(state=SegmentState.BROKEN)


def problems(now: datetime) -> list[Problem]:
    """Segments that name something that is gone."""
    count = len(_broken(now).values_list("pk", flat=True)[:1_000])
    text = ngettext("%(count)s segment is broken", "%(count)s segments are broken", count) % {"count": count}
    address = reverse("admin:segments_segment_changelist")
    return [Problem("orange", text, f"{address}?view=broken", _("Mend it"))]


def segments_of(contact: Contact) -> list[Line]:
    """The dynamic segments a contact is in, by their stored members; each leads to why."""
    rows = Segment.objects.filter(state__in=[SegmentState.ACTIVE, SegmentState.BROKEN]).order_by("name")
    names = dict(rows.values_list("pk", "name")[:MOST_ON_CARD])
    held = set(segments_holding(contact.pk, list(names)))
    return [
        Line(
            name,
            f"{reverse('admin:segments_segment_why', args=[pk])}?contact={contact.pk}",
            _("why?"),
            SEE_PERSONAL,
        )
        for pk, name in names.items()
        if pk in held
    ]


def names_of_segments(contact_id: int) -> dict[int, str]:
    """For the file with a person's data: the dynamic segments it is in."""
    names = dict(Segment.objects.order_by("pk").values_list("pk", "name"))
    return {pk: names[pk] for pk in segments_holding(contact_id, list(names))}
