"""What the kernel itself puts into the admin's frame: settings, users, schedules, health."""

from datetime import datetime, timedelta

from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.models import Account, EngineState
from cdp.ui.home import Problem, Step, register_home
from cdp.ui.navigation import Entry, register_entry

SILENT = timedelta(seconds=30)
SCHEDULE_PARTS = (
    reverse_lazy("admin:django_celery_beat_crontabschedule_changelist"),
    reverse_lazy("admin:django_celery_beat_intervalschedule_changelist"),
)


def register_all() -> None:
    for title, icon, url, permission, order in (
        (gettext_lazy("General"), "settings", "admin:cdp_account_changelist", "cdp.view_account", 10),
        (gettext_lazy("Users"), "group", "admin:auth_user_changelist", "auth.view_user", 40),
        (gettext_lazy("Roles"), "shield_person", "admin:auth_group_changelist", "auth.view_group", 50),
        (gettext_lazy("Schedules"), "calendar_clock", "admin:django_celery_beat_periodictask_changelist",
         "django_celery_beat.view_periodictask", 60),
        (gettext_lazy("Health"), "monitor_heart", "admin:cdp_enginestate_changelist", "cdp.view_enginestate", 90),
    ):  # fmt: skip
        covers = SCHEDULE_PARTS if "periodictask" in url else ()
        register_entry(Entry("settings", title, icon, url, permission, order, covers))
    register_home("problems", problems, permission="cdp.view_enginestate", order=-10)
    register_home("steps", steps, permission="cdp.view_account")


def problems(now: datetime) -> list[Problem]:
    """Engines that gave no sign of life, or failed last time."""
    link = reverse("admin:cdp_enginestate_changelist")
    found = []
    for state in EngineState.objects.all():
        if state.heartbeat_at is None or now - state.heartbeat_at > SILENT:
            found.append(
                Problem(
                    "orange",
                    _("No news from the engine %(name)s") % {"name": state.name},
                    link,
                    _("Open health"),
                )
            )
        elif state.last_error_at is not None and now - state.last_error_at < SILENT:
            found.append(
                Problem("red", _("The engine %(name)s fails") % {"name": state.name}, link, _("Open health"))
            )
    return found


def steps(now: datetime) -> list[Step]:  # noqa: ARG001
    account = Account.objects.get(pk=1)
    is_named = account.organisation_name != Account._meta.get_field("organisation_name").default
    return [
        Step(
            _("Name your organisation and set its time zone"),
            is_named,
            reverse("admin:cdp_account_change", args=[1]),
        )
    ]
