"""Links of a message: found and exchanged for tracked ones once per revision; their destinations and UTM parameters."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from messaging.rendering.marks import LIQUID, MARK, Marked

HREF = re.compile(
    r"(?P<start><(?:a|area)\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*?\shref\s*=\s*)(?P<value>\"[^\"]*\"|'[^']*')(?P<rest>[^>]*>)",
    re.IGNORECASE,
)
OWN_LINKS = re.compile(r"\blinks\s*\.")
UTM_NAMES = ("source", "medium", "campaign", "term", "content")


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link to be tracked; `url` is the destination, Liquid and UTM parameters included."""

    number: int
    url: str

    @property
    def is_dynamic(self) -> bool:
        return is_dynamic(self.url)


def is_dynamic(url: str) -> bool:
    """Whether the destination depends on the recipient."""
    return "{{" in url or "{%" in url


def exchange_links(text: str, marked: Marked, *, utm: Mapping[str, str]) -> tuple[str, list[FoundLink]]:
    """Exchange destinations for `{{ _click[n] }}`; the same destination twice is one link.

    A destination that holds Liquid is rendered in its place, as it may lie in a loop, and handed to the filter `track`.
    Left alone: anchors, mailto and other schemes, links of the product itself, and those with `data-track="off"`.
    """
    numbers: dict[str, int] = {}

    def exchange(match: re.Match[str]) -> str:
        value = match.group("value")[1:-1]
        if 'data-track="off"' in match.group() or not _is_tracked(value, marked):
            return match.group()
        url = MARK.sub(lambda mark: marked.pieces[int(mark.group(1))], html.unescape(value)).strip()
        if not is_dynamic(url):
            url = add_utm(url, utm)
        number = numbers.setdefault(url, len(numbers))
        places = [marked.places[int(mark)] for mark in MARK.findall(value)]
        piece = _rendered_in_place(url, number) if is_dynamic(url) else f"{{{{ _click[{number}] }}}}"
        mark = marked.add(piece, places[0] if places else (0, 0))
        return f'{match.group("start")}"{mark}"{match.group("rest")}'

    exchanged = HREF.sub(exchange, text)
    return exchanged, [FoundLink(number, url) for url, number in numbers.items()]


def _rendered_in_place(url: str, number: int) -> str:
    """`_amp` is an ampersand that HTML escapes, so that unescaping the captured address gives exactly the address."""
    parts = LIQUID.split(url)
    pieces = [*LIQUID.findall(url), ""]
    literals = [part.replace("&", "{{ _amp }}") for part in parts]
    address = "".join(literal + piece for literal, piece in zip(literals, pieces, strict=True))
    return f"{{% capture _url %}}{address}{{% endcapture %}}{{{{ _url | track: {number} }}}}"


def _is_tracked(value: str, marked: Marked) -> bool:
    address = value.strip().lower()
    if address.startswith(("http://", "https://")):
        return not any(OWN_LINKS.search(marked.pieces[int(mark)]) for mark in MARK.findall(value))
    first = MARK.match(address)
    return first is not None and not OWN_LINKS.search(marked.pieces[int(first.group(1))])


def add_utm(url: str, utm: Mapping[str, str]) -> str:
    """The address with UTM parameters it does not have yet."""
    wanted = {f"utm_{name}": utm[name] for name in UTM_NAMES if utm.get(name)}
    if not wanted:
        return url
    parts = urlsplit(url)
    present = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    missing = {name: value for name, value in wanted.items() if name not in present}
    if not missing:
        return url
    query = "&".join(text for text in (parts.query, urlencode(missing)) if text)
    return urlunsplit(parts._replace(query=query))


def check_destination(url: str) -> str:
    """The destination without blanks around it.

    Raises:
        ValueError: it is no http or https address.
    """
    url = url.strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"a link leads to {url[:100]!r}, which is no http or https address")
    return url
