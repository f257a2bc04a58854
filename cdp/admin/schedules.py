"""When the calendar runs what: rows of the scheduler, in words."""

from typing import Any

import django_celery_beat.admin  # noqa: F401 - registers the library's own screens, which ours replace
from celery import current_app
from cron_descriptor import (
    FormatException,
    MissingFieldException,
    Options,
    WrongArgumentException,
    get_description,
)
from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget

from cdp.ui.admin import ListAdmin, Order
from cdp.ui.formatting import moment, number
from cdp.ui.seeded import seeded
from cdp.ui.status import status_pill

for stock in (PeriodicTask, CrontabSchedule, IntervalSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(stock)


def known_tasks() -> list[str]:
    current_app.loader.import_default_modules()
    return sorted(name for name in current_app.tasks if not name.startswith("celery."))


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


class ClockTimesField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return speak_crontab(obj)


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    task = forms.ChoiceField(label=gettext_lazy("Task"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = PeriodicTask
        fields = ("name", "task", "enabled", "description", "crontab", "interval")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {
            "name": (_("Name"), ""),
            "enabled": (_("Runs"), ""),
            "description": (_("Description"), ""),
            "crontab": (_("At clock times"), ""),
            "interval": (_("Every so often"), _("Choose one of the two.")),
        }
        for name, (label, text) in words.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = label, text
        if "task" in self.fields:
            names = {*known_tasks(), *filter(None, [self.instance.task])}
            self.fields["task"].choices = [(name, name) for name in sorted(names)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if bool(found.get("crontab")) == bool(found.get("interval")):
            self.add_error("interval", _("Choose clock times or an interval, one of the two."))
        return found


@admin.register(PeriodicTask)
class ScheduleAdmin(ListAdmin):
    noun, nouns = gettext_lazy("schedule"), gettext_lazy("schedules")
    form = ScheduleForm
    list_display = ("schedule", "when", "state", "last", "runs")
    list_select_related = ("crontab", "interval")
    search_fields = ("name", "task")
    search_help_text = gettext_lazy("name or task")
    orders = (Order("", "", ("name",)),)
    fieldsets = (
        (None, {"fields": ("name", "task", "enabled", "description")}),
        (gettext_lazy("When"), {"fields": ("crontab", "interval")}),
    )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "crontab":
            kwargs["form_class"] = ClockTimesField
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description=gettext_lazy("Schedule"))
    def schedule(self, row: Any) -> SafeString:
        name = seeded(row.name)
        return format_html(
            '<span class="ui-strong ui-wrap">{}</span><br><span class="ui-meta ui-wrap">{}</span>',
            name[:1].upper() + name[1:], row.description or row.task,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("When"))
    def when(self, row: Any) -> str:
        if row.crontab is not None:
            return speak_crontab(row.crontab)
        text = str(row.interval or "—")
        return text[:1].upper() + text[1:]

    @admin.display(description=gettext_lazy("Runs"))
    def state(self, row: Any) -> SafeString:
        return status_pill("switch", "on" if row.enabled else "off")

    @admin.display(description=gettext_lazy("Last run"))
    def last(self, row: Any) -> SafeString:
        return moment(row.last_run_at)

    @admin.display(description=gettext_lazy("Times"))
    def runs(self, row: Any) -> SafeString:
        return format_html('<span class="ui-number">{}</span>', number(row.total_run_count))


@admin.register(CrontabSchedule)
class ClockTimesAdmin(ListAdmin):
    list_display = ("words",)
    fields = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone")

    @admin.display(description=gettext_lazy("In words"))
    def words(self, row: Any) -> str:
        return speak_crontab(row)


@admin.register(IntervalSchedule)
class IntervalsAdmin(ListAdmin):
    list_display = ("__str__",)
    fields = ("every", "period")
