"""Makes our site the default one, so that `admin.register` puts screens on it.

The screens are found with the addresses that lead to them (cdp.urls): workers, the clock and most commands, which serve none,
start without them.
"""

from django.contrib.admin.apps import SimpleAdminConfig


class ProductAdminConfig(SimpleAdminConfig):
    default_site = "cdp.ui.site.ProductAdminSite"
