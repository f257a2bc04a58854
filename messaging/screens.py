"""What this app puts into the admin's frame: navigation, states, the home page."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.home import Problem, Step, register_home
from cdp.ui.navigation import Entry, register_entry
from cdp.ui.status import Status, register_status
from contacts.services.person_export import register_export
from contacts.tabs import Action, register_action
from messaging.models import Campaign, Connection, ConnectionKind, Delivery, Message


def register_all() -> None:
    for group, title, icon, url, permission, order in (
        ("messages", gettext_lazy("Messages"), "mail", "admin:messaging_message_changelist", "messaging.view_message", 10),
        ("messages", gettext_lazy("Campaigns"), "campaign", "admin:messaging_campaign_changelist",
         "messaging.view_campaign", 20),
        ("messages", gettext_lazy("Deliveries"), "outbox", "admin:messaging_delivery_changelist",
         "messaging.view_delivery", 30),
        ("settings", gettext_lazy("Connections"), "hub", "admin:messaging_connection_changelist",
         "messaging.view_connection", 20),
        ("settings", gettext_lazy("Senders"), "alternate_email", "admin:messaging_sender_changelist",
         "messaging.view_sender", 30),
    ):  # fmt: skip
        register_entry(Entry(group, title, icon, url, permission, order))
    register_entry(
        Entry(
            "messages", gettext_lazy("Development mailbox"), "drafts", "admin:messaging_connection_mailbox",
            "messaging.view_delivery", 40, also=("contacts.view_personal_data",),
        )
    )  # fmt: skip
    _statuses()
    register_action(
        Action(
            "test",
            gettext_lazy("Send test…"),
            "admin:messaging_message_contact_test",
            "messaging.send_test",
            20,
        )
    )
    register_export("messages", names_of_messages)
    register_home("problems", away, permission="messaging.view_connection", only_if=_resting)
    register_home("problems", stopped, permission="messaging.view_campaign", only_if=_stopped)
    register_home("steps", connect, permission="messaging.view_connection", order=30)
    register_home("steps", write, permission="messaging.add_message", order=31)


def _statuses() -> None:
    register_status("message", {
        "draft": Status("grey", gettext_lazy("Draft")),
        "ready": Status("green", gettext_lazy("Ready")),
        "archived": Status("grey", gettext_lazy("Archived")),
    })  # fmt: skip
    register_status("delivery", {
        "planned": Status("grey", gettext_lazy("Planned")),
        "claimed": Status("blue", gettext_lazy("Sending")),
        "sending": Status("blue", gettext_lazy("Sending")),
        "sent": Status("blue", gettext_lazy("Sent")),
        "delivered": Status("green", gettext_lazy("Delivered")),
        "opened": Status("green", gettext_lazy("Read")),
        "clicked": Status("green", gettext_lazy("Clicked")),
        "unsubscribed": Status("orange", gettext_lazy("Unsubscribed")),
        "spam": Status("red", gettext_lazy("Spam complaint")),
        "undelivered": Status("red", gettext_lazy("Undelivered")),
        "skipped": Status("grey", gettext_lazy("Skipped")),
        "failed": Status("red", gettext_lazy("Failed")),
        "unknown": Status("orange", gettext_lazy("Unknown outcome")),
        "cancelled": Status("grey", gettext_lazy("Cancelled")),
    })  # fmt: skip
    register_status("campaign", {
        "draft": Status("grey", gettext_lazy("Draft")),
        "scheduled": Status("blue", gettext_lazy("Scheduled")),
        "preparing": Status("blue", gettext_lazy("Preparing")),
        "sending": Status("blue", gettext_lazy("Sending")),
        "paused": Status("orange", gettext_lazy("Paused")),
        "finished": Status("green", gettext_lazy("Finished")),
        "cancelled": Status("grey", gettext_lazy("Cancelled")),
        "failed": Status("red", gettext_lazy("Failed")),
    })  # fmt: skip
    register_status("sender", {
        "unconfirmed": Status("orange", gettext_lazy("Unconfirmed")),
        "confirmed": Status("green", gettext_lazy("Confirmed")),
    })  # fmt: skip


def _resting(now: datetime) -> Any:
    return Connection.objects.filter(failures__gte=3, backs_off_until__gt=now)


def _stopped(now: datetime) -> Any:  # noqa: ARG001
    return Campaign.objects.filter(state="paused", reason__in=("errors", "complaints", "rendering", "late"))


def away(now: datetime) -> list[Problem]:
    """Connections whose provider is away."""
    link = reverse("admin:messaging_connection_changelist")
    return [
        Problem("orange", _("%(name)s is away: %(words)s") % {"name": row.name, "words": row.last_error[:120]}, link,
                _("Open connections"))
        for row in _resting(now).order_by("pk")[:5]
    ]  # fmt: skip


def stopped(now: datetime) -> list[Problem]:
    """Campaigns that stopped by themselves."""
    return [
        Problem("red", _("The campaign %(name)s stopped by itself") % {"name": row.name},
                reverse("admin:messaging_campaign_change", args=[row.pk]), _("Look at it"))
        for row in _stopped(now).order_by("-pk")[:5]
    ]  # fmt: skip


def connect(now: datetime) -> list[Step]:  # noqa: ARG001
    is_connected = Connection.objects.exclude(kind=ConnectionKind.FILE)
    return [Step(_("Connect a mail server"), is_connected, reverse("admin:messaging_connection_changelist"))]


def write(now: datetime) -> list[Step]:  # noqa: ARG001
    return [Step(_("Write a message"), Message.objects.all(), reverse("admin:messaging_message_add"))]


def names_of_messages(contact_id: int) -> dict[int, str]:
    """For the file with a person's data: what the numbers of its deliveries mean."""
    sent = Delivery.objects.filter(contact_id=contact_id).values("message_id")
    return dict(Message.objects.filter(pk__in=sent).values_list("pk", "name"))
