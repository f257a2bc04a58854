"""What comes back from messages, in the admin's frame: navigation, states, problems on the home page."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.home import Problem, register_home
from cdp.ui.navigation import Entry, register_entry
from messaging.models import BounceMailbox

SEE_MAILBOXES = "messaging.view_bouncemailbox"
FAILURES = 3  # in a row: one is no news


def register_all() -> None:
    for group, title, icon, url, permission, order in (
        ("analytics", gettext_lazy("Message reports"), "monitoring", "admin:messaging_messagereport_changelist",
         "messaging.view_messagereport", 20),
        ("settings", gettext_lazy("Bounce mailboxes"), "mark_email_unread", "admin:messaging_bouncemailbox_changelist",
         SEE_MAILBOXES, 32),
        ("settings", gettext_lazy("Notices of bounces"), "move_to_inbox", "admin:messaging_inboundnotice_changelist",
         "messaging.view_inboundnotice", 34),
    ):  # fmt: skip
        register_entry(Entry(group, title, icon, url, permission, order))
    register_home("problems", problems, permission=SEE_MAILBOXES, only_if=_failing)


def _failing(now: datetime) -> Any:  # noqa: ARG001
    return BounceMailbox.objects.filter(is_enabled=True, failures__gte=FAILURES)


def problems(now: datetime) -> list[Problem]:
    """Bounce mailboxes that cannot be read."""
    failing = _failing(now).order_by("pk")[:5]
    return [
        Problem(
            "red", _("The bounce mailbox %(name)s cannot be read: %(error)s") % {"name": row.name, "error": row.last_error},
            reverse("admin:messaging_bouncemailbox_change", args=[row.pk]), _("Open"),
        )
        for row in failing
    ]  # fmt: skip
