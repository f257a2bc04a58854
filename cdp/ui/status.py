"""One registry of states: each has a tone, an icon and a word, drawn alike everywhere."""

from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Status:
    """`tone`: grey (nothing going on), blue (in progress), green (good), orange (look), red (failed or forbidden)."""

    tone: str
    word: Any
    icon: str = ""


ICONS = {"grey": "○", "blue": "◔", "green": "✓", "orange": "!", "red": "✕"}
registry: dict[str, dict[str, Status]] = {}


def register_status(kind: str, states: dict[str, Status]) -> None:
    registry.setdefault(kind, {}).update(states)


def status_pill(kind: str, value: Any) -> SafeString:
    """The state as a pill; a state nobody registered is shown in grey by its own name."""
    found = registry.get(kind, {}).get(str(value)) or Status("grey", str(value))
    icon = found.icon or ICONS[found.tone]
    return format_html(
        '<span class="ui-pill is-{}"><span aria-hidden="true">{}</span> {}</span>',
        found.tone,
        icon,
        found.word,
    )


register_status(
    "engine",
    {
        "healthy": Status("green", _("Healthy")),
        "late": Status("orange", _("Late")),
        "failing": Status("red", _("With errors")),
        "silent": Status("orange", _("No news")),
        "never": Status("grey", _("Never ran")),
    },
)
register_status(
    "switch",
    {"on": Status("green", _("On")), "off": Status("grey", _("Off"))},
)
