"""The one admin site of the product."""

from unfold.sites import UnfoldAdminSite


class ProductAdminSite(UnfoldAdminSite):
    """All screens live here; what a user may not see, it does not list."""
