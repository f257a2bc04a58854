"""System checks of the configuration; every command that serves or works runs them first."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

CONFIGURATION = (
    "configuration"  # what each process checks; addresses and screens are checked where they are served
)


@register(CONFIGURATION)
def check_secret_key(**_: Any) -> list[CheckMessage]:
    """An installation on a configured database must be given its secret key."""
    if settings.HAS_SECRET_KEY:
        return []
    hint = "Set CDP_SECRET_KEY to a long random text, the same for every process; CDP_DEBUG=1 does without."
    return [Error("CDP_SECRET_KEY is not set, although DATABASE_URL is.", hint=hint, id="cdp.E001")]
