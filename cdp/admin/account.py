"""Settings of the account."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from cdp.models import Account
from cdp.services import save_account
from cdp.ui.admin import ListAdmin


class ZoneWidget(UnfoldAdminTextInputWidget):  # type: ignore[misc]
    """A text that proposes the zones there are; the model says whether it is one."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        drawn = super().render(name, value, {**(attrs or {}), "list": "zones"}, renderer)
        zones = format_html_join(
            "", '<option value="{}"></option>', ((zone,) for zone in sorted(available_timezones()))
        )
        return format_html('{}<datalist id="zones">{}</datalist>', drawn, zones)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Account
        fields = (
            "time_zone",
            "blocked_identifiers",
        )  # of these something is said here; the screen names them all
        widgets = {"time_zone": ZoneWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "blocked_identifiers" in self.fields:
            self.fields["blocked_identifiers"].widget.attrs["rows"] = 3


@admin.register(Account)
class AccountAdmin(ListAdmin):
    form = AccountForm
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

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        save_account(obj, now=timezone.now())
