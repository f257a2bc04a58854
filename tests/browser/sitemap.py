"""Every admin page that links lead to, found by following them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

from playwright.sync_api import Page

EACH = 3  # pages of one kind: contacts, or campaigns in their states
ASKED = 3  # further pages of one path: filtered, ordered, paged
START = "/admin/"
LEAVES = ("/admin/logout/", "/admin/jsi18n/", "/admin/search/")
ONLY_REMEMBERED = {"_changelist_filters", "_to_field"}  # where to go back to: the page looks the same
LINKS = "() => [...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href'))"


def path_of(address: str) -> str:
    """The path with N for each record: what is alike for two contacts."""
    return re.sub(r"/(\d+(\.eml)?|[0-9a-f-]{36})(?=/)", "/N", urlsplit(address).path)


def kind_of(address: str) -> str:
    """Pages that differ only in the record, the page or the value of a filter are of one kind; a saved view is its own."""
    asked = dict(parse_qsl(urlsplit(address).query))
    names = sorted(asked.keys() - ONLY_REMEMBERED)
    if names == ["view"]:
        return f"{path_of(address)}?view={asked['view']}"
    return f"{path_of(address)}?{'&'.join(names)}"


def crawl(page: Page, visit: Callable[[str, bool], None], *, is_quick: bool = False) -> list[str]:
    """Visit the pages breadth first and return their addresses; `visit` is told whether the path is new.

    Of a path with a record `EACH` are visited, the last of a list among them, and each saved view of a list; of its filters,
    orders and pages `ASKED` together.
    Quickly: neither views nor filters.
    """
    seen: Counter[str] = Counter()
    queue, visited, queued = [START], [], {START}
    while queue:
        address = queue.pop(0)
        kind, path = kind_of(address), path_of(address)
        is_first = not any(name == path or name.startswith(f"{path}?") for name in seen)
        names = kind.partition("?")[2]
        if names and is_quick and not is_first:
            continue
        if names and not names.startswith("view=") and not is_first:
            if seen[kind] or seen[f"{path} asked"] >= ASKED:
                continue
            seen[f"{path} asked"] += 1
        elif seen[kind] >= EACH:
            continue
        seen[kind] += 1
        visited.append(address)
        visit(address, is_first)
        new = spread(found for found in _links(page) if found not in queued)
        queue += new
        queued.update(new)
    return visited


def spread(links: Iterable[str]) -> list[str]:
    """The links of a page, by kind, the last of each first: old records are visited beside new ones."""
    kinds: dict[str, list[str]] = {}
    for link in links:
        kinds.setdefault(kind_of(link), []).append(link)
    for found in kinds.values():
        found.insert(0, found.pop())
    return [link for found in kinds.values() for link in found]


def _links(page: Page) -> list[str]:
    here = urlsplit(page.url)
    found = {}
    for href in page.evaluate(LINKS):
        target = urlsplit(urldefrag(urljoin(page.url, href)).url)
        inside = target.netloc == here.netloc and target.path.startswith("/admin/")
        if inside and not target.path.startswith(LEAVES):
            found[target.path + (f"?{target.query}" if target.query else "")] = None
    return list(found)
