"""The card's tab "Identity & changes", merging two contacts side by side, and undoing a merge."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.api.moments import zone_of
from cdp.models import Account
from contacts.history import KINDS
from contacts.models import Contact, ContactAudit, IdentifierChange, Key, MergeRecord
from contacts.services.compare import compare_contacts
from contacts.services.merging import merge_contacts
from contacts.services.unmerging import undo_merge, undoable

MERGE = "contacts.merge_contact"
MOST = 100

REFUSALS = {
    "not_found": gettext_lazy("Not merged: one of the contacts is gone."),
    "erased": gettext_lazy("Not merged: one of the contacts was erased."),
    "winner_deleted": gettext_lazy("Not merged: the contact to keep is deleted. Restore it first."),
}


def read_identity(contact: Contact, *, may_merge: bool, now: datetime) -> dict[str, Any]:
    """What the tab shows, in five queries."""
    keys = list(Key.objects.filter(person_id=contact.pk).order_by("-created_at")[:MOST])
    former = list(IdentifierChange.objects.filter(person_id=contact.pk).order_by("-held_until")[:MOST])
    merges = list(MergeRecord.objects.filter(winner_id=contact.pk).order_by("-merged_at", "-pk")[:MOST])
    open_ids = undoable(merges, now=now)
    for record in merges:
        record.may_undo = may_merge and record.pk in open_ids  # type: ignore[attr-defined]
        record.rows = sum(record.moved.values())  # type: ignore[attr-defined]
    people = [contact.pk, *(record.loser_id for record in merges if record.undone_at is None)]
    return {
        "keys": [(KINDS.get(key.kind, key.kind), key) for key in keys],
        "former": [(KINDS.get(row.kind, row.kind), row) for row in former],
        "merges": merges,
        "acts": ContactAudit.objects.filter(contact_id__in=people).order_by("-at", "-pk")[:MOST],
    }


def merge_view(
    request: HttpRequest, contact: Contact, *, frame: dict[str, Any], may_see: bool
) -> HttpResponse:
    """Compare a contact with another (`?with=id`); POST merges the one not kept into the one that is."""
    sent = request.POST if request.method == "POST" else request.GET
    text = sent.get("with", "").strip()
    other = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    now = datetime.now(UTC)
    zone = zone_of(Account.objects.get(pk=1).time_zone)
    comparison = compare_contacts(contact.pk, other, zone=zone, now=now) if other else None
    if request.method == "POST" and comparison is not None:
        return _merge(request, contact.pk, other, now)
    pair = request.GET.get("pair", "")
    context = frame | {
        "pair": int(pair) if pair.isascii() and pair.isdigit() and len(pair) < 19 else 0,
        "title": _("Merge contacts"), "contact": contact, "other": other or "", "comparison": comparison,
        "may_see": may_see,
    }  # fmt: skip
    status = 404 if other and comparison is None else 200
    return render(request, "contacts/merge.html", context, status=status)


def _merge(request: HttpRequest, kept: int, merged: int, now: datetime) -> HttpResponse:
    actor = request.user.get_username()
    reason = request.POST.get("reason", "").replace("\0", "")[:200]
    [outcome] = merge_contacts(kept, [merged], reason=reason, actor=actor, now=now)
    if outcome.result == "merged":
        text = _("Merged: contact %(id)s is part of this one now. It can be undone for 30 days.") % {
            "id": merged
        }
        messages.success(request, text)
    else:
        messages.warning(request, str(REFUSALS.get(outcome.code, _("They are one contact already."))))
    return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[outcome.winner_id]))


def undo_view(request: HttpRequest, contact: Contact, record_id: int) -> HttpResponse:
    """Undo one merge of this contact. POST only (checked by the caller)."""
    outcome = undo_merge(record_id, actor=request.user.get_username(), now=datetime.now(UTC))
    reasons = {
        "not_found": _("Not undone: the merge is not known any more."),
        "already_undone": _("Not undone: that was done before."),
        "too_late": _("Not undone: a merge can be undone for 30 days."),
        "erased": _("Not undone: one of the two was erased."),
        "merged_again": _("Not undone: the contact was merged again since. Undo the later merge first."),
    }
    if outcome.result == "refused":
        messages.warning(request, str(reasons[outcome.code]))
    elif outcome.kept:
        kept = ", ".join(outcome.kept)
        text = _("Contact %(id)s is back. Changed since, so kept here: %(kept)s.")
        messages.warning(request, text % {"id": outcome.loser_id, "kept": kept})
    else:
        messages.success(request, _("Contact %(id)s is back as it was.") % {"id": outcome.loser_id})
    return HttpResponseRedirect(reverse("admin:contacts_contact_identity", args=[contact.pk]))
