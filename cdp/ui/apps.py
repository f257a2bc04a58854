"""Makes our site the default one, so that `admin.register` puts screens on it.

The screens are found with the addresses that lead to them (cdp.urls) and where they are checked: workers and the clock, which
serve none, start without them.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class ProductAdminConfig(SimpleAdminConfig):
    default_site = "cdp.ui.site.ProductAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_screens, checks.Tags.admin)


def check_screens(app_configs: Any, **rest: Any) -> list[checks.CheckMessage]:
    """Django's check of the screens, which would find none before an address is asked for."""
    admin.autodiscover()
    return check_admin_app(app_configs, **rest)  # type: ignore[no-any-return]
