"""Checks of this app's settings at the start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from cdp.checks import CONFIGURATION
from messaging.services.connections import read_email_url


@register(CONFIGURATION)
def email_url_is_readable(app_configs: Any, **_: Any) -> list[CheckMessage]:  # noqa: ARG001
    """A bad EMAIL_URL stops the start instead of the first message."""
    if not settings.EMAIL_URL:
        return []
    try:
        read_email_url(settings.EMAIL_URL)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="messaging.E001")]
    return []
