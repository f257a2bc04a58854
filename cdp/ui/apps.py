"""Makes our site the default one, so that `admin.register` puts screens on it."""

from django.contrib.admin.apps import AdminConfig


class ProductAdminConfig(AdminConfig):
    default_site = "cdp.ui.site.ProductAdminSite"
