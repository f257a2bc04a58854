"""The page behind "Launch workflow" of the contact card: choose a workflow, and launch it for this contact."""

import json
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from contacts.models import AuditAction, Contact, ContactState
from contacts.services import audit
from workflows.admin.actions import LAUNCH, LONGEST_PARAMS, told
from workflows.models import Workflow, WorkflowStatus
from workflows.services.launching import launch_for_contact
from workflows.services.operating import NotPossible

MOST_CHOICES = 500
CLOSED = (WorkflowStatus.STOPPING, WorkflowStatus.ARCHIVED, WorkflowStatus.PAUSED)


def launch_page(card: Any, request: HttpRequest, contact_id: int) -> HttpResponse:
    """`card` is the admin of contacts, which draws the frame. GET asks, POST launches."""
    user: Any = request.user
    if not user.has_perm(LAUNCH):
        raise PermissionDenied(LAUNCH)
    contact = card.contact_of(request, contact_id)
    usable = Workflow.objects.exclude(version=None).exclude(status__in=CLOSED)
    chosen, params = request.POST.get("workflow", ""), request.POST.get("params", "")
    fault = ""
    if request.method == "POST" and contact.state in (ContactState.ACTIVE, ContactState.DELETED):
        fault = _launch(request, contact, usable, chosen, params)
        if not fault:
            return HttpResponseRedirect(reverse("admin:workflows_workflow_contact", args=[contact.pk]))
    choices = list(usable.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES])

    def read(_contact: Contact) -> dict[str, Any]:
        return {
            "choices": choices, "chosen": chosen, "params": params[:LONGEST_PARAMS], "fault": fault,
            "longest": LONGEST_PARAMS,
        }  # fmt: skip

    answer: HttpResponse = card.render_tab(
        request, contact_id, "launch", "workflows/contact_launch.html", read, status=400 if fault else 200
    )
    return answer


def _launch(request: HttpRequest, contact: Contact, usable: Any, chosen: str, text: str) -> str:
    """Why it was not launched; empty when it was."""
    known = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
    row = usable.filter(pk=int(chosen)).first() if known else None
    if row is None:
        return _("Choose one of the workflows.")
    if contact.state != ContactState.ACTIVE:
        return _("The contact is deleted. Restore it first.")
    params = _read_params(text)
    if params is None:
        return _("The parameters are no JSON object, or too long.")
    user: Any = request.user
    now, actor = datetime.now(UTC), user.get_username()
    try:
        with transaction.atomic():
            started = launch_for_contact(row.pk, contact.pk, params=params, now=now)
            if started.run_ids:
                details = {"workflow": row.pk, "name": row.name}
                audit.keep([(contact.pk, details)], action=AuditAction.LAUNCHED, actor=actor, now=now)
    except NotPossible as error:
        return _("Not done: %(why)s.") % {"why": error}
    done, sentence = told(started, _("Launch started."))
    if not done:
        return sentence
    messages.success(request, sentence)
    return ""


def _read_params(text: str) -> dict[str, Any] | None:
    """Event parameters as JSON; None when they are no object, hold NUL, or are too long."""
    if len(text) > LONGEST_PARAMS or "\0" in text or "\\u0000" in text:
        return None
    try:
        found = json.loads(text, parse_constant=_refuse) if text.strip() else {}
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
