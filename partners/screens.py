"""What this app puts into the admin's frame."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.home import Step, register_home
from cdp.ui.navigation import Entry, register_entry
from partners.models import ApiKey


def register_all() -> None:
    register_entry(
        Entry(
            "settings",
            gettext_lazy("API keys"),
            "key",
            "admin:partners_apikey_changelist",
            "partners.view_apikey",
            20,
        )
    )
    register_home("steps", steps, permission="partners.view_apikey", order=5)


def steps(now: datetime) -> list[Step]:  # noqa: ARG001
    return [Step(_("Make an API key"), ApiKey.objects.all(), reverse("admin:partners_apikey_changelist"))]
