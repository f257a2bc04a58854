"""HTML of messages in the admin: only inside a sandboxed frame, under a policy of its own, scripts off."""

import re

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from messaging.models import Sender
from messaging.rendering.revisions import Rendered

BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
POLICY = "sandbox; default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; font-src https:"


def inbox_line(sender: Sender | None, rendered: Rendered) -> str:
    """Who, subject and preheader, as a list of letters shows them; styled apart from the letter's own rules."""
    return render_to_string("messaging/preview_inbox.html", {"sender": sender, "rendered": rendered})


def framed(html: str, *, inbox: str = "") -> HttpResponse:
    """The HTML as a page that can do nothing but be looked at; `inbox` stands above the letter."""
    opening = BODY.search(html)
    place = opening.end() if opening else 0
    reply = HttpResponse(html[:place] + inbox + html[place:])
    reply["Content-Security-Policy"] = POLICY
    reply["Cache-Control"] = "no-store"
    reply["Referrer-Policy"] = "no-referrer"
    return reply


def framed_note(template: str, context: dict[str, object]) -> HttpResponse:
    """A page of ours in place of the mail: what is wrong with it."""
    reply = render(None, template, context)  # type: ignore[arg-type]
    reply["Content-Security-Policy"] = POLICY
    reply["Cache-Control"] = "no-store"
    return reply
