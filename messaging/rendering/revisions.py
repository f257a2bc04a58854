"""Revisions ready to render: parsed once, kept in memory, rendered per recipient."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from liquid.exceptions import LiquidError

from cdp.models import Account
from messaging.models import Link, MessageRevision
from messaging.rendering import liquid
from messaging.rendering.faults import Fault, RenderError
from messaging.rendering.links import add_utm, check_destination, is_dynamic
from messaging.rendering.marks import place_in
from messaging.rendering.values import OwnLinks, Recipient, values_of
from messaging.tracking import tokens

MOST_KEPT = 64
PARTS = ("subject", "preheader", "html", "text")
OCCURRENCE_BITS = (
    32  # a click token's link number: the link's id, and which of its addresses, above these bits
)
MOST_OCCURRENCES = 255


@dataclass(frozen=True, slots=True)
class PreparedLink:
    link_id: int
    url: str
    is_dynamic: bool


@dataclass(slots=True)
class PreparedText:
    """One language of a revision."""

    language: str
    templates: dict[str, liquid.Template]
    positions: dict[str, list[tuple[int, int, int]]]
    links: list[PreparedLink]


@dataclass(slots=True)
class Prepared:
    """A revision with what of its message matters when rendering."""

    revision_id: int
    message_id: int
    message_name: str
    default_language: str
    tracks_opens: bool
    tracks_clicks: bool
    utm: Mapping[str, str]
    currency: str
    texts: dict[str, PreparedText] = field(default_factory=dict)

    def choose_language(self, *wanted: str | None) -> str:
        """The language to send in: exact tag, then same primary language, for each wish in turn; then the default."""
        for wish in wanted:
            if wish and (found := match_language(wish, self.texts)):
                return found
        return self.default_language if self.default_language in self.texts else next(iter(self.texts))


@dataclass(slots=True)
class Rendered:
    """What one recipient gets; `preheader` is in the HTML, too.

    `destinations`: click number → address, for links that depend on the recipient.
    """

    subject: str
    preheader: str
    html: str
    text: str
    unsubscribe_url: str
    destinations: dict[str, str]


def match_language(wish: str, languages: Mapping[str, Any]) -> str | None:
    """`uk-UA` matches `uk-UA`, then `uk`, then any `uk-…`."""
    if wish in languages:
        return wish
    primary = wish.replace("_", "-").split("-")[0].lower()
    if primary in languages:
        return primary
    return next((name for name in languages if name.split("-")[0].lower() == primary), None)


def utm_of(message: Any, account: Account) -> dict[str, str]:
    """UTM parameters of a message's links: the account's name, the channel, the message's name; its own win."""
    own = message.utm or {}
    if own.get("off"):
        return {}
    usual = {"source": account.organisation_name, "medium": message.channel, "campaign": message.name}
    return usual | {name: str(value) for name, value in own.items()}


_kept: OrderedDict[int, Prepared] = OrderedDict()
_lock = threading.Lock()


def prepare_revision(revision_id: int) -> Prepared:
    """The revision ready to render; at most `MOST_KEPT` are kept.

    Raises:
        MessageRevision.DoesNotExist: it was deleted.
    """
    with _lock:
        if revision_id in _kept:
            _kept.move_to_end(revision_id)
            return _kept[revision_id]
    prepared = _prepare(MessageRevision.objects.select_related("message").get(pk=revision_id))
    with _lock:
        _kept[revision_id] = prepared
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return prepared


def forget_revisions() -> None:
    """Empty the cache: a message's switches are read with its revision."""
    with _lock:
        _kept.clear()


def _prepare(revision: MessageRevision) -> Prepared:
    links: dict[str, list[PreparedLink]] = {}
    for link in Link.objects.filter(revision=revision).order_by("language", "number"):
        links.setdefault(link.language, []).append(PreparedLink(link.pk, link.url, is_dynamic(link.url)))
    return prepare(revision.message, revision.pk, revision.compiled, links)


def prepare(
    message: Any, revision_id: int, compiled: Mapping[str, Any], links: Mapping[str, list[PreparedLink]]
) -> Prepared:
    """A revision, saved or not, ready to render."""
    account = Account.objects.get(pk=1)
    prepared = Prepared(
        revision_id=revision_id, message_id=message.pk or 0, message_name=message.name,
        default_language=message.default_language, tracks_opens=message.tracks_opens,
        tracks_clicks=message.tracks_clicks, utm=utm_of(message, account), currency=account.currency,
    )  # fmt: skip
    for language, texts in compiled.items():
        prepared.texts[language] = PreparedText(
            language=language,
            templates={part: liquid.parse(texts[part], is_html=part == "html") for part in PARTS},
            positions={
                part: [(place[0], place[1], place[2]) for place in places]
                for part, places in texts["positions"].items()
            },
            links=links.get(language, []),
        )
    return prepared


def render(prepared: Prepared, recipient: Recipient, extra: Mapping[str, Any], *, now: datetime) -> Rendered:
    """Render for one recipient.

    Args:
        extra: `sender`, `message`, `campaign` as templates read them.

    Raises:
        RenderError: with its place.
        Aborted: the template says that this recipient gets nothing.
    """
    text = prepared.texts[recipient.language]
    tracker = _Tracker(prepared, text, recipient)
    links = _own_links(recipient)
    values = {**values_of(recipient, links=links, now=now), **extra}
    options = {
        "language": recipient.language, "time_zone": recipient.time_zone, "currency": prepared.currency, "now": now,
        "track": tracker.track,
    }  # fmt: skip
    subject = " ".join(_render(text, "subject", values, options).split())
    if not subject:
        raise RenderError(Fault("subject", "the subject is empty", 1, 1, text.language))
    preheader = _render(text, "preheader", values, options)
    values |= {
        "_preheader": preheader,
        "_click": tracker.addresses(),
        "_amp": "&",
        "_is_marketing": not recipient.is_transactional,
        "_pixel": tokens.open_url(recipient.delivery_id, recipient.cause_month)
        if prepared.tracks_opens and recipient.delivery_id
        else None,
        "_trap": tokens.click_url(recipient.delivery_id, recipient.cause_month, tokens.TRAP_LINK)
        if prepared.tracks_clicks and recipient.delivery_id
        else None,
    }
    return Rendered(
        subject=subject,
        preheader=" ".join(preheader.split()),
        html=_render(text, "html", values, options),
        text=_render(text, "text", values, options),
        unsubscribe_url=links["unsubscribe"],
        destinations=tracker.destinations,
    )


def _render(text: PreparedText, part: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    try:
        return text.templates[part].render_for(values, **options)
    except LiquidError as error:
        index = liquid.place_of(error)
        place = (0, 0) if index is None else place_in(text.positions.get(part, []), index)
        shown = "source" if part == "html" else part
        raise RenderError(Fault(shown, str(error.message), *place, text.language)) from error
    except (ArithmeticError, TypeError, ValueError, KeyError, RecursionError, MemoryError) as error:
        shown = "source" if part == "html" else part
        fault = Fault(shown, f"{type(error).__name__}: {error}", 0, 0, text.language)
        raise RenderError(fault) from error


def _own_links(recipient: Recipient) -> OwnLinks:
    delivery, month = recipient.delivery_id, recipient.cause_month
    if not delivery:
        nowhere = f"{tokens.base()}/"
        return OwnLinks(dict.fromkeys(("unsubscribe", "manage", "view", "confirm"), lambda: nowhere))
    return OwnLinks(
        {
            "unsubscribe": lambda: tokens.unsubscribe_url(delivery, month),
            "manage": lambda: tokens.unsubscribe_url(delivery, month),
            "view": lambda: tokens.view_url(delivery, month),
        }
    )


class _Tracker:
    """Tracked addresses of one recipient's links; without tracking, or in a preview, the destinations themselves."""

    def __init__(self, prepared: Prepared, text: PreparedText, recipient: Recipient) -> None:
        self.prepared = prepared
        self.links = text.links
        self.delivery_id: int = recipient.delivery_id
        self.cause_month: date = recipient.cause_month
        self.is_on = prepared.tracks_clicks and bool(recipient.delivery_id)
        self.destinations: dict[str, str] = {}
        self._numbers: dict[tuple[int, str], int] = {}

    def addresses(self) -> list[str]:
        if not self.is_on:
            return [link.url for link in self.links]
        return [
            "" if link.is_dynamic else tokens.click_url(self.delivery_id, self.cause_month, link.link_id)
            for link in self.links
        ]

    def track(self, number: int, url: str) -> str:
        """The address to put in the mail for a rendered destination.

        Raises:
            ValueError: it is no http or https address, or one link has too many destinations.
        """
        destination = add_utm(check_destination(url), self.prepared.utm)
        if not self.is_on:
            return destination
        link = self.links[number]
        known = [key for key in self._numbers if key[0] == number]
        if (number, destination) not in self._numbers:
            if len(known) >= MOST_OCCURRENCES:
                raise ValueError(f"a link has more than {MOST_OCCURRENCES} destinations")
            self._numbers[(number, destination)] = len(known)
        occurrence = self._numbers[(number, destination)]
        click = link.link_id | occurrence << OCCURRENCE_BITS
        self.destinations[str(click)] = destination
        return tokens.click_url(self.delivery_id, self.cause_month, click)
