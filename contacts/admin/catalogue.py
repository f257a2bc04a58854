"""Lists, subscription categories, bulk requests."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, ListAdmin, Order, ReadOnlyAdmin
from cdp.ui.formatting import moment, number
from cdp.ui.status import status_pill
from contacts.models import (
    ContactList,
    ImportSession,
    ListMember,
    SubscriptionCategory,
)


@admin.register(ContactList)
class ContactListAdmin(ListAdmin):
    list_display = ("name", "size", "kind", "changed")
    search_fields = ("name",)
    search_help_text = gettext_lazy("name")
    fields = ("name",)
    orders = (Order("", "", ("-id",)),)
    empty = Empty(
        gettext_lazy("No lists yet"),
        gettext_lazy("A list holds the contacts you or the API put on it."),
        "list",
        ((gettext_lazy("Create list"), "admin:contacts_contactlist_add", "contacts.add_contactlist"),),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("category")

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        ids = [row.pk for row in rows]
        counts = ListMember.objects.filter(list_id__in=ids).values_list("list_id").annotate(n=Count("id"))
        found = dict(counts.order_by())
        for row in rows:
            row.members_count = found.get(row.pk, 0)

    @admin.display(description=gettext_lazy("Contacts"))
    def size(self, row: Any) -> SafeString:
        return format_html('<span class="ui-number">{}</span>', number(row.members_count))

    @admin.display(description=gettext_lazy("Kind"))
    def kind(self, row: Any) -> str:
        return _("Subscription category") if hasattr(row, "category") else _("List")

    @admin.display(description=gettext_lazy("Changed"))
    def changed(self, row: Any) -> SafeString:
        return moment(row.updated_at)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The list of a category is renamed with its category."""
        return super().has_change_permission(request, obj) and not hasattr(obj, "category")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not hasattr(obj, "category")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.updated_at = timezone.now()
        obj.created_at = obj.created_at or obj.updated_at
        obj.save()


class CategoryForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = SubscriptionCategory
        fields = ("name", "key")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].required = False
        self.fields["key"].help_text = _("Used by the API. Empty: made from the name.")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not found.get("key"):
            found["key"] = slugify(found.get("name", ""), allow_unicode=True)[:100]
        if SubscriptionCategory.objects.exclude(pk=self.instance.pk).filter(key=found["key"]).exists():
            self.add_error("key", _("Another category has this key."))
        taken = ContactList.objects.filter(name=found.get("name", "")).exclude(category=self.instance.pk)
        if taken.exists():
            self.add_error("name", _("A list has this name already; the category would make one of its own."))
        return found


@admin.register(SubscriptionCategory)
class SubscriptionCategoryAdmin(ListAdmin):
    form = CategoryForm
    list_display = ("name", "key", "size")
    search_fields = ("name", "key")
    search_help_text = gettext_lazy("name or key")
    orders = (Order("", "", ("-id",)),)
    empty = Empty(
        gettext_lazy("No subscription categories yet"),
        gettext_lazy("A category is a subject people subscribe to, such as news or sales. It owns a list of its name."),
        "rule",
        ((gettext_lazy("Create category"), "admin:contacts_subscriptioncategory_add", "contacts.add_subscriptioncategory"),),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(members_count=Count("list__members"))

    @admin.display(description=gettext_lazy("Contacts"))
    def size(self, row: Any) -> str:
        return number(row.members_count)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        now = timezone.now()
        if not change:
            obj.created_at = now
            obj.list = ContactList.objects.create(name=obj.name, created_at=now, updated_at=now)
        else:
            ContactList.objects.filter(pk=obj.list_id).update(name=obj.name, updated_at=now)
        obj.updated_at = now
        obj.save()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """The list goes with its category; the contacts stay."""
        owned = obj.list
        obj.delete()
        owned.delete()


OUTCOMES = {
    "created": gettext_lazy("created"),
    "failed": gettext_lazy("failed"),
    "restored": gettext_lazy("restored"),
    "skipped": gettext_lazy("skipped"),
    "unchanged": gettext_lazy("unchanged"),
    "updated": gettext_lazy("updated"),
}


@admin.register(ImportSession)
class ImportSessionAdmin(ReadOnlyAdmin):
    list_display = ("reference", "status", "progress", "result", "asked_by", "created")
    fields = ("reference", "status", "asked_by", "progress", "result", "fault", "created", "moved")
    orders = (Order("", "", ("-created_at", "-id")),)
    empty = Empty(
        gettext_lazy("No bulk requests yet"),
        gettext_lazy("Requests to add or update many contacts (POST contacts) are listed here for 30 days."),
        "upload",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("request", "mapping")

    @admin.display(description=gettext_lazy("Request"))
    def reference(self, row: Any) -> str:
        return str(row.pk)

    @admin.display(description=gettext_lazy("API key"))
    def asked_by(self, row: Any) -> str:
        return str(row.actor) or "—"

    @admin.display(description=gettext_lazy("Error"))
    def fault(self, row: Any) -> str:
        return str(row.description) or "—"

    @admin.display(description=gettext_lazy("State since"))
    def moved(self, row: Any) -> SafeString:
        return moment(row.state_at)

    @admin.display(description=gettext_lazy("State"))
    def status(self, row: Any) -> SafeString:
        return status_pill("import", row.state)

    @admin.display(description=gettext_lazy("Done"))
    def progress(self, row: Any) -> str:
        return number(row.done)

    @admin.display(description=gettext_lazy("Result"))
    def result(self, row: Any) -> str:
        parts = ((OUTCOMES.get(name, name), count) for name, count in sorted(row.counts.items()))
        return ", ".join(f"{word}: {number(count)}" for word, count in parts) or "—"

    @admin.display(description=gettext_lazy("Received"))
    def created(self, row: Any) -> SafeString:
        return moment(row.created_at)
