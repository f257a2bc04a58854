"""A walk through every page that a colleague's navigation and its pages lead to, told as it goes."""

import os
import time
from collections.abc import Callable, Iterable

from playwright.sync_api import Page

from tests.browser.sitemap import crawl, path_of
from tests.browser.watch import Watch, judge, look

IS_QUICK = os.environ.get("CDP_CRAWL") == "quick"  # for `.ci/run`: no views, no filters, nothing read aloud


def paths_in(text: str) -> set[str]:
    lines = [line.split() for line in text.strip().splitlines()]
    return {f"/admin/{head.rstrip(':')}{tail.lstrip('/')}" for head, *tails in lines for tail in tails}


def walk(page: Page, tell: Callable[[Iterable[str]], None], *, aloud: bool) -> tuple[set[str], list[str]]:
    """Visit all; return the paths seen (N for each record) and the faults. Aloud: each new path is read aloud too."""
    watch = Watch(page)
    faults: list[str] = []
    reached: set[str] = set()  # pages that an address leads on to, such as the only account's

    def visit(address: str, is_first: bool) -> None:
        page.goto(address)
        reached.add(path_of(page.url))
        found = judge(page) if aloud and is_first and not IS_QUICK else look(page)
        new = [f"{address}: {fault}" for fault in [*found, *watch.take()]]
        tell(new)
        faults.extend(new)

    began = time.monotonic()
    tell([""])
    visited = crawl(page, visit, is_quick=IS_QUICK)
    tell([f"{len(visited)} pages in {time.monotonic() - began:.0f} s, {len(faults)} faults"])
    return reached | {path_of(address) for address in visited}, faults
