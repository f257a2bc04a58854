"""The page behind "Send a test" of the contact card: choose a message, and send it to this contact."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from contacts.models import Contact, ContactState
from messaging.models import Message, MessageState
from messaging.services.previews import TestRefused, send_test_to_contact

SEND_TEST = "messaging.send_test"
MOST_CHOICES = 500


def test_page(card: Any, request: HttpRequest, contact_id: int) -> HttpResponse:
    """`card` is the admin of contacts, which draws the frame. GET asks, POST sends."""
    user: Any = request.user
    if not user.has_perm(SEND_TEST):
        raise PermissionDenied(SEND_TEST)
    contact = card.contact_of(request, contact_id)
    fault, chosen = "", request.POST.get("message", "")
    ready = Message.objects.filter(state=MessageState.READY, revision__isnull=False)
    if request.method == "POST" and contact.state in (ContactState.ACTIVE, ContactState.DELETED):
        known = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
        message = ready.select_related("revision").filter(pk=int(chosen)).first() if known else None
        if message is None:
            fault = _("Choose one of the messages.")
        else:
            fault = _send(request, contact, message)
            if not fault:
                address = reverse("admin:contacts_contact_activity", args=[contact.pk])
                return HttpResponseRedirect(f"{address}?kind=messages")
    choices = list(ready.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES])

    def read(_contact: Contact) -> dict[str, Any]:
        return {"choices": choices, "chosen": chosen, "fault": fault}

    answer: HttpResponse = card.render_tab(
        request, contact_id, "test", "messaging/contact_test.html", read, status=400 if fault else 200
    )
    return answer


def _send(request: HttpRequest, contact: Contact, message: Message) -> str:
    """Why it was not sent; empty when it is on its way."""
    user: Any = request.user
    try:
        send_test_to_contact(
            message=message, contact_id=contact.pk, actor=user.get_username(), now=datetime.now(UTC)
        )
    except TestRefused as error:
        return _("Not sent: %(reason)s") % {"reason": error}
    messages.success(request, _("The test is on its way."))
    return ""
