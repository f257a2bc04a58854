"""What the buttons of the card do. Each names its rights and is kept in the audit; those that cannot be undone ask first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import AuditAction, Contact, ContactList, ContactState, SubscriptionCategory
from contacts.services import addresses, audit, lifecycle
from contacts.services.lists import add_to_list, ensure_lists, remove_from_list

SEE_PERSONAL = "contacts.view_personal_data"
CHANGE, DELETE, BLACKLIST = (
    "contacts.change_contact",
    "contacts.delete_contact",
    "contacts.blacklist_address",
)
LONGEST_REASON = 500

Done = tuple[bool, str]
Do = Callable[[HttpRequest, Contact, str, datetime], Done]


@dataclass(frozen=True, slots=True)
class Action:
    """One button.

    Attributes:
        ask: the sentence of the confirming page; empty when the action can be undone.
        takes_reason: that page has a field for it.
        states: of the contact, in which it can be done.
    """

    permissions: tuple[str, ...]
    do: Do
    ask: Any = ""
    verb: Any = ""
    takes_reason: bool = False
    states: tuple[str, ...] = (ContactState.ACTIVE,)


def _delete(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:  # noqa: ARG001
    count = lifecycle.delete_contacts([contact.pk], now=now, actor=actor)
    return bool(count), _("Contact deleted. It can be restored.")


def _restore(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:  # noqa: ARG001
    return bool(lifecycle.restore_contacts([contact.pk], now=now, actor=actor)), _("Contact restored.")


def _erase(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:  # noqa: ARG001
    return bool(lifecycle.erase_contacts([contact.pk], now=now, actor=actor)), _("Contact erased for good.")


@transaction.atomic
def _add_to_list(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:
    name = request.POST.get("name", "").strip().replace("\0", "")
    if not name or len(name) > 255:
        return False, _("Name the list, with at most 255 characters.")
    if SubscriptionCategory.objects.filter(list__name=name).exists():
        return False, _("%(name)s is a subscription category: only the person can subscribe to it.") % {
            "name": name
        }
    number = ensure_lists([name], now=now)[name]
    if not add_to_list(number, [contact.pk], now=now, actor=actor):
        return False, _("The contact is on the list %(name)s already.") % {"name": name}
    audit.keep(
        [(contact.pk, {"list": number, "name": name})], action=AuditAction.LISTED, actor=actor, now=now
    )
    return True, _("Added to the list %(name)s.") % {"name": name}


@transaction.atomic
def _leave_list(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:
    number = request.POST.get("list", "")
    known = number.isascii() and number.isdigit() and len(number) < 10
    found = ContactList.objects.filter(pk=int(number)).first() if known else None
    if found is None:
        return False, _("The list is gone.")
    if not remove_from_list(found.pk, [contact.pk], now=now, actor=actor):
        return False, _("The contact is not on the list %(name)s any more.") % {"name": found.name}
    details = {"list": found.pk, "name": found.name}
    audit.keep([(contact.pk, details)], action=AuditAction.UNLISTED, actor=actor, now=now)
    return True, _("Removed from the list %(name)s.") % {"name": found.name}


def _on_address(
    service: Callable[..., bool], kept: AuditAction, sentence: Any, *, takes_reason: bool = True
) -> Do:
    @transaction.atomic
    def do(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:
        kind = request.POST.get("address", "")
        value = {"email": contact.email_norm, "phone": contact.phone}.get(kind)
        if not value:
            return False, _("The contact has no such address any more.")
        reason = request.POST.get("reason", "").replace("\0", "").strip()[:LONGEST_REASON]
        more = {"reason": reason} if takes_reason else {}
        if not service(kind=kind, value=value, actor=actor, now=now, person_id=contact.pk, **more):
            return False, _("Nothing to change: the address is already so.")
        audit.keep([(contact.pk, {"kind": kind})], action=kept, actor=actor, now=now)
        return True, str(sentence)

    return do


ACTIONS: dict[str, Action] = {
    "delete": Action((DELETE,), _delete),
    "restore": Action((CHANGE,), _restore, states=(ContactState.DELETED,)),
    "erase": Action(
        (DELETE, SEE_PERSONAL),
        _erase,
        gettext_lazy(
            "Every value, identifier, event and list membership of this contact is wiped. Nothing of it can be brought back."
        ),
        gettext_lazy("Erase for good"),
        states=(ContactState.ACTIVE, ContactState.DELETED),
    ),
    "add-to-list": Action((CHANGE,), _add_to_list),
    "leave-list": Action((CHANGE,), _leave_list),
    "unsubscribe": Action(
        (CHANGE,),
        _on_address(
            addresses.unsubscribe_address,
            AuditAction.UNSUBSCRIBED,
            gettext_lazy("The address is unsubscribed."),
        ),
        gettext_lazy("Only the person can subscribe the address again; you cannot take this back."),
        gettext_lazy("Unsubscribe the address"),
        takes_reason=True,
    ),
    "blacklist": Action(
        (BLACKLIST,),
        _on_address(
            addresses.blacklist_address,
            AuditAction.BLACKLISTED,
            gettext_lazy("The address is blacklisted."),
        ),
        gettext_lazy(
            "Nothing is sent to the address any more, not even what an order brings, until it is taken off again."
        ),
        gettext_lazy("Blacklist the address"),
        takes_reason=True,
    ),
    "unblacklist": Action(
        (BLACKLIST,),
        _on_address(
            addresses.unblacklist_address,
            AuditAction.UNBLACKLISTED,
            gettext_lazy("The address is off the blacklist."),
            takes_reason=False,
        ),
    ),
}


def run(request: HttpRequest, contact: Contact, name: str, *, context: dict[str, Any]) -> HttpResponse:
    """Check the right, ask where needed, do it, and go back to the card."""
    action = ACTIONS.get(name)
    if action is None:
        raise Http404(name)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user: Any = request.user
    if not user.has_perms(action.permissions):
        raise PermissionDenied
    back = reverse("admin:contacts_contact_change", args=[contact.pk])
    if contact.state not in action.states:
        messages.warning(request, _("Not done: the contact is not in a state for it any more."))
        return HttpResponseRedirect(back)
    if action.ask and request.POST.get("sure") != "yes":
        kept = [(key, request.POST[key]) for key in ("address",) if key in request.POST]
        shown = context["name"]
        asked = {
            "title": action.verb,
            "contact": contact,
            "name": shown,
            "action": action,
            "kept": kept,
            "back": back,
        }
        return render(request, "contacts/confirm.html", context | asked | {"longest": LONGEST_REASON})
    changed, sentence = action.do(request, contact, user.get_username(), datetime.now(UTC))
    (messages.success if changed else messages.warning)(request, sentence)
    return HttpResponseRedirect(back)
