"""System checks of what contacts need; `manage.py doctor` shows them."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from cdp.checks import CONFIGURATION
from contacts.geo import BadGeoFileError, GeoFile


@register(CONFIGURATION)
def check_geo_file(**_: Any) -> list[CheckMessage]:
    """A file that is configured must be one that locations can be read from."""
    if not settings.CDP_GEO_FILE:
        return []
    try:
        GeoFile(settings.CDP_GEO_FILE)
    except BadGeoFileError as error:
        hint = "Name a .mmdb file of cities or countries, or leave CDP_GEO_FILE empty."
        return [Error(f"CDP_GEO_FILE: {error}", hint=hint, id="contacts.E001")]
    return []
