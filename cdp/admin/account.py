"""Settings of the account."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy

from cdp.models import Account
from cdp.ui.admin import ListAdmin


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
