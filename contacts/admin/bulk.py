"""Actions on many contacts: the page that says how many and asks what is needed, and the start of the job."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from cdp.ui.formatting import number
from contacts.filters import read_filter
from contacts.models import BulkAction, Contact, ContactField, ContactList, SubscriptionCategory
from contacts.services import jobs
from contacts.services.bulk_actions import COLUMNS, MOST_IDS, BulkRefused, Selection

LONGEST_COUNT = 3_000  # milliseconds; then the planner's estimate must do
MOST_CHOICES = 500


@dataclass(frozen=True, slots=True)
class Ask:
    """How an action is asked for: its right, the inputs of its form, the button, and what must be said before."""

    permission: str
    inputs: tuple[str, ...]
    verb: Any
    note: Any = ""
    is_danger: bool = False


# fmt: off
ASKS: dict[str, Ask] = {
    BulkAction.ADD_TO_LIST: Ask("bulk_change", ("list", "name"), gettext_lazy("Add to the list"),
        gettext_lazy("Who opted out of the category that owns the list is left out.")),
    BulkAction.LEAVE_LIST: Ask("bulk_change", ("list",), gettext_lazy("Remove from the list"),
        gettext_lazy("The contacts stay. Off the list of a subscription category they have opted out of it.")),
    BulkAction.SET_FIELD: Ask("bulk_change", ("field", "value"), gettext_lazy("Set the field")),
    BulkAction.CLEAR_FIELD: Ask("bulk_change", ("field",), gettext_lazy("Clear the field")),
    BulkAction.SUBSCRIBE: Ask("bulk_change", ("category",), gettext_lazy("Subscribe"),
        gettext_lazy("Who opted out is left out: only the person takes that back.")),
    BulkAction.OPT_OUT: Ask("bulk_change", ("category",), gettext_lazy("Opt out")),
    BulkAction.UNSUBSCRIBE: Ask("bulk_change", ("channel", "reason"), gettext_lazy("Unsubscribe"),
        gettext_lazy("Only the people themselves can subscribe their addresses again; you cannot take this back."), True),
    BulkAction.DELETE: Ask("bulk_delete", ("reason",), gettext_lazy("Delete"),
        gettext_lazy("They leave every segment and their launches stop. They can be restored from the view Deleted."), True),
    BulkAction.RESTORE: Ask("bulk_change", (), gettext_lazy("Restore"),
        gettext_lazy("Only deleted contacts are meant. They come back with their lists; no workflow starts.")),
    BulkAction.EXPORT: Ask("bulk_export", ("columns", "delimiter"), gettext_lazy("Export"),
        gettext_lazy("The file can be fetched from the page of the job for three days.")),
}
# fmt: on


def _menu_action(action: str, ask_for: Ask) -> Any:
    def run(screen: Any, request: HttpRequest, rows: Any) -> HttpResponse:  # noqa: ARG001
        return screen.ask_bulk(request, action)  # type: ignore[no-any-return]

    run.__name__ = action.replace("-", "_")
    label = BulkAction(action).label
    return admin.action(run, permissions=[ask_for.permission], description=label)


ACTIONS = tuple(_menu_action(action, ask_for) for action, ask_for in ASKS.items())


def may_export(user: Any) -> bool:
    return bool(user.has_perm("contacts.export_contact") and user.has_perm("contacts.view_personal_data"))


def _may(user: Any, permission: str) -> bool:
    if permission == "bulk_export":
        return may_export(user)
    word = "delete" if permission == "bulk_delete" else "change"
    return bool(user.has_perm(f"contacts.{word}_contact"))


def params_of(query: str) -> dict[str, str]:
    """The parameters of an address' query; the last of each name."""
    return dict(parse_qsl(query.removeprefix("?")))


def ask(request: HttpRequest, action: str, *, frame: dict[str, Any]) -> HttpResponse:
    """The confirming page for the rows that were ticked, or for all that fit the address' filter."""
    if request.POST.get("select_across") == "1":
        query, ids = request.GET.urlencode() or "view=all", ""
    else:
        query, ids = "", ",".join(request.POST.getlist(ACTION_CHECKBOX_NAME)[:MOST_IDS])
    return _page(request, action, ids, query, request.GET.urlencode(), {}, frame, {})


def start(request: HttpRequest, action: str, *, frame: dict[str, Any]) -> HttpResponse:
    """Start the job, and go to its page; a bad value goes back to the form."""
    if action not in ASKS:
        raise Http404(action)
    if not _may(request.user, ASKS[action].permission):
        raise PermissionDenied
    ids, query, back = (request.POST.get(name, "") for name in ("ids", "query", "back"))
    given = {
        name: request.POST.get(name, "")
        for name in ("list", "name", "field", "value", "category", "channel", "reason")
    }
    try:
        selection = _selection(ids, query)
        total, _is_exact = count_of(selection, action)
        if not total:
            raise BulkRefused({"filter": _("Nobody is meant: choose other contacts.")})
        now, actor = datetime.now(UTC), request.user.get_username()
        if action == BulkAction.EXPORT:
            job = jobs.export_many(
                selection, only_email=request.POST.get("columns") == "email", total=total, actor=actor, now=now,
                delimiter=";" if request.POST.get("delimiter") == ";" else ",",
            )  # fmt: skip
        else:
            job = jobs.change_many(action, selection, given, total=total, actor=actor, now=now)
    except BulkRefused as refused:
        return _page(request, action, ids, query, back, refused.errors, frame, given)
    messages.success(request, _("Started in the background. You can leave this page."))
    return HttpResponseRedirect(reverse("admin:contacts_contactjob_change", args=[job.pk]))


def _selection(ids: str, query: str) -> Selection:
    """Raises: BulkRefused: ids that are none, or too many."""
    if query:
        return Selection(filter=read_filter(params_of(query)))
    parts = [part for part in ids.split(",") if part]
    if len(parts) > MOST_IDS or not all(
        part.isascii() and part.isdigit() and len(part) < 19 for part in parts
    ):
        raise BulkRefused({"filter": _("The selection cannot be read: choose the contacts again.")})
    return Selection(ids=tuple(sorted({int(part) for part in parts})))


def count_of(selection: Selection, action: str) -> tuple[int, bool]:
    """How many are meant, and whether that is exact: beyond a few seconds the planner's estimate must do."""
    rows = selection.rows(action).order_by()
    sieves = selection.filter.sieves if selection.filter else []
    if sieves:
        return _sieved_count(selection, rows), True
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {LONGEST_COUNT}")
            found = rows.count()
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
        return found, True
    except OperationalError:
        sql, params = rows.values("pk").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            return int(cursor.fetchone()[0][0]["Plan"]["Plan Rows"]), False


def _sieved_count(selection: Selection, rows: Any) -> int:
    assert selection.filter is not None
    ids = rows.values_list("pk", flat=True).iterator(chunk_size=50_000)
    tests = selection.filter.sieves
    return sum(1 for one in ids if all(test(one) for test in tests))


def _page(
    request: HttpRequest, action: str, ids: str, query: str, back: str, errors: dict[str, str], frame: dict[str, Any],
    given: dict[str, str],
) -> HttpResponse:  # fmt: skip
    asked = ASKS[action]
    if not _may(request.user, asked.permission):
        raise PermissionDenied
    try:
        selection = _selection(ids, query)
        total, is_exact = (
            count_of(selection, action) if not (selection.filter and selection.filter.errors) else (0, True)
        )
    except BulkRefused as refused:
        selection, total, is_exact, errors = Selection(), 0, True, errors | refused.errors
    label = BulkAction(action).label
    context = frame | {
        "title": label, "action": action, "label": label, "ask": asked, "ids": ids, "query": query, "back": back,
        "total": total, "count": number(total) if is_exact else f"≈ {number(total)}", "errors": errors, "given": given,
        "words": selection.filter.words() if selection.filter else [], "is_filter": bool(query),
        "lists": ContactList.objects.order_by("name")[:MOST_CHOICES] if "list" in asked.inputs else (),
        "categories": SubscriptionCategory.objects.order_by("name")[:MOST_CHOICES] if "category" in asked.inputs else (),
        "fields": _fields() if "field" in asked.inputs else (),
        "semicolon": not (get_language() or "en").startswith("en"),
    }  # fmt: skip
    return render(request, "contacts/bulk.html", context, status=400 if errors else 200)


def _fields() -> list[tuple[str, str]]:
    own = [(name, str(Contact._meta.get_field(name).verbose_name)) for name in COLUMNS]  # type: ignore[union-attr]
    rows = ContactField.objects.filter(is_readonly=False).select_related("group")
    return own + [(str(field.pk), f"{field.group}: {field}") for field in rows[:MOST_CHOICES]]
