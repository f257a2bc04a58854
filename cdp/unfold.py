"""Settings of the admin's theme: names, our stylesheet and script, the navigation by subject."""

from typing import Any

from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Customer data platform"),
    "SITE_HEADER": _("Customer data platform"),
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "cdp.ui.assets.icon"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "STYLES": ["cdp.ui.assets.stylesheet"],
    "SCRIPTS": ["cdp.ui.assets.script"],
    "DASHBOARD_CALLBACK": "cdp.ui.home.add_home",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "cdp.ui.navigation.build_navigation",
    },
}
