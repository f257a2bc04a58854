"""Compiles one language of a message, at save: checked Liquid texts that are rendered per recipient."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext as _
from liquid.exceptions import LiquidError

from messaging.rendering import liquid
from messaging.rendering.faults import Fault, RenderError
from messaging.rendering.links import FoundLink, exchange_links
from messaging.rendering.marks import LIQUID, Marked, Restored, line_and_column, protect, restore
from messaging.rendering.mjml import compile_mjml
from messaging.rendering.plain import html_to_text

FORMATS = ("mjml", "html")
KEYS = ("subject", "preheader", "format", "source", "text")
NO_LANGUAGE = 'lang="und"'  # what MJML says where the source names no language
LONGEST_SOURCE = 1_000_000
UNSUBSCRIBES = re.compile(r"\blinks\s*\.\s*(unsubscribe|manage)\b")
BLOCK = re.compile(r"\{%-?\s*(?P<end>end)?(?P<name>\w+)")
BLOCK_TAGS = {"if", "unless", "case", "for", "tablerow", "capture", "comment", "raw", "ifchanged", "doc"}
HIDDEN = "display:none;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all"
PREHEADER = f'{{% if _preheader != "" %}}<div style="{HIDDEN}">{{{{ _preheader }}}}</div>{{% endif %}}'
PIXEL = '{% if _pixel %}<img src="{{ _pixel }}" width="1" height="1" alt="" style="display:block;border:0">{% endif %}'
TRAP = f'{{% if _trap %}}<a href="{{{{ _trap }}}}" style="{HIDDEN}" tabindex="-1" aria-hidden="true"></a>{{% endif %}}'


@dataclass(slots=True)
class Compiled:
    """Liquid texts of one language, the links in them, and where their pieces stand in the author's texts."""

    subject: str = ""
    preheader: str = ""
    html: str = ""
    text: str = ""
    links: list[FoundLink] = field(default_factory=list)
    positions: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject, "preheader": self.preheader, "html": self.html, "text": self.text,
            "positions": self.positions,
        }  # fmt: skip


def compile_language(
    content: Mapping[str, Any], *, language: str, fields: dict[str, str], utm: Mapping[str, str]
) -> tuple[Compiled, list[Fault]]:
    """Compile; with faults the result is incomplete and must not be sent.

    Args:
        content: subject, preheader, format, source, text as the author wrote them.
        fields: short forms (`FIRSTNAME`) and their Liquid paths.
        utm: parameters for tracked links: source, medium, campaign, …
    """
    compiled = Compiled()
    faults = _check_shape(content)
    if not faults:
        for part in ("subject", "preheader"):
            text = " ".join(str(content.get(part) or "").split("\n"))
            found = _syntax_faults(text, part, is_html=False)
            if not found:
                _keep(compiled, part, part, restore_text(text, fields), faults)
            faults += found
        if not compiled.subject.strip() and not faults:
            faults.append(Fault("subject", _("A message needs a subject."), 1, 1))
        try:
            _compile_body(compiled, content, language, fields, utm, faults)
        except RenderError as error:
            faults.append(error.fault)
    return compiled, [Fault(f.part, f.text, f.line, f.column, language) for f in faults]


def restore_text(text: str, fields: dict[str, str]) -> Restored:
    marked = protect(text, fields)
    return restore(marked.text, marked)


def _check_shape(content: Mapping[str, Any]) -> list[Fault]:
    """Unknown keys and wrong values are refused by name."""
    faults = [Fault(str(key), _("This key is unknown.")) for key in content if key not in KEYS]
    faults += [
        Fault(key, _("This must be a text.")) for key in KEYS if not isinstance(content.get(key, ""), str)
    ]
    if not faults and content.get("format", "mjml") not in FORMATS:
        faults.append(Fault("format", _("Use one of mjml, html.")))
    if not faults and len(content.get("source", "")) > LONGEST_SOURCE:
        faults.append(Fault("source", _("The source is longer than 1 MB.")))
    return faults


def _compile_body(
    compiled: Compiled, content: Mapping[str, Any], language: str, fields: dict[str, str], utm: Mapping[str, str],
    faults: list[Fault],
) -> None:  # fmt: skip
    source = str(content.get("source") or "")
    if not source.strip():
        faults.append(Fault("source", _("A message needs content."), 1, 1))
        return
    written = str(content.get("text") or "")
    syntax = _syntax_faults(source, "source", is_html=True) + _syntax_faults(written, "text", is_html=False)
    if syntax:
        faults += syntax
        return
    marked = protect(source, fields)
    is_mjml = content.get("format", "mjml") == "mjml"
    text = (
        compile_mjml(marked, source).replace(NO_LANGUAGE, f'lang="{escape(language)}"')
        if is_mjml
        else marked.text
    )
    text, compiled.links = exchange_links(text, marked, utm=utm)
    with translation.override(language):
        footer = "" if UNSUBSCRIBES.search(source) else _footer(marked)
        plain = restore_text(written, fields) if written.strip() else restore(html_to_text(text), marked)
        if not UNSUBSCRIBES.search(written if written.strip() else source):
            plain = Restored(f"{plain.text}\n{_text_footer()}", plain.positions)
    _keep(compiled, "text", "text" if written.strip() else "source", plain, faults)
    text = _insert(text, before=marked.add(PREHEADER), after=footer + marked.add(TRAP) + marked.add(PIXEL))
    _keep(compiled, "html", "source", restore(text, marked), faults)


def _footer(marked: Marked) -> str:
    words = _("You get this e-mail because you are subscribed.")
    link = marked.add('<a href="{{ links.unsubscribe }}">' + _("Unsubscribe") + "</a>")
    start, end = marked.add("{% if _is_marketing %}"), marked.add("{% endif %}")
    style = "margin:24px auto;max-width:600px;text-align:center;font:12px sans-serif;color:#6b7280"
    return f'{start}<p style="{style}">{words} {link}</p>{end}'


def _text_footer() -> str:
    return "{% if _is_marketing %}-- \n" + _("Unsubscribe") + ": {{ links.unsubscribe }}\n{% endif %}"


def _insert(text: str, *, before: str, after: str) -> str:
    """Put pieces right after `<body>` and right before `</body>`, or around a text that has none."""
    opening = re.search(r"<body\b[^>]*>", text, re.IGNORECASE)
    text = text[: opening.end()] + before + text[opening.end() :] if opening else before + text
    closing = text.lower().rfind("</body>")
    return text[:closing] + after + text[closing:] if closing >= 0 else text + after


def _keep(compiled: Compiled, name: str, part: str, restored: Restored, faults: list[Fault]) -> None:
    """Store a text if it parses and its filters exist."""
    is_html = name == "html"
    found = _syntax_faults(restored.text, part, is_html=is_html, restored=restored)
    if found:
        faults += [fault for fault in found if fault not in faults]
        return
    setattr(compiled, name, restored.text)
    compiled.positions[name] = restored.positions


def _syntax_faults(text: str, part: str, *, is_html: bool, restored: Restored | None = None) -> list[Fault]:
    def place(index: int) -> tuple[int, int]:
        return restored.place(index) if restored else line_and_column(text, index)

    try:
        template = liquid.parse(text, is_html=is_html)
    except LiquidError as error:
        index = liquid.place_of(error)
        if index is None:
            index = _unclosed(text)
        return [Fault(part, str(error.message), *(place(index) if index is not None else (0, 0)))]
    known = template.env.filters
    return [
        Fault(part, _("There is no filter called “%(name)s”.") % {"name": name}, *place(spans[0].index))
        for name, spans in template.analyze(include_partials=False).filters.items()
        if name not in known
    ]


def _unclosed(text: str) -> int | None:
    """Where the innermost block that is never ended begins."""
    stack: list[tuple[str, int]] = []
    for match in LIQUID.finditer(text):
        block = BLOCK.match(match.group())
        if block is None or block.group("name") not in BLOCK_TAGS:
            continue
        if not block.group("end"):
            stack.append((block.group("name"), match.start()))
        elif stack and stack[-1][0] == block.group("name"):
            stack.pop()
    return stack[-1][1] if stack else None
