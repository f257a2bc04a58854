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
    """One item. `url` is a name to reverse; `covers`: further addresses (lazy ones too) below which it is lit; `key`: the
    letter that goes there after `g`; `also`: rights that it takes beside `permission`."""

    group: str
    title: Any
    icon: str
    url: str
    permission: str
    order: int = 0
    covers: tuple[Any, ...] = ()
    key: str = ""
    also: tuple[str, ...] = ()

    def match(self, path: str) -> int:
        """How many characters of the address this entry stands for; 0 when it is another's."""
        prefixes = (reverse(self.url), *map(str, self.covers))
        return max((len(prefix) for prefix in prefixes if path.startswith(prefix)), default=0)


entries: list[Entry] = []


def register_entry(entry: Entry) -> None:
    """Add an entry once. Raises: ValueError: the group is unknown."""
    if entry.group not in dict(GROUPS):
        raise ValueError(f"navigation has no group {entry.group!r}")
    if all(known.url != entry.url for known in entries):
        entries.append(entry)


def entries_of(user: Any) -> list[Entry]:
    """What the user may open, in the order of the tree."""
    places = [key for key, _title in GROUPS]
    mine = [entry for entry in entries if user.has_perms((entry.permission, *entry.also))]
    return sorted(mine, key=lambda entry: (places.index(entry.group), entry.order))


def active_entry(request: HttpRequest) -> Entry | None:
    """The entry the address belongs to: the one that names most of it."""
    found = max(entries, key=lambda entry: entry.match(request.path), default=None)
    return found if found is not None and found.match(request.path) else None


def build_navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The tree the theme draws, for this user."""
    home = {
        "title": pgettext_lazy("page", "Home"),
        "icon": "home",
        "link": reverse("admin:index"),
        "key": "h",
    }
    home["active"] = request.path == home["link"]
    found: list[dict[str, Any]] = [{"items": [home]}]
    mine, current = entries_of(request.user), active_entry(request)
    for key, title in GROUPS:
        items = [
            {
                "title": entry.title, "icon": entry.icon, "link": reverse(entry.url), "active": entry is current,
                "key": entry.key,
            }
            for entry in mine
            if entry.group == key
        ]  # fmt: skip
        if items:
            found.append({"title": title, "items": items})
    return found


@dataclass(frozen=True, slots=True)
class Crumb:
    title: Any
    link: str = ""


def crumbs(request: HttpRequest, *, title: Any, record: Any = None) -> list[Crumb]:
    """The way to a page: group, screen, and the record or the page's own title below it."""
    entry = active_entry(request)
    if entry is None:
        return [Crumb(title)]
    link = reverse(entry.url)
    way = [Crumb(dict(GROUPS)[entry.group]), Crumb(entry.title, link)]
    last = str(record or title or "")
    is_own = request.path == link or last.casefold() == str(entry.title).casefold()
    return way if is_own or not last else [*way, Crumb(last)]
