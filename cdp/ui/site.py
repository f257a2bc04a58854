"""The one admin site of the product."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views import defaults
from unfold.sites import UnfoldAdminSite

from cdp.ui.jobs import tray
from cdp.ui.navigation import active_entry, entries_of

MOST_ROLES = 20


class ProductAdminSite(UnfoldAdminSite):
    """All screens live here; what a user may not see, it does not list."""

    def get_urls(self) -> list[Any]:
        return [path("jobs/tray/", self.admin_view(tray), name="jobs_tray"), *super().get_urls()]

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """An app has no page of its own: its address leads to its first list, else home."""
        prefix = f"{reverse('admin:index')}{app_label}/"
        mine = [
            reverse(entry.url) for entry in entries_of(request.user) if reverse(entry.url).startswith(prefix)
        ]
        return HttpResponseRedirect(mine[0] if mine else reverse("admin:index"))


def is_in_frame(request: HttpRequest) -> bool:
    """Whether an error is told inside the admin's frame: on its addresses, to who may see the frame."""
    user: Any = getattr(request, "user", None)
    return bool(
        request.path_info.startswith(reverse("admin:index")) and user and user.is_active and user.is_staff
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: which right is missing and which roles have it. A view names its right: `PermissionDenied("app.codename")`."""
    if not is_in_frame(request):
        return defaults.permission_denied(request, exception)
    found = _missing_right(request, exception)
    context = {
        "title": _("No permission"), "right": found,
        "roles": list(Group.objects.filter(permissions=found).order_by("name")[:MOST_ROLES]) if found else [],
    }  # fmt: skip
    return _in_frame(request, "ui/forbidden.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing is at this address any more, or never was."""
    if not is_in_frame(request):
        return defaults.page_not_found(request, exception)
    return _in_frame(request, "ui/not_found.html", {"title": _("Not found")}, status=404)


def _in_frame(request: HttpRequest, template: str, context: dict[str, Any], *, status: int) -> HttpResponse:
    return render(request, template, admin.site.each_context(request) | context, status=status)


def _missing_right(request: HttpRequest, exception: Exception) -> Permission | None:
    """The right that the view names, else the one that opens the screen; None when the colleague has it or none is known."""
    entry = active_entry(request)
    named = str(exception.args[0]) if exception.args else entry.permission if entry else ""
    user: Any = request.user
    if user.has_perm(named):
        return None
    app, _dot, codename = named.partition(".")
    return Permission.objects.filter(content_type__app_label=app, codename=codename).first()
