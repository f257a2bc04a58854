"""What every page must keep: no error of any kind, nothing unfinished on it, nothing beside it, readable by everybody."""

import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Response

UNFINISHED = re.compile(r"\bNone\b(?!: \w)|\bundefined\b|\bNaN\b|\{\{|\[object|object \(\d+\)")
WIDTHS = (1280, 768)
THEMES = ("light", "dark")
ALIKE = {
    "exclude": [["#result_list tbody:nth-of-type(n+4)"], ["details.ui-entry:nth-of-type(n+4)"]]
}  # further rows of a list
AXE = Axe()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
LAYOUT = ["target-size", "scrollable-region-focusable", "button-name", "link-name", "label", "heading-order"]
OPTIONS = {"resultTypes": ["violations"], "preload": False, "iframes": False}
RUN_AXE = "([context, options]) => axe.run(context, options).then((results) => results.violations)"

# A name that is too wide, and by how much: elements that scroll by themselves are none.
TOO_WIDE = """() => {
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (over <= 0) return "";
  const right = document.documentElement.clientWidth;
  const guilty = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > right + 1);
  const last = guilty[guilty.length - 1];
  return `${over} px too wide: ${last ? last.tagName + "." + last.className : "?"}`;
}"""


class Watch:
    """Listens to a page. `faults` holds what went wrong since the last `take`."""

    def __init__(self, page: Page, *, expected: tuple[int, ...] = ()) -> None:
        self.page = page
        self.faults: list[str] = []
        self.expected = expected  # states of replies that a test asks for
        page.on("console", lambda message: self._said(message))
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)

    def _said(self, message: Any) -> None:
        is_expected = any(f"status of {state}" in message.text for state in self.expected)
        if message.type in ("error", "warning") and not is_expected:
            self.faults.append(f"console {message.type}: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.faults.append(f"{response.status} {response.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # left by going to the next page
            self.faults.append(f"{request.failure} {request.url}")

    def take(self) -> list[str]:
        found, self.faults = self.faults, []
        return found


def judge(page: Page) -> list[str]:
    """What is wrong with the page: all the rules when wide and light, the colours again when dark, the layout when narrow.

    A theme changes nothing but colours, and a width nothing but the layout, so the other combinations would say the same again.
    """
    if page.evaluate("typeof Alpine") == "undefined":
        return [f"outside the frame: {page.inner_text('body')[:200]!r}"]
    wide, narrow = WIDTHS
    show(page, width=wide, theme="light")
    found = look(page) + read_aloud(page)
    show(page, width=wide, theme="dark")
    found += [f"dark: {fault}" for fault in read_aloud(page, rules=COLOURS)]
    show(page, width=narrow, theme="light")
    return found + [
        f"at {narrow}: {fault}" for fault in look(page) + read_aloud(page, rules=LAYOUT) if fault not in found
    ]


def look(page: Page) -> list[str]:
    """What is wrong with a page as it stands."""
    found = []
    text = page.inner_text("body")
    if unfinished := UNFINISHED.search(text):
        around = text[max(0, unfinished.start() - 40) : unfinished.end() + 40]
        found.append(f"unfinished text: {around!r}")
    if wide := page.evaluate(TOO_WIDE):
        found.append(wide)
    return found


def read_aloud(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """Violations of the accessibility rules, each with the elements that break it."""
    settle(page)
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.axe_script)
    violations = page.evaluate(RUN_AXE, [ALIKE, OPTIONS | {"runOnly": rules or RULES}])
    return [
        f"axe {v['id']}: {v['help']}: "
        + "; ".join(_node(node) for node in v["nodes"][:3])
        + f" ({len(v['nodes'])})"
        for v in violations
    ]


def _node(node: dict[str, Any]) -> str:
    why = " ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
    return f"{node['html'][:160]} [{why[:160]}]"


def settle(page: Page) -> None:
    """Wait for the theme's script and the last transition, so that colours are the final ones."""
    page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
    page.evaluate("() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => null)))")


def show(page: Page, *, width: int, theme: str) -> None:
    """Take a width, and the theme as its switch in the user's menu does."""
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
    page.evaluate("theme => Alpine.$data(document.documentElement).switchTheme(theme)", theme)
    page.wait_for_function(f"document.documentElement.classList.contains('{theme}')")
