"""The registry of event types: list, record, declared parameters."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline

from cdp.api.errors import Refused
from cdp.api.wire import check_event_key
from cdp.ui.admin import Empty, ListAdmin, Order, View
from cdp.ui.formatting import moment, number, tree
from cdp.ui.status import status_pill
from events.models import EventParameter, EventType, Origin, TypeHour
from events.services.registry import MOST_SEGMENTED, bump_version
from events.services.types import create_event_type, edit_event_type

HOURS = 24


class EventTypeForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = EventType
        fields = (
            "key", "name", "description", "category", "use_for_segmentation", "validation_mode", "allow_additional",
            "retention_days",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "description" in self.fields:
            self.fields["description"].widget.attrs["rows"] = 3

    def clean_key(self) -> str:
        text = str(self.cleaned_data["key"]).strip()
        try:
            return check_event_key(text, "key", most=100, code="type_key_invalid")
        except Refused as refusal:
            text = _(
                "Use at most 100 characters, none of < > ; ’ ' \" ` \\ / | ^ ? ! , and no control characters."
            )
            raise forms.ValidationError(text) from refusal

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("use_for_segmentation") and not self.instance.use_for_segmentation:
            used = EventType.objects.filter(use_for_segmentation=True).exclude(pk=self.instance.pk).count()
            if used >= MOST_SEGMENTED:
                text = _("%(most)s event types are used for segmentation already; switch one off first.")
                self.add_error("use_for_segmentation", text % {"most": MOST_SEGMENTED})
        if found.get("retention_days") == 0:
            self.add_error("retention_days", _("Keep events for at least one day, or leave this empty."))
        return found


class ParameterInline(TabularInline):
    model = EventParameter
    extra = 0
    fields = ("name", "type", "is_required", "allowed", "least", "most", "max_length", "is_personal")
    verbose_name_plural = gettext_lazy("Declared parameters")


@admin.register(EventType)
class EventTypeAdmin(ListAdmin):
    form = EventTypeForm
    inlines = (ParameterInline,)
    list_display = ("type", "day", "last", "errors", "checking", "segmentation")
    list_filter = ("category", "validation_mode")
    search_fields = ("key", "name")
    search_help_text = gettext_lazy("name or key")
    orders = (Order("", "", ("key",)),)
    views = (
        View("", gettext_lazy("All")),
        View("segmentation", gettext_lazy("Used for segmentation"), lambda rows: rows.filter(use_for_segmentation=True)),
        View("silent", gettext_lazy("Silent for a day"), lambda rows: rows.filter(
            Q(last_seen_at__lt=timezone.now() - timedelta(days=1)) | Q(last_seen_at=None))),
    )  # fmt: skip
    empty = Empty(
        gettext_lazy("No event types yet"),
        gettext_lazy(
            "A type appears by itself with its first event. Make one by hand to declare its parameters beforehand."
        ),
        "category",
        ((gettext_lazy("Create event type"), "admin:events_eventtype_add", "events.add_eventtype"),),
    )
    readonly_fields = ("observed", "figures", "sample")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        used = EventType.objects.filter(use_for_segmentation=True).count()
        note = _("%(used)s of %(most)s used for segmentation") % {"used": used, "most": MOST_SEGMENTED}
        return super().changelist_view(request, {"subtitle": note} | (extra_context or {}))

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        now = timezone.now()
        hours: dict[int, dict[int, tuple[int, int]]] = {}
        found = TypeHour.objects.filter(
            event_type_id__in=[r.pk for r in rows], hour__gte=now - timedelta(hours=HOURS)
        )
        for type_id, hour, accepted, rejected, aside in found.values_list(
            "event_type_id", "hour", "accepted", "rejected", "quarantined"
        ):
            age = int((now - hour).total_seconds() // 3600)
            hours.setdefault(type_id, {})[age] = (accepted, rejected + aside)
        for row in rows:
            mine = hours.get(row.pk, {})
            row.hourly = [mine.get(age, (0, 0))[0] for age in range(HOURS, -1, -1)]
            row.faults = sum(pair[1] for pair in mine.values())

    @admin.display(description=gettext_lazy("Event type"))
    def type(self, row: Any) -> SafeString:
        return format_html('<span class="ui-strong">{}</span><br><span class="ui-meta">{} · {}</span>', row, row.key,
                           row.get_category_display())  # fmt: skip

    @admin.display(description=gettext_lazy("24 hours"))
    def day(self, row: Any) -> SafeString:
        return format_html(
            '<span class="ui-number">{}</span> {}', number(sum(row.hourly)), sparkline(row.hourly)
        )

    @admin.display(description=gettext_lazy("Last event"))
    def last(self, row: Any) -> SafeString:
        return moment(row.last_seen_at)

    @admin.display(description=gettext_lazy("Errors, 24 h"))
    def errors(self, row: Any) -> str:
        return number(row.faults) if row.faults else "—"

    @admin.display(description=gettext_lazy("Validation"))
    def checking(self, row: Any) -> SafeString:
        return status_pill("validation", row.validation_mode)

    @admin.display(description=gettext_lazy("Segmentation"))
    def segmentation(self, row: Any) -> SafeString:
        return status_pill("switch", "on" if row.use_for_segmentation else "off")

    # The record

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        own = [
            (None, {"fields": ("key", "name", "description", "category")}),
            (
                _("Rules"),
                {"fields": ("use_for_segmentation", "validation_mode", "allow_additional", "retention_days")},
            ),
        ]
        if obj is None:
            return own
        return [*own, (_("What was received"), {"fields": ("figures", "observed", "sample")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        fixed = ("key", "name") if obj.origin == Origin.SYSTEM else ("key",)
        return (*self.readonly_fields, *fixed)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here: stored events hang on a type."""
        return False

    @admin.display(description=gettext_lazy("Figures"))
    def figures(self, row: Any) -> SafeString:
        sums = TypeHour.objects.filter(event_type=row).aggregate(
            a=Sum("accepted"), u=Sum("unmatched"), r=Sum("rejected"), q=Sum("quarantined")
        )
        words = (
            (_("accepted"), sums["a"]), (_("without a contact"), sums["u"]), (_("refused"), sums["r"]),
            (_("set aside"), sums["q"]),
        )  # fmt: skip
        return format_html("{}", " · ".join(f"{label}: {number(count or 0)}" for label, count in words))

    @admin.display(description=gettext_lazy("Observed parameters"))
    def observed(self, row: Any) -> SafeString:
        return tree(row.structure) if row.structure else format_html("{}", "—")

    @admin.display(description=gettext_lazy("Sample"))
    def sample(self, row: Any) -> SafeString:
        names = list(row.structure)[:5] or ["email"]
        values = ", ".join(f'{{"name": "{name}", "value": "…"}}' for name in names)
        text = (
            "curl -u any:KEY -H 'Content-Type: application/json' ADDRESS/api/v2/event \\\n"
            f'  -d \'{{"eventTypeKey": "{row.key}", "params": [{values}]}}\''
        )
        return format_html('<code class="ui-code">{}</code>', text)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.cleaned_data if name != "key"}
        wanted = bool(values.pop("use_for_segmentation", False))
        now = datetime.now(UTC)
        if change:
            edit_event_type(obj.pk, values=values, use_for_segmentation=wanted, now=now)
        else:
            made = create_event_type(
                key=form.cleaned_data["key"], values=values, use_for_segmentation=wanted, now=now
            )
            obj.pk = made.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        bump_version()


def sparkline(values: list[int], *, width: int = 96, height: int = 24) -> SafeString:
    """A line of the values, oldest first, scaled to the largest; hidden from readers, who have the number beside it."""
    most = max(values) or 1
    step = width / max(1, len(values) - 1)
    points = " ".join(
        f"{place * step:.1f},{height - 2 - value / most * (height - 4):.1f}"
        for place, value in enumerate(values)
    )
    return format_html(
        '<svg class="ui-spark" viewBox="0 0 {} {}" aria-hidden="true"><polyline points="{}" fill="none" '
        'stroke="currentColor" stroke-width="1.5"/></svg>',
        width, height, points,
    )  # fmt: skip
