"""The text part, made from HTML once per revision; marks of Liquid stay where they were."""

import re
from html.parser import HTMLParser

from messaging.rendering.marks import MARK

SKIPPED = {"head", "style", "script", "title", "noscript", "template"}
BLOCKS = {
    "p",
    "div",
    "table",
    "tr",
    "ul",
    "ol",
    "section",
    "article",
    "header",
    "footer",
    "blockquote",
    "pre",
    "hr",
}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
VOID = {"br", "hr", "img", "meta", "link", "input", "area", "base", "col", "wbr"}
HIDDEN = re.compile(r"display\s*:\s*none|mso-hide", re.IGNORECASE)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.skipping: list[str] = []
        self.links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if self.skipping:
            if tag not in VOID:
                self.skipping.append(tag)
            return
        if tag in SKIPPED or HIDDEN.search(values.get("style") or ""):
            if tag not in VOID:
                self.skipping.append(tag)
            return
        if tag == "br" or tag in BLOCKS:
            self.parts.append("\n")
        elif tag in HEADINGS:
            self.parts.append("\n\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "img" and values.get("alt"):
            self.parts.append(f"{values['alt']}")
        elif tag == "a":
            self.links.append((values.get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        if self.skipping:
            while self.skipping and self.skipping.pop() != tag:
                pass
            return
        if tag in BLOCKS | HEADINGS:
            self.parts.append("\n")
        elif tag == "a" and self.links:
            address, start = self.links.pop()
            shown = "".join(self.parts[start:]).strip()
            if address and not address.startswith("#") and address != shown:
                self.parts.append(f" ({address})" if shown else address)

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.parts.append(re.sub(r"[ \t\r\n\xa0\u200c\ufeff]+", " ", data))

    def handle_comment(self, data: str) -> None:
        """A comment that is nothing but a directive keeps it: branches in the HTML are branches in the text."""
        if not self.skipping and MARK.fullmatch(data.strip()):
            self.parts.append(data.strip())


def html_to_text(html: str) -> str:
    """Readable plain text: blocks on own lines, links as `text (address)`, hidden parts left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r" {2,}", " ", line).strip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
