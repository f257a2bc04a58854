"""The same routes as Django views, for WSGI hosts and the pages: `messaging.tracking.app` serves pixels and clicks faster."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import check_for_language
from django.views.decorators.csrf import csrf_exempt

from messaging.bounces.proofs import Received, WebhookRefusedError
from messaging.models import UnsubscribeReason
from messaging.services.hits import truncated
from messaging.services.notices import keep_webhook
from messaging.services.unsubscribing import (
    Act,
    choose,
    find_delivery,
    languages_of,
    preferences_of,
    resubscribe,
    unsubscribe,
)
from messaging.services.viewing import render_sent
from messaging.tracking.destinations import find_destination
from messaging.tracking.hits import NewHit, read_address, read_hit, store_hits, wants_no_tracking
from messaging.tracking.replies import GIF, NO_STORE, account_context
from messaging.tracking.tokens import Token, TokenKind, base, read_token

log = structlog.get_logger(__name__)

LONGEST_COMMENT = 1_000
LONGEST_AGENT = 200
LARGEST_WEBHOOK = 10_000_000
READING = ("GET", "HEAD")
SANDBOX = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; default-src 'none'; "
    "img-src https: http: data:; style-src 'unsafe-inline' https:; font-src https: data:; form-action 'none'"
)


def open_pixel(request: HttpRequest, token: str) -> HttpResponse:
    """The pixel of a delivery."""
    if request.method not in READING:
        return HttpResponseNotAllowed(READING)
    found = read_token(token, TokenKind.OPEN)
    if found is None:
        return not_found(request)
    if not wants_no_tracking(headers_of(request)):
        store_hits([hit_of(request, found)])
    return sealed(HttpResponse(GIF, content_type="image/gif"))


def click(request: HttpRequest, token: str) -> HttpResponse:
    """On to where the link leads; nothing in the request decides where that is."""
    if request.method not in READING:
        return HttpResponseNotAllowed(READING)
    found = read_token(token, TokenKind.CLICK)
    if found is None:
        return not_found(request)
    url = find_destination(found)
    store_hits([hit_of(request, found, url or "")])
    if url is None:
        return not_found(request)
    response = HttpResponse(status=302, headers={"Location": url, "Referrer-Policy": "no-referrer"})
    return sealed(response)


@csrf_exempt
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """The contact's choices. GET shows, POST changes; the token is the whole authority, so a session adds nothing.

    `List-Unsubscribe=One-Click` (RFC 8058) unsubscribes at once and answers 200 also to a token that is not ours; 503 says
    that nothing was done and the sender should try again.
    """
    if request.method not in (*READING, "POST"):
        return HttpResponseNotAllowed((*READING, "POST"))
    found = read_token(token, TokenKind.UNSUBSCRIBE)
    now = datetime.now(UTC)
    try:
        if request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click":
            return one_click(request, found, now)
        if found is None:
            return not_found(request)
        if request.method == "POST":
            return changed(request, found, now)
        store_hits([hit_of(request, found)])
        return page(request, found, "preferences")
    except (DatabaseError, InterfaceError) as error:
        log.error("unsubscribe_database_away", error=type(error).__name__)
        return sealed(render(request, "messaging/public/unavailable.html", status=503))


def view_message(request: HttpRequest, token: str) -> HttpResponse:
    """The message in the browser. Its HTML is the author's: it runs in a sandbox without scripts, forms or our cookies."""
    if request.method not in READING:
        return HttpResponseNotAllowed(READING)
    found = read_token(token, TokenKind.VIEW)
    delivery = find_delivery(found) if found else None
    text = render_sent(delivery, now=datetime.now(UTC)) if delivery else None
    if found is None or text is None:
        return not_found(request)
    store_hits([hit_of(request, found)])
    response = sealed(HttpResponse(text))
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


@csrf_exempt
def webhook(request: HttpRequest, connection_id: int, secret: str) -> HttpResponse:
    """A provider tells what became of mail: stored as it came, answered at once, worked by an engine."""
    if request.method in READING:
        return HttpResponse()  # some providers look whether the address exists
    if request.method != "POST":
        return HttpResponseNotAllowed(("POST", *READING))
    body = request.body
    if len(body) > LARGEST_WEBHOOK:
        return HttpResponse(status=413)
    received = Received(body, headers_of(request), f"{base()}{request.path}")
    try:
        keep_webhook(connection_id, secret, received, now=datetime.now(UTC))
    except WebhookRefusedError as refusal:
        answer = HttpResponse(f"{refusal}\n", status=refusal.status, content_type="text/plain; charset=utf-8")
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = 'Basic realm="webhook"'
        return answer
    except (DatabaseError, InterfaceError) as error:
        log.error("webhook_database_away", error=type(error).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def one_click(request: HttpRequest, token: Token | None, now: datetime) -> HttpResponse:
    if token is not None:
        unsubscribe(token, act_of(request, "one_click"), now=now)
    return sealed(HttpResponse("", content_type="text/plain"))


def changed(request: HttpRequest, token: Token, now: datetime) -> HttpResponse:
    """What the page's buttons do."""
    action, act = request.POST.get("action", ""), act_of(request, "page")
    if action == "unsubscribe":
        unsubscribe(token, act, now=now)
        return page(request, token, "done")
    if action == "resubscribe":
        resubscribe(token, act, now=now)
    elif action == "choose":
        choose(token, request.POST.getlist("category"), act, now=now)
    else:
        return sealed(HttpResponse(status=400))
    return page(request, token, "preferences", is_saved=True)


def page(request: HttpRequest, token: Token, name: str, *, is_saved: bool = False) -> HttpResponse:
    """The page in the language of the message; 404 when the delivery or its contact is gone."""
    delivery = find_delivery(token)
    known = preferences_of(delivery) if delivery else None
    if delivery is None or known is None:
        return not_found(request)
    context = account_context() | {
        "preferences": known, "address": delivery.endpoint, "reasons": UnsubscribeReason.choices, "saved": is_saved,
    }  # fmt: skip
    with translation.override(language_for(languages_of(known, delivery))):
        return sealed(render(request, f"messaging/public/{name}.html", context))


def language_for(wanted: Any) -> str:
    """The first language that the pages have; the installation's otherwise."""
    for tag in wanted:
        for name in (tag.lower(), tag.lower().partition("-")[0]):
            if check_for_language(name) and name in dict(settings.LANGUAGES):
                return str(name)
    return settings.LANGUAGE_CODE


def not_found(request: HttpRequest) -> HttpResponse:
    return sealed(render(request, "messaging/public/not_found.html", account_context(), status=404))


def sealed(response: HttpResponse) -> HttpResponse:
    """Never stored, indexed or framed by others."""
    for name, value in NO_STORE:
        response.headers[name.decode()] = value.decode()
    response.headers["Content-Security-Policy"] += "; form-action 'self'"
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response


def headers_of(request: HttpRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def hit_of(request: HttpRequest, token: Token, url: str = "") -> NewHit:
    return read_hit(
        token, headers_of(request), method=str(request.method), address=request.META.get("REMOTE_ADDR"),
        now=datetime.now(UTC), url=url,
    )  # fmt: skip


def act_of(request: HttpRequest, way: str) -> Act:
    """What the record keeps of a request: reason, comment, network and program."""
    reason = request.POST.get("reason", "")
    headers = headers_of(request)
    address = read_address(headers.get("x-forwarded-for", ""), request.META.get("REMOTE_ADDR"))
    return Act(
        way,
        reason=reason if reason in UnsubscribeReason.values else "",
        comment=request.POST.get("comment", "").replace("\0", "").strip()[:LONGEST_COMMENT],
        network=truncated(address) if address else "",
        agent=headers.get("user-agent", "").replace("\0", "")[:LONGEST_AGENT],
    )
