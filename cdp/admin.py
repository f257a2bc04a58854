"""Settings of the account, users and roles, schedules, and the health of the engines."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.admin import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    PeriodicTaskAdmin,
    TaskSelectWidget,
)
from django_celery_beat.admin import PeriodicTaskForm as StockTaskForm
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from cdp.models import Account, EngineState
from cdp.ui.admin import ListAdmin, ReadOnlyAdmin

LATE_BACKLOG = timedelta(minutes=1)
SILENT = timedelta(seconds=30)


@admin.register(Account)
class AccountAdmin(ListAdmin):
    list_display = ("organisation_name", "time_zone", "language", "currency")
    fieldsets = (
        (None, {"fields": ("organisation_name", "website", "user_email")}),
        (gettext_lazy("Region"), {"fields": ("time_zone", "language", "currency", "default_region")}),
        (
            gettext_lazy("Events"),
            {"fields": ("event_retention_days", "event_mapping_param", "event_mapping_field")},
        ),
        (gettext_lazy("Identity"), {"fields": ("blocked_identifiers",)}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """There is one account: straight to it."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:cdp_account_change", args=[1]))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(EngineState)
class EngineStateAdmin(ReadOnlyAdmin):
    """The health page: one query over heartbeats, so that it works while engines are down."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        rows = [describe(state, now) for state in EngineState.objects.order_by("name")]
        context = self.admin_site.each_context(request) | {
            "title": _("Health"), "opts": self.opts, "rows": rows, "checked": now,
            "worse": sum(row["state"] != "healthy" for row in rows),
        }  # fmt: skip
        return render(request, "ui/health.html", context)


def describe(state: EngineState, now: Any) -> dict[str, Any]:
    """An engine's state in one word, and what to do about it."""
    word, advice = "healthy", ""
    if state.heartbeat_at is None:
        word, advice = "never", _("Start a worker: manage.py work fast, manage.py work bulk.")
    elif now - state.heartbeat_at > SILENT:
        word, advice = "silent", _("Its worker is away. Look whether manage.py work runs, and at its log.")
    elif state.last_error_at and now - state.last_error_at < SILENT:
        word, advice = "failing", _("It tries again by itself. Mend what the error names.")
    elif state.oldest_at and now - state.oldest_at > LATE_BACKLOG:
        word, advice = "late", _("Work comes in faster than it is done. Start one more worker.")
    return {"engine": state, "state": word, "advice": advice}


for stock in (User, Group, PeriodicTask, CrontabSchedule, IntervalSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(stock)


@admin.register(User)
class ColleagueAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc]
    """Colleagues and what they may do."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        (gettext_lazy("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")


@admin.register(Group)
class RoleAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Roles: named sets of rights."""

    filter_horizontal = ()


class TaskWidget(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    """The known tasks, in the theme's look."""


class TaskForm(StockTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskWidget()


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]
    """When the calendar runs what."""

    form = TaskForm
    change_form_template = None  # the library's own hold inline scripts, which our policy refuses
    change_list_template = None


@admin.register(CrontabSchedule)
class ClockTimesAdmin(CrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(IntervalSchedule)
class IntervalsAdmin(ModelAdmin):
    pass


@admin.register(ClockedSchedule)
class OnceAdmin(ClockedScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    pass
