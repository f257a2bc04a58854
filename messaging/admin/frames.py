"""HTML of messages in the admin: only inside a sandboxed frame, under a policy of its own, scripts off."""

from django.http import HttpResponse
from django.shortcuts import render

POLICY = "sandbox; default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; font-src https:"


def framed(html: str) -> HttpResponse:
    """The HTML as a page that can do nothing but be looked at."""
    reply = HttpResponse(html)
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
