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
    exclude = ("email_norm", "provenance", "merged_into")

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Contact],
        search_term: str,
    ) -> tuple[Any, bool]:
        """Exact identifiers first, each by its index; any other text by trigrams."""
        return cast(ContactQuerySet, queryset).search(search_term), False
