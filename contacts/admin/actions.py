"""What the buttons of the card do. Each names its right; those that cannot be undone ask first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact, ContactList
from contacts.services import addresses, lifecycle
from contacts.services.lists import add_to_list, ensure_lists, remove_from_list

Done = tuple[bool, str]


@dataclass(frozen=True, slots=True)
class Action:
    """`ask` is the sentence of the confirming page; empty when the action can be undone."""

    permission: str
    do: Callable[[HttpRequest, Contact, str, datetime], Done]
    ask: Any = ""
    verb: Any = ""


def _delete(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:  # noqa: ARG001
    count = lifecycle.delete_contacts([contact.pk], now=now, actor=actor)
    return bool(count), _("Contact deleted. It can be restored.")


def _restore(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:  # noqa: ARG001
    return bool(lifecycle.restore_contacts([contact.pk], now=now, actor=actor)), _("Contact restored.")


def _erase(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:  # noqa: ARG001
    return bool(lifecycle.erase_contacts([contact.pk], now=now, actor=actor)), _("Contact erased for good.")


def _add_to_list(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:  # noqa: ARG001
    name = request.POST.get("name", "").strip().replace("\0", "")
    if not name or len(name) > 255:
        return False, _("Name the list, with at most 255 characters.")
    number = ensure_lists([name], now=now)[name]
    add_to_list(number, [contact.pk], now=now)
    return True, _("Added to the list %(name)s.") % {"name": name}


def _leave_list(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:
    number = request.POST.get("list", "")
    found = (
        ContactList.objects.filter(pk=int(number)).first() if number.isdigit() and len(number) < 10 else None
    )
    if found is None:
        return False, _("The list is gone.")
    remove_from_list(found.pk, [contact.pk], now=now, actor=actor)
    return True, _("Removed from the list %(name)s.") % {"name": found.name}


def _on_address(service: Callable[..., bool], sentence: Any, *, takes_reason: bool = True) -> Any:
    def do(request: HttpRequest, contact: Contact, actor: str, now: datetime) -> Done:
        kind = request.POST.get("address", "")
        value = {"email": contact.email_norm, "phone": contact.phone}.get(kind)
        if not value:
            return False, _("The contact has no such address any more.")
        more = {"reason": request.POST.get("reason", "")[:500].replace("\0", "")} if takes_reason else {}
        changed = service(kind=kind, value=value, actor=actor, now=now, **more)
        return changed, str(sentence) if changed else _("Nothing to change: the address is already so.")

    return do


ACTIONS: dict[str, Action] = {
    "delete": Action("contacts.delete_contact", _delete),
    "restore": Action("contacts.change_contact", _restore),
    "erase": Action(
        "contacts.delete_contact",
        _erase,
        gettext_lazy(
            "Every value, identifier, event and list membership of this contact is wiped. Nothing of it can be brought back."
        ),
        gettext_lazy("Erase for good"),
    ),
    "add-to-list": Action("contacts.change_contact", _add_to_list),
    "leave-list": Action("contacts.change_contact", _leave_list),
    "unsubscribe": Action(
        "contacts.change_contact",
        _on_address(addresses.unsubscribe_address, gettext_lazy("The address is unsubscribed.")),
        gettext_lazy("Only the person can subscribe the address again; you cannot take this back."),
        gettext_lazy("Unsubscribe the address"),
    ),
    "blacklist": Action(
        "contacts.change_contact",
        _on_address(addresses.blacklist_address, gettext_lazy("The address is blacklisted.")),
    ),
    "unblacklist": Action(
        "contacts.change_contact",
        _on_address(
            addresses.unblacklist_address,
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
    if not request.user.has_perm(action.permission):
        raise PermissionDenied
    back = reverse("admin:contacts_contact_change", args=[contact.pk])
    if action.ask and request.POST.get("sure") != "yes":
        kept = [(key, request.POST[key]) for key in ("address", "reason") if key in request.POST]
        asked = {"title": action.verb, "contact": contact, "action": action, "kept": kept, "back": back}
        return render(request, "contacts/confirm.html", context | asked)
    changed, sentence = action.do(request, contact, request.user.get_username(), datetime.now(UTC))
    (messages.success if changed else messages.warning)(request, sentence)
    return HttpResponseRedirect(back)
