"""The contact list and card."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from cdp.ui.admin import ReadOnlyAdmin
from contacts.models.people import SEARCH_TEXT, Contact

LARGEST_ID = 2**63 - 1


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
        """Exact identifiers first; any other text by trigrams."""
        term = search_term.strip().replace("\0", "")
        if not term:
            return queryset, False
        if term.startswith("extid:"):
            return queryset.filter(external_id=term[6:].strip()), False
        if term.startswith("id:"):
            digits = term[3:].strip()
            known = digits.isascii() and digits.isdigit() and int(digits[:20]) <= LARGEST_ID
            return (queryset.filter(pk=int(digits[:20])) if known else queryset.none()), False
        return queryset.alias(search_text=SEARCH_TEXT).filter(search_text__icontains=term), False
