"""Settings of the account, users and roles, schedules, and the health of the engines."""

from datetime import timedelta
from typing import Any

from cron_descriptor import (
    FormatException,
    MissingFieldException,
    Options,
    WrongArgumentException,
    get_description,
)
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django_celery_beat.admin import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    PeriodicTaskAdmin,
    PeriodicTaskInline,
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
from cdp.ui.seeded import seeded

LATE_BACKLOG = timedelta(minutes=1)
SILENT = timedelta(seconds=30)


@admin.register(Account)
class AccountAdmin(ListAdmin):
    list_display = ("organisation_name", "time_zone", "language", "currency")
    fieldsets = (
        (None, {"fields": ("organisation_name", "user_email")}),
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

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        found: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "groups" and found is not None:
            found.label_from_instance = lambda role: seeded(role.name)
        return found


@admin.register(Group)
class RoleAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Roles: named sets of rights."""

    filter_horizontal = ()
    list_display = ("title",)

    @admin.display(description=gettext_lazy("Role"))
    def title(self, row: Any) -> str:
        return seeded(row.name)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        found: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "permissions" and found is not None:
            found.label_from_instance = name_permission
        return found

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The roles alone: their links to rights and users go with them, and naming each says nothing."""
        count = {self.opts.verbose_name_plural: len(objs)}
        return [seeded(role.name) for role in objs], count, set(), []


def name_permission(permission: Any) -> str:
    """A right in the reader's language; Django keeps the names in English in the database."""
    kind = permission.content_type
    verb, _sep, model = permission.codename.partition("_")
    words = {
        "add": _("Can add: %(name)s"), "change": _("Can change: %(name)s"),
        "delete": _("Can delete: %(name)s"), "view": _("Can view: %(name)s"),
    }  # fmt: skip
    is_common = verb in words and model == kind.model
    name = words[verb] % {"name": kind.name} if is_common else _(permission.name)
    return f"{kind.app_labeled_name} | {name}"


def speak_crontab(row: CrontabSchedule) -> str:
    """When a crontab runs, in words of the reader's language, with its zone."""
    options = Options()
    options.locale_code = {"uk": "uk_UA"}.get(get_language() or "", "en_US")
    options.use_24hour_time_format = True
    parts = (row.minute, row.hour, row.day_of_month, row.month_of_year, row.day_of_week)
    try:
        words = get_description(" ".join(part.replace(" ", "") for part in parts), options)
    except (FormatException, MissingFieldException, WrongArgumentException):
        return str(row)
    return f"{words}, {row.timezone}"


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
    list_display = ("title", "enabled", "timing", "start_time", "last_run_at", "one_off")

    def formfield_for_foreignkey(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        found: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "crontab" and found is not None:
            found.label_from_instance = speak_crontab
        return found

    @admin.display(description=gettext_lazy("Name"))
    def title(self, row: Any) -> str:
        return seeded(row.name)

    @admin.display(description=gettext_lazy("Schedule"))
    def timing(self, row: Any) -> str:
        return speak_crontab(row.crontab) if row.crontab else str(row.scheduler)

    @admin.display(description=gettext_lazy("In words"))
    def crontab_translation(self, row: Any) -> str:
        return speak_crontab(row.crontab) if row.crontab else "—"


class ScheduledInline(PeriodicTaskInline):  # type: ignore[misc]
    """What runs by this schedule."""

    fields = readonly_fields = ("title", "enabled")

    @admin.display(description=gettext_lazy("Name"))
    def title(self, row: Any) -> str:
        return seeded(row.name)


@admin.register(CrontabSchedule)
class ClockTimesAdmin(CrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    list_display = ("human_readable",)
    inlines = (ScheduledInline,)

    @admin.display(description=gettext_lazy("In words"))
    def human_readable(self, row: Any) -> str:
        return speak_crontab(row)


@admin.register(IntervalSchedule)
class IntervalsAdmin(ModelAdmin):
    pass


@admin.register(ClockedSchedule)
class OnceAdmin(ClockedScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    inlines = (ScheduledInline,)
