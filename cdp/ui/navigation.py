"""The navigation by subject: apps register their entries in `AppConfig.ready()`; what a user may not open is not shown."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

GROUPS: tuple[tuple[str, Any], ...] = (
    ("audience", _("Audience")),
    ("activity", _("Activity")),
    ("automation", _("Automation")),
    ("messages", _("Messages")),
    ("onsite", _("On-site")),
    ("analytics", _("Analytics")),
    ("settings", _("Settings")),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One item. `url` is a name to reverse; `covers`: prefixes of the address below which the entry is lit."""

    group: str
    title: Any
    icon: str
    url: str
    permission: str
    order: int = 0
    covers: tuple[str, ...] = ()

    def is_active(self, request: HttpRequest) -> bool:
        prefixes = self.covers or (reverse(self.url),)
        return any(request.path.startswith(prefix) for prefix in prefixes)


entries: list[Entry] = []


def register_entry(entry: Entry) -> None:
    """Add an entry once. Raises: ValueError: the group is unknown."""
    if entry.group not in dict(GROUPS):
        raise ValueError(f"navigation has no group {entry.group!r}")
    if all(known.url != entry.url for known in entries):
        entries.append(entry)


def build_navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The tree the theme draws, for this user."""
    home = {"title": pgettext_lazy("page", "Home"), "icon": "home", "link": reverse("admin:index")}
    home["active"] = request.path == home["link"]
    found: list[dict[str, Any]] = [{"items": [home]}]
    for key, title in GROUPS:
        mine = [e for e in entries if e.group == key and request.user.has_perm(e.permission)]
        items = [
            {"title": e.title, "icon": e.icon, "link": reverse(e.url), "active": e.is_active(request)}
            for e in sorted(mine, key=lambda entry: entry.order)
        ]
        if items:
            found.append({"title": title, "items": items})
    return found
