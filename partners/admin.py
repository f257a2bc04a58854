"""API keys: made here with their secret shown once, switched on and off."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, ListAdmin, Order, View
from cdp.ui.formatting import moment
from cdp.ui.status import status_pill
from partners.models import ApiKey, Right
from partners.services import create_api_key, switch_api_key

EXPOSES = {
    Right.FULL: gettext_lazy("everything, contacts and their deletion included"),
    Right.EVENTS: gettext_lazy("send events; no contact can be read"),
    Right.EVENTS_CONTACTS: gettext_lazy("send events, read and change contacts and segments"),
    Right.EVENTS_CONTACTS_WRITE: gettext_lazy("send events, add and change contacts; none can be read"),
    Right.MESSAGES: gettext_lazy("send messages and read their state"),
}


class KeyForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("Who or what uses it.")
    )
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, widget=forms.Textarea({"rows": 2})
    )
    rights = forms.MultipleChoiceField(
        label=gettext_lazy("Rights"),
        choices=[(right.value, right.label) for right in Right],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one right.")},
    )

    def choices(self) -> list[dict[str, Any]]:
        chosen = self.data.getlist("rights") if hasattr(self.data, "getlist") else []
        return [
            {
                "value": right.value,
                "label": right.label,
                "exposes": EXPOSES[right],
                "is_chosen": right.value in chosen,
            }
            for right in Right
        ]


@admin.register(ApiKey)
class ApiKeyAdmin(ListAdmin):
    list_display = ("key", "opens", "state", "used", "made")
    search_fields = ("name",)
    search_help_text = gettext_lazy("name")
    orders = (Order("", "", ("-id",)),)
    views = (
        View("", gettext_lazy("All")),
        View("on", gettext_lazy("On"), lambda rows: rows.filter(is_enabled=True)),
        View("off", gettext_lazy("Off"), lambda rows: rows.filter(is_enabled=False)),
    )
    empty = Empty(
        gettext_lazy("No API keys yet"),
        gettext_lazy("A key lets your shop, site or application send events and contacts."),
        "key",
        ((gettext_lazy("Create key"), "admin:partners_apikey_add", "partners.add_apikey"),),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("created_by")

    @admin.display(description=gettext_lazy("Key"))
    def key(self, row: Any) -> SafeString:
        return format_html(
            '<span class="ui-strong">{}</span><br><span class="ui-meta">…{}</span>',
            row.name,
            row.last_characters,
        )

    @admin.display(description=gettext_lazy("Rights"))
    def opens(self, row: Any) -> str:
        return ", ".join(str(Right(right).label) for right in row.rights if right in Right.values)

    @admin.display(description=gettext_lazy("State"))
    def state(self, row: Any) -> SafeString:
        return status_pill("switch", "on" if row.is_enabled else "off")

    @admin.display(description=gettext_lazy("Last used"))
    def used(self, row: Any) -> SafeString:
        return moment(row.last_used_at)

    @admin.display(description=gettext_lazy("Created"))
    def made(self, row: Any) -> SafeString:
        who = f" · {row.created_by}" if row.created_by else ""
        return format_html("{}{}", moment(row.created_at), who)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are switched off: their name stands in the history of what they did."""
        return False

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [path("<int:key_id>/switch/", wrap(self.switch), name="partners_apikey_switch")]
        return [*own, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Make a key; its secret is in this reply and nowhere else."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.POST or None)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "form": form,
            "title": _("Create API key"),
        }
        if request.method == "POST" and form.is_valid():
            key, secret = create_api_key(
                name=form.cleaned_data["name"], rights=form.cleaned_data["rights"], now=datetime.now(UTC),
                created_by=request.user, description=form.cleaned_data["description"],
            )  # fmt: skip
            address = request.build_absolute_uri("/api/v1/account/info")
            context |= {"title": _("Key created"), "key": key, "secret": secret, "address": address}
            reply = render(request, "partners/key_made.html", context)
            reply["Cache-Control"] = "no-store"
            return reply
        return render(request, "partners/key_form.html", context, status=400 if form.errors else 200)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts, "row": row, "title": row.name, "may_change": self.has_change_permission(request, row),
            "rights": [{"label": Right(r).label, "exposes": EXPOSES[Right(r)]} for r in row.rights if r in Right.values],
        }  # fmt: skip
        return render(request, "partners/key.html", context)

    def switch(self, request: HttpRequest, key_id: int) -> HttpResponse:
        """Switch a key on or off. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        is_on = request.POST.get("to") == "on"
        switch_api_key(key_id, is_enabled=is_on)
        messages.success(
            request, _("The key is on.") if is_on else _("The key is off; requests with it are refused now.")
        )
        return HttpResponseRedirect(reverse("admin:partners_apikey_change", args=[key_id]))
