"""What a page says: its visible texts, and the texts of attributes that people see or hear."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

SILENT_TAGS = {"script", "style", "code", "pre", "svg", "template"}
SPOKEN_ATTRIBUTES = ("title", "placeholder", "aria-label", "alt", "data-copied", "data-confirm")
VOID_TAGS = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
}


@dataclass
class Page:
    """`texts`: as a reader sees them, white space folded. `links`: addresses of anchors."""

    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_silent = tag in SILENT_TAGS or "material-symbols-outlined" in given.get("class", "")
        if tag not in VOID_TAGS and (is_silent or self.silent):
            self.silent.append(tag)
        if tag == "a" and "href" in given:
            self.page.links.append(given["href"])
        for name in SPOKEN_ATTRIBUTES:
            self._say(given.get(name, ""))
        if tag == "input" and given.get("type") in ("submit", "button", "reset"):
            self._say(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if self.silent and tag in self.silent:
            while self.silent.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self._say(data)

    def _say(self, text: str) -> None:
        folded = re.sub(r"\s+", " ", text).strip()
        if folded:
            self.page.texts.append(folded)


def read_page(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page
