"""Addresses of our stylesheet, icon and built script, as the theme asks for them."""

from django.http import HttpRequest
from django.templatetags.static import static
from django_vite.core.asset_loader import DjangoViteAssetLoader
from django_vite.core.exceptions import DjangoViteAssetNotFoundError, DjangoViteManifestError


def stylesheet(request: HttpRequest) -> str:  # noqa: ARG001 - the theme passes it
    return static("ui/ui.css")


def icon(request: HttpRequest) -> str:  # noqa: ARG001
    return static("ui/icon.svg")


def script(request: HttpRequest) -> str:  # noqa: ARG001
    """The built front end; where nobody ran the build the pages do without copy buttons and live parts."""
    try:
        return str(DjangoViteAssetLoader.instance().generate_vite_asset_url("src/admin.ts"))
    except (DjangoViteAssetNotFoundError, DjangoViteManifestError):
        return static("ui/none.js")
