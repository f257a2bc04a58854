"""Settings of the admin's theme: the names of the product and the navigation by subject."""

from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _may(permission: str) -> Any:
    return lambda request: request.user.has_perm(permission)


def _entry(title: Any, icon: str, model: str) -> dict[str, Any]:
    app, name = model.split(".")
    link = reverse_lazy(f"admin:{app}_{name}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": _may(f"{app}.view_{name}")}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Customer data platform"),
    "SITE_HEADER": _("Customer data platform"),
    "SITE_SYMBOL": "hub",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"items": [{"title": _("Home"), "icon": "home", "link": reverse_lazy("admin:index")}]},
            {"title": _("Audience"), "items": [_entry(_("Contacts"), "person", "contacts.contact")]},
            {"title": _("Activity"), "items": [_entry(_("Event types"), "category", "events.eventtype")]},
            {
                "title": _("Settings"),
                "items": [
                    _entry(_("General"), "settings", "cdp.account"),
                    _entry(_("API keys"), "key", "partners.apikey"),
                    _entry(_("Health"), "monitor_heart", "cdp.enginestate"),
                ],
            },
        ],
    },
}
