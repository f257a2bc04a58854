"""Settings of the account."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from cdp import event_mapping
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


class SecureURLField(forms.URLField):
    """An address typed without its scheme is one of https."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(assume_scheme="https", **kwargs)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Account
        fields = (
            "time_zone",
            "blocked_identifiers",
            "event_mapping_field",
        )  # of these something is said here; the screen names them all
        widgets = {"time_zone": ZoneWidget}
        field_classes = {"website": SecureURLField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "blocked_identifiers" in self.fields:
            self.fields["blocked_identifiers"].widget.attrs["rows"] = 3
        if "event_mapping_field" in self.fields:
            choices = [("", "—"), *event_mapping.choices()]
            model_field = Account._meta.get_field("event_mapping_field")
            self.fields["event_mapping_field"] = forms.ChoiceField(
                choices=choices, required=False, widget=UnfoldAdminSelectWidget, label=model_field.verbose_name,
                help_text=model_field.help_text,
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        names = ("event_mapping_param", "event_mapping_field")
        if all(name in self.fields for name in names):
            missing = [name for name in names if not found.get(name) and name not in self.errors]
            if len(missing) == 1 and not self.errors.keys() & set(names):
                self.add_error(missing[0], _("Name both the parameter and the field it holds, or neither."))
        return found


@admin.register(Account)
class AccountAdmin(ListAdmin):
    form = AccountForm
    list_display = ("organisation_name", "time_zone", "language", "currency")
    fieldsets = (
        (None, {"fields": ("organisation_name", "website", "user_email", "shows_first_steps")}),
        (
            gettext_lazy("Region"),
            {"fields": ("time_zone", "language", "currency", "default_region", "phone_countries")},
        ),
        (
            gettext_lazy("Events"),
            {"fields": ("event_retention_days", "event_mapping_param", "event_mapping_field")},
        ),
        (gettext_lazy("Identity"), {"fields": ("blocked_identifiers", "merges_by_email")}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """There is one account: straight to it."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:cdp_account_change", args=[1]))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look sees the name of the mapped field instead of what is kept."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return [
            (title, {"fields": tuple("mapped_field" if name == "event_mapping_field" else name for name in one["fields"])})
            for title, one in self.fieldsets
        ]  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if self.has_change_permission(request, obj) else ("mapped_field",)

    @admin.display(description=gettext_lazy("contact field it holds"))
    def mapped_field(self, obj: Account) -> str:
        return str(dict(event_mapping.choices()).get(obj.event_mapping_field, obj.event_mapping_field or "—"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        hide = path(
            "hide-first-steps/", self.admin_site.admin_view(self.hide_first_steps), name="hide_first_steps"
        )
        return [hide, *super().get_urls()]

    @method_decorator(require_POST)
    def hide_first_steps(self, request: HttpRequest) -> HttpResponse:
        """Take the checklist off everybody's home page; the account's form brings it back."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        account = Account.objects.get(pk=1)
        account.shows_first_steps = False
        save_account(account, now=timezone.now())
        return HttpResponseRedirect(reverse("admin:index"))

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        save_account(obj, now=timezone.now())
