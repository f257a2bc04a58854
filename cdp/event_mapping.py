"""Which contact field the account's own event parameter holds: three that every contact has, and what apps add.

An app registers its source in `AppConfig.ready()`; it is asked when the settings are shown and checked.
"""

from collections.abc import Callable, Iterable

from django.utils.translation import gettext_lazy as _

Choice = tuple[str, object]  # what `Account.event_mapping_field` keeps, and its name for people

FIXED: tuple[Choice, ...] = (("external_id", _("External ID")), ("email", _("E-mail")), ("phone", _("Phone")))
_sources: list[Callable[[], Iterable[Choice]]] = []


def register(source: Callable[[], Iterable[Choice]]) -> None:
    _sources.append(source)


def choices() -> list[Choice]:
    """Everything that may be chosen now."""
    return [*FIXED, *(choice for source in _sources for choice in source())]
