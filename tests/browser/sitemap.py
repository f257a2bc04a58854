"""Every admin page that links lead to, found by following them."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

from playwright.sync_api import Page

EACH = 2  # pages of one kind: two contacts, two event types
LEAVES = ("/admin/logout/", "/admin/jsi18n/", "/admin/search/")
LINKS = "() => [...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href'))"


def kind_of(address: str) -> str:
    """Pages that differ only in the record, the page or the value of a filter are of one kind; a saved view is its own."""
    parts = urlsplit(address)
    path = re.sub(r"/(\d+|[0-9a-f-]{36})(?=/)", "/N", parts.path)
    asked = dict(parse_qsl(parts.query))
    if list(asked) == ["view"]:
        return f"{path}?{parts.query}"
    return f"{path}?{'&'.join(sorted(asked))}"


def crawl(page: Page, visit: Callable[[str, bool], None], *, start: str = "/admin/") -> list[str]:
    """Visit the pages breadth first, `EACH` of a kind, told whether the path is new, and return their addresses."""
    seen: dict[str, int] = {}
    paths: set[str] = set()
    queue, visited = [start], []
    while queue:
        address = queue.pop(0)
        kind = kind_of(address)
        if address in visited or seen.get(kind, 0) >= EACH:
            continue
        seen[kind] = seen.get(kind, 0) + 1
        visited.append(address)
        path = kind.partition("?")[0]
        visit(address, path not in paths)
        paths.add(path)
        queue += [found for found in _links(page) if found not in visited]
    return visited


def _links(page: Page) -> list[str]:
    here = urlsplit(page.url)
    found = []
    for href in page.evaluate(LINKS):
        target = urlsplit(urldefrag(urljoin(page.url, href)).url)
        inside = target.netloc == here.netloc and target.path.startswith("/admin/")
        if inside and not target.path.startswith(LEAVES):
            found.append(target.path + (f"?{target.query}" if target.query else ""))
    return found
