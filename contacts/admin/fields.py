"""Additional fields and their groups: made, changed within what the values allow, indexed, deleted when nobody needs them."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, ListAdmin, Order
from cdp.ui.formatting import number, spoken
from contacts.field_uses import uses_of
from contacts.models import ContactField, FieldGroup, FieldType, IndexState, MergeStrategy
from contacts.services.event_mapping import mapped_field_id
from contacts.services.fields import (
    FieldInUse,
    allowed_types,
    check_field,
    delete_field,
    remove_index,
    save_field,
    start_index,
)
from contacts.services.figures import ALL, FIELD, read_figures

COUNTED = 10_000
FILLED = "SELECT count(*) FROM (SELECT 1 FROM contacts_contact WHERE data ? %s LIMIT %s) f"
FAULTS = {
    "type_change": gettext_lazy("The values kept do not fit this type. Create a new field instead."),
    "no_options": gettext_lazy("Name at least one option, separated by commas."),
    "same_options": gettext_lazy("Two options are the same; case does not tell them apart."),
    "comma": gettext_lazy("An option cannot hold a comma, which separates several of them."),
    "below_least": gettext_lazy("Must not be below the least."),
    "not_a_number": gettext_lazy("Only numbers have a least and a most."),
    "not_a_date": gettext_lazy("Only dates repeat every year."),
    "strategy": gettext_lazy(
        "This does not fit the type: greatest and least are for numbers and dates, sums for numbers, all options for checkboxes."
    ),
}  # fmt: skip


class FieldForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ContactField
        fields = (
            "group", "name", "key", "type", "options", "least", "most", "is_regular", "is_required", "is_readonly",
            "merge_strategy",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = allowed_types(self.instance.type) if self.instance.pk else FieldType.values
        kind = self.fields.get("type")
        if isinstance(kind, forms.ChoiceField):
            kind.choices = [(value, label) for value, label in FieldType.choices if value in kept]
            if self.instance.pk and len(kept) > 1:
                kind.help_text = _("A wider type keeps the values; they are converted in the background.")
        if self.instance.pk and "key" in self.fields:
            self.fields["key"].help_text = _("The former key stays valid in messages.")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        before = ContactField.objects.filter(pk=self.instance.pk).first() if self.instance.pk else None
        names = [name for name in self.Meta.fields if name in found]
        field = ContactField(pk=self.instance.pk, **{name: found[name] for name in names})
        field.options = field.options or []
        field.merge_strategy = field.merge_strategy or MergeStrategy.NEWEST
        for name, code in check_field(field, before).items():
            self.add_error(name if name in self.fields else None, str(FAULTS[code]))
        taken = ContactField.objects.filter(group=found.get("group")).exclude(pk=self.instance.pk)
        if any(found.get("key") in row.former_keys for row in taken.only("former_keys")):
            self.add_error("key", _("Another field of the group had this key; it still means that one."))
        return found


@admin.register(ContactField)
class ContactFieldAdmin(ListAdmin):
    form = FieldForm
    list_display = ("__str__", "type", "variable", "group", "filled", "used_in", "indexed")
    list_filter = ("group", "type")
    search_fields = ("name", "key")
    list_select_related = ("group",)
    orders = (Order("", "", ("id",)),)
    change_form_outer_before_template = "contacts/field_tools.html"

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        uses = uses_of([row.pk for row in rows])
        figures = read_figures("")
        everybody = figures[ALL].value if ALL in figures else 0
        for row in rows:
            row.figure, row.everybody = figures.get(f"{FIELD}{row.pk}"), everybody
            row.uses = uses.get(row.pk, [])

    @admin.display(description=gettext_lazy("Merge variable"))
    def variable(self, row: Any) -> SafeString:
        text = f"%{row.group.key}.{row.key}%"
        return format_html(
            '<code>{}</code> <button type="button" class="ui-link" data-copy="{}" aria-label="{}">'
            '<span class="material-symbols-outlined ui-small" aria-hidden="true">content_copy</span></button>',
            text,
            text,
            _("Copy"),
        )

    @admin.display(description=gettext_lazy("Filled"))
    def filled(self, row: Any) -> SafeString:
        """Of the active contacts, as they were counted last; a door to them."""
        if row.figure is None:
            return format_html('<span class="ui-dim" title="{}">—</span>', _("Not counted yet"))
        share = f" ({round(100 * row.figure.value / row.everybody)} %)" if row.everybody else ""
        return format_html(
            '<a href="{}?filled=field.{}" title="{}">{}{}</a>',
            reverse("admin:contacts_contact_changelist"),
            row.pk,
            spoken(row.figure.counted_at, now=datetime.now(UTC)),
            number(row.figure.value),
            share,
        )

    @admin.display(description=gettext_lazy("Used in"))
    def used_in(self, row: Any) -> SafeString:
        shown = format_html_join(", ", "{} {}", ((use.kind, use.name) for use in row.uses[:3]))
        rest = len(row.uses) - 3
        return format_html("{} +{}", shown, rest) if rest > 0 else shown or format_html("{}", "—")

    @admin.display(description=gettext_lazy("Indexed"))
    def indexed(self, row: Any) -> str:
        return str(row.get_index_state_display()) if row.index_state else "—"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        save_field(obj, actor=request.user.get_username(), now=datetime.now(UTC))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        field = self.get_object(request, object_id)
        context: dict[str, Any] = dict(extra_context or {})
        if field is not None:
            context |= {"contact_field": field, "uses": uses_of([field.pk]).get(field.pk, [])}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view
        own = [path("<int:field_id>/index/", guarded(self.index), name="contacts_contactfield_index")]
        return [*own, *super().get_urls()]

    def index(self, request: HttpRequest, field_id: int) -> HttpResponse:
        """Ask for the field's index, or drop it. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        field = self.get_object(request, str(field_id))
        if field is None:
            raise Http404(f"no field {field_id}")
        if request.POST.get("drop") == "yes" and field.pk == mapped_field_id():
            messages.error(
                request, _("The index stays: events look this field up, by the account's settings.")
            )
        elif request.POST.get("drop") == "yes":
            remove_index(field.pk)
            messages.success(request, _("The index is dropped."))
        elif field.index_state in (IndexState.NONE, IndexState.FAILED):
            start_index(field.pk, actor=request.user.get_username(), now=datetime.now(UTC))
            messages.success(request, _("The index is being built; the product stays usable meanwhile."))
        return HttpResponseRedirect(reverse("admin:contacts_contactfield_change", args=[field.pk]))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """What would be lost and who needs it, before anything is deleted."""
        field = self.get_object(request, object_id)
        if not self.has_delete_permission(request, field):
            raise PermissionDenied
        if field is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        uses = uses_of([field.pk]).get(field.pk, [])
        if request.method == "POST":
            try:
                delete_field(field.pk, actor=request.user.get_username(), now=datetime.now(UTC))
            except FieldInUse as refusal:
                uses = refusal.uses
            else:
                messages.success(request, _("Field deleted. Its values are being wiped from the contacts."))
                return HttpResponseRedirect(reverse("admin:contacts_contactfield_changelist"))
        with connection.cursor() as cursor:
            cursor.execute(FILLED, [str(field.pk), COUNTED])
            filled = cursor.fetchone()[0]
        context = self.admin_site.each_context(request) | {
            "title": _("Delete field"), "opts": self.opts, "contact_field": field, "uses": uses, "filled": filled,
            "is_capped": filled >= COUNTED,
        }  # fmt: skip
        return render(request, "contacts/field_delete.html", context, status=409 if uses else 200)


@admin.register(FieldGroup)
class FieldGroupAdmin(ListAdmin):
    list_display = ("__str__", "key", "size")
    fields = ("name", "key", "position")
    orders = (Order("", "", ("id",)),)
    empty = Empty(
        gettext_lazy("No field groups yet"),
        gettext_lazy("A group holds additional fields; its key is the first part of their merge variables."),
        "folder",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(field_count=Count("fields"))

    @admin.display(description=gettext_lazy("Fields"))
    def size(self, row: Any) -> int:
        return int(row.field_count)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an empty group may go."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not obj.fields.exists())
