"""What this app puts into the admin's frame: navigation, states, the home page."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from cdp.ui.formatting import number
from cdp.ui.home import Step, Tile, register_home
from cdp.ui.jobs import TrayJob, TraySource, register_jobs
from cdp.ui.navigation import Entry, register_entry
from cdp.ui.status import Status, register_status
from contacts.models import Contact

EXACT_BELOW = 50_000
TOTAL = """
    SELECT rows, CASE WHEN rows < %s THEN (SELECT count(*) FROM contacts_contact WHERE state = 'active') END
    FROM (SELECT greatest(reltuples, 0)::bigint AS rows FROM pg_class WHERE oid = 'contacts_contact'::regclass) AS estimate
"""
COUNTED = 1_000


def register_all() -> None:
    _navigation()
    _statuses()
    register_jobs(TraySource("contacts", "contacts.view_contactjob", _tray))
    register_home("tiles", tiles, permission="contacts.view_contact")
    register_home("steps", steps, permission="contacts.view_contact", order=10)


def _tray(user: Any) -> Sequence[TrayJob]:
    from contacts.admin.jobs import tray_jobs  # screens are only there once models are

    return tray_jobs(user)


def _navigation() -> None:
    see = "contacts.view_contact"
    register_entry(
        Entry(
            "audience", gettext_lazy("Contacts"), "person", "admin:contacts_contact_changelist", see, key="c"
        )
    )
    register_entry(
        Entry(
            "audience",
            gettext_lazy("Duplicates"),
            "group_remove",
            "admin:contacts_duplicatepair_changelist",
            "contacts.view_duplicatepair",
            15,
        )
    )
    register_entry(
        Entry("audience", gettext_lazy("Jobs"), "hourglass_empty", "admin:contacts_contactjob_changelist",
              "contacts.view_contactjob", 45)
    )  # fmt: skip
    register_entry(
        Entry("audience", pgettext_lazy("of contacts", "Lists"), "list", "admin:contacts_contactlist_changelist",
              "contacts.view_contactlist", 10)
    )  # fmt: skip
    register_entry(
        Entry("audience", gettext_lazy("Fields"), "tune", "admin:contacts_contactfield_changelist",
              "contacts.view_contactfield", 20, covers=(reverse_lazy("admin:contacts_fieldgroup_changelist"),))
    )  # fmt: skip
    register_entry(
        Entry("audience", gettext_lazy("Subscription categories"), "rule",
              "admin:contacts_subscriptioncategory_changelist", "contacts.view_subscriptioncategory", 30)
    )  # fmt: skip
    register_entry(
        Entry("audience", gettext_lazy("Bulk requests"), "upload", "admin:contacts_importsession_changelist",
              "contacts.view_importsession", 40)
    )  # fmt: skip


def _statuses() -> None:
    register_status(
        "address",
        {
            "active": Status("green", gettext_lazy("Active")),
            "unconfirmed": Status("orange", gettext_lazy("Unconfirmed")),
            "unsubscribed": Status("orange", gettext_lazy("Unsubscribed")),
            "spam": Status("red", gettext_lazy("Spam complaint")),
            "blocked": Status("orange", gettext_lazy("Blocked for a while")),
            "blacklisted": Status("red", gettext_lazy("Blacklisted")),
            "inactive": Status("grey", gettext_lazy("Switched off")),
        },
    )
    register_status(
        "contact",
        {
            "active": Status("green", gettext_lazy("Active")),
            "deleted": Status("orange", gettext_lazy("Deleted")),
            "merged": Status("grey", gettext_lazy("Merged")),
            "erased": Status("grey", gettext_lazy("Erased")),
        },
    )
    register_status(
        "subscription",
        {
            "on": Status("green", gettext_lazy("Subscribed")),
            "off": Status("orange", gettext_lazy("Unsubscribed")),
        },
    )
    register_status(
        "merge",
        {
            "merged": Status("green", gettext_lazy("Merged")),
            "undone": Status("grey", gettext_lazy("Undone")),
        },
    )
    register_status(
        "job",
        {
            "queued": Status("blue", gettext_lazy("Queued")),
            "running": Status("blue", gettext_lazy("Running")),
            "finished": Status("green", gettext_lazy("Finished")),
            "cancelled": Status("grey", gettext_lazy("Cancelled")),
            "failed": Status("red", gettext_lazy("Failed")),
        },
    )
    register_status(
        "import",
        {
            "STARTED": Status("blue", gettext_lazy("Queued")),
            "IMPORTING": Status("blue", gettext_lazy("Importing")),
            "FINISHED": Status("green", gettext_lazy("Finished")),
            "ERROR": Status("red", gettext_lazy("Failed")),
        },
    )


def tiles(now: datetime) -> list[Tile]:
    """Contacts in all (estimated when many) and made in a week (counted up to a thousand)."""
    with connection.cursor() as cursor:
        cursor.execute(TOTAL, [EXACT_BELOW])
        estimate, exact = cursor.fetchone()
    text = f"≈ {number(estimate)}" if exact is None else number(exact)
    since = now - timedelta(days=7)  # what was made since was changed since, and that has an index
    week = (
        Contact.objects.active()
        .filter(created_at__gte=since, updated_at__gte=since)
        .order_by("-updated_at", "-id")
    )
    new = len(week.values_list("pk", flat=True)[:COUNTED])
    address = reverse("admin:contacts_contact_changelist")
    return [
        Tile(_("Contacts"), text, address),
        Tile(_("New in 7 days"), f"{number(new)}+" if new == COUNTED else number(new), f"{address}?view=new"),
    ]


def steps(now: datetime) -> list[Step]:  # noqa: ARG001
    has_some = Contact.objects.all()
    return [
        Step(
            _("Add contacts: by hand, or with POST contacts of the API"),
            has_some,
            reverse("admin:contacts_contact_add"),
        )
    ]
