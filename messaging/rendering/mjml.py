"""MJML to HTML: tags checked with their place, then compiled by mrml. No includes: nothing is read from disk or net."""

import re

import mrml

from messaging.rendering.faults import Fault, RenderError
from messaging.rendering.marks import MARK, Marked, line_and_column

HEAD = {
    "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-font", "mj-html-attributes", "mj-selector",
    "mj-html-attribute", "mj-preview", "mj-style", "mj-title", "mj-raw", "mj-head",
}  # fmt: skip
CONTENT = {
    "mj-text", "mj-button", "mj-table", "mj-raw", "mj-accordion-title", "mj-accordion-text", "mj-navbar-link",
    "mj-social-element", "mj-style", "mj-title", "mj-preview",
}  # fmt: skip
STRUCTURE = {"mjml", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"}
OTHER = {
    "mj-accordion", "mj-accordion-element", "mj-carousel", "mj-carousel-image", "mj-divider", "mj-image", "mj-navbar",
    "mj-social", "mj-spacer",
}  # fmt: skip
KNOWN = HEAD | CONTENT | STRUCTURE | OTHER
TOKEN = re.compile(
    r"<!--.*?-->|<(?P<close>/?)(?P<name>mj[\w-]*)(?P<rest>(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*)>|<(?P<broken>/?mj[\w-]*)",
    re.DOTALL,
)


def compile_mjml(marked: Marked, source: str) -> str:
    """The HTML, marks included. No font is fetched from elsewhere unless the source names one by mj-font.

    Raises:
        RenderError: an unknown, unclosed or misplaced tag, or what mrml refuses; with its line and column.
    """
    text = _checked(marked, source)
    try:
        return str(mrml.to_html(text, render_options=mrml.RenderOptions(fonts={})).content)
    except OSError as error:
        raise RenderError(Fault("source", f"MJML: {error}".replace(" in root template", ""))) from error


def _checked(marked: Marked, source: str) -> str:
    """The text with directives between structural tags wrapped in mj-raw; its tags are known and closed in order."""
    if stray := re.search(r"<(?![a-zA-Z/!?])", marked.text):
        place = _place(marked, source, stray.start())
        raise RenderError(Fault("source", "a < that begins no tag is written &lt;", *place))
    stack: list[tuple[str, tuple[int, int]]] = []
    parts: list[str] = []
    end = 0
    for match in TOKEN.finditer(marked.text):
        if match.group("name") is None and match.group("broken") is None:
            continue  # a comment
        parts.append(_wrapped(marked.text[end : match.start()], stack))
        parts.append(match.group())
        end = match.end()
        place = _place(marked, source, match.start())
        if match.group("broken"):
            raise RenderError(Fault("source", f"<{match.group('broken')} is not closed by >", *place))
        _push_or_pop(stack, match, place)
    if stack:
        name, place = stack[-1]
        raise RenderError(Fault("source", f"<{name}> is never closed", *place))
    if not parts or not re.match(r"\s*(<!--.*?-->\s*)*<mjml\b", marked.text, re.DOTALL):
        raise RenderError(Fault("source", "MJML begins with <mjml>", 1, 1))
    parts.append(marked.text[end:])
    return "".join(parts)


def _push_or_pop(
    stack: list[tuple[str, tuple[int, int]]], match: re.Match[str], place: tuple[int, int]
) -> None:
    name = match.group("name")
    if name == "mj-include":
        raise RenderError(Fault("source", "<mj-include> is not allowed: nothing is read from files", *place))
    if name not in KNOWN and name != "mjml":
        raise RenderError(Fault("source", f"<{name}> is no MJML tag", *place))
    if match.group("close"):
        if not stack or stack[-1][0] != name:
            expected = f", <{stack[-1][0]}> is open" if stack else ""
            raise RenderError(Fault("source", f"</{name}> closes nothing{expected}", *place))
        stack.pop()
    elif not match.group("rest").rstrip().endswith("/"):
        stack.append((name, place))


def _wrapped(text: str, stack: list[tuple[str, tuple[int, int]]]) -> str:
    """Between structural tags mrml drops text; inside mj-raw it keeps it."""
    if stack and stack[-1][0] in STRUCTURE - {"mjml"}:
        return MARK.sub(lambda match: f"<mj-raw>{match.group()}</mj-raw>", text)
    return text


def _place(marked: Marked, source: str, index: int) -> tuple[int, int]:
    """The author's place of an index of the marked text: marks are exchanged back to count what stood before."""
    before = MARK.sub(lambda match: marked.originals[int(match.group(1))], marked.text[:index])
    return line_and_column(source, min(len(before), len(source)))
