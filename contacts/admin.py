"""The contact list and card."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from cdp.ui.admin import ReadOnlyAdmin
from contacts.models.people import Contact
from contacts.querysets import ContactQuerySet


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "id", "external_id", "email", "phone", "updated_at")
    list_filter = ("state",)
    search_fields = ("email",)  # shows the box; `get_search_results` decides
    ordering = ("-id",)
    always_hidden = ("email_norm", "provenance", "merged_into")
    hidden_when_empty = ("is_restricted", "location", "orders_info", "data", "deleted_at", "delete_reason")

    def get_exclude(self, request: HttpRequest, obj: Contact | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Leave out what would only say that nothing is there."""
        return self.always_hidden + tuple(
            name for name in self.hidden_when_empty if not getattr(obj, name, None)
        )

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Contact],
        search_term: str,
    ) -> tuple[Any, bool]:
        """Exact identifiers first, each by its index; any other text by trigrams."""
        return cast(ContactQuerySet, queryset).search(search_term), False
