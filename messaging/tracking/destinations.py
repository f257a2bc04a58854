"""Where a click token leads: the link's address, or the one rendered for this recipient. Never anything from the request."""

import threading
from collections import OrderedDict
from urllib.parse import urlsplit

from messaging.models import Delivery, Link
from messaging.rendering.links import is_dynamic
from messaging.rendering.revisions import OCCURRENCE_BITS
from messaging.tracking.tokens import Token

CONTEXT_KEY = (
    "_destinations"  # of `Delivery.context`: click number → address, for links that depend on the recipient
)
MOST_KEPT = 10_000
_kept: OrderedDict[int, str] = OrderedDict()
_lock = threading.Lock()


def link_of(click: int) -> int:
    """The id of the link that a click token's number belongs to; the rest says which of its addresses it was."""
    return click & (1 << OCCURRENCE_BITS) - 1


def find_destination(token: Token) -> str | None:
    """The address to redirect to; None when there is none (any more). At most two queries, mostly none."""
    if not token.link_id:
        return None
    url = _link_url(link_of(token.link_id))
    if url is not None and is_dynamic(url):
        delivery = Delivery.objects.filter(pk=token.delivery_id, cause_month=token.cause_month)
        context = delivery.values_list("context", flat=True).first() or {}
        url = (context.get(CONTEXT_KEY) or {}).get(str(token.link_id))
    return url if url is not None and _is_web(url) else None


def known_destination(token: Token) -> str | None:
    """The same without asking the database; None when it must be asked."""
    with _lock:
        url = _kept.get(link_of(token.link_id or 0))
    return url if url is not None and not is_dynamic(url) and _is_web(url) else None


def forget() -> None:
    """Empty the memory of links."""
    with _lock:
        _kept.clear()


def _link_url(link_id: int) -> str | None:
    """Links never change, so they are kept in memory."""
    with _lock:
        if link_id in _kept:
            _kept.move_to_end(link_id)
            return _kept[link_id]
    url = Link.objects.filter(pk=link_id).values_list("url", flat=True).first()
    if url is not None:
        with _lock:
            _kept[link_id] = url
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
    return url


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
