"""Settings of the admin's theme: names, our stylesheet and script, the navigation by subject."""

from typing import Any

from django.utils.translation import gettext_lazy as _

# Indigo: blue is kept for "in progress". 600 carries white text at 4.5:1 and more, 500 is read on the dark ground.
INDIGO = {
    "50": "oklch(96.2% .018 272.314)",
    "100": "oklch(93% .034 272.788)",
    "200": "oklch(87% .065 274.039)",
    "300": "oklch(78.5% .115 274.713)",
    "400": "oklch(72.5% .135 276.1)",
    "500": "oklch(69.5% .155 276.935)",
    "600": "oklch(51.1% .262 276.966)",
    "700": "oklch(45.7% .24 277.023)",
    "800": "oklch(39.8% .195 277.366)",
    "900": "oklch(35.9% .144 278.697)",
    "950": "oklch(25.7% .09 281.288)",
}

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
    "COLORS": {"primary": INDIGO},
    "DASHBOARD_CALLBACK": "cdp.ui.home.add_home",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "cdp.ui.navigation.build_navigation",
    },
}
