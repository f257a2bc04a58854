"""The list of workflows and the record: definition and graph, launches, launching by hand, why not, versions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, ListAdmin, Order, View
from cdp.ui.formatting import moment, number
from cdp.ui.status import status_pill
from contacts.models import Contact
from events.models import EventType
from workflows.admin import actions, tabs
from workflows.admin.for_contact import launch_page
from workflows.definition import reading
from workflows.definition.problems import DefinitionRefused, Problem
from workflows.models import Workflow, WorkflowStatus
from workflows.services.editing import DraftConflict, create_workflow, save_draft
from workflows.services.history import MOST_COUNTED, count_open, count_week

WEEK = timedelta(days=7)


def _status(*wanted: str) -> Any:
    return lambda rows: rows.filter(status__in=wanted)


@admin.register(Workflow)
class WorkflowAdmin(ListAdmin):
    list_display = ("workflow", "state", "starts_when", "in_progress", "week", "updated")
    search_fields = ("name",)
    search_help_text = gettext_lazy("name, tag, id")
    orders = (
        Order("", gettext_lazy("last changed"), ("-updated_at", "-id")),
        Order("name", gettext_lazy("newest"), ("-id",)),
    )
    views = (
        View("", gettext_lazy("All"), lambda rows: rows.exclude(status=WorkflowStatus.ARCHIVED)),
        View("active", gettext_lazy("Active"), _status("active")),
        View("not-active", gettext_lazy("Not active"), _status("not_active", "stopping")),
        View("paused", gettext_lazy("Paused"), _status("paused")),
        View("archived", gettext_lazy("Archived"), _status("archived"), True),
    )
    empty = Empty(
        gettext_lazy("No workflows yet"),
        gettext_lazy(
            "A workflow answers what contacts do: it waits, asks, and sends the right message by itself."
        ),
        "account_tree",
        ((gettext_lazy("Create workflow"), "admin:workflows_workflow_add", "workflows.add_workflow"),),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Workflow], search_term: str
    ) -> tuple[Any, bool]:
        words = search_term.strip().replace("\0", "")
        if not words:
            return queryset, False
        found = queryset.filter(name__icontains=words) | queryset.filter(tags__contains=[words])
        return (
            found | queryset.filter(pk=int(words)) if words.isdigit() and len(words) < 10 else found
        ), False

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        ids = [row.pk for row in rows]
        open_counts = count_open(ids)
        week = count_week(ids, since=timezone.now() - WEEK)
        starts = {row.pk: ((row.draft.get("start") or {}).get("event") or {}).get("type", "") for row in rows}
        names = dict(EventType.objects.filter(key__in=set(starts.values())).values_list("key", "name"))
        for row in rows:
            row.open_count = open_counts[row.pk]
            row.week_counts = week[row.pk]
            row.start_name = names.get(starts[row.pk], starts[row.pk])

    @admin.display(description=gettext_lazy("Workflow"))
    def workflow(self, row: Any) -> SafeString:
        tags = " · ".join([f"id {row.pk}", *row.tags])
        return format_html(
            '<span class="ui-strong">{}</span><br><span class="ui-meta">{}</span>', row.name, tags
        )

    @admin.display(description=gettext_lazy("Status"))
    def state(self, row: Any) -> SafeString:
        note = _("draft differs") if row.is_draft_changed else ""
        return format_html("{} <span class='ui-meta'>{}</span>", status_pill("workflow", row.status), note)

    @admin.display(description=gettext_lazy("Starts when"))
    def starts_when(self, row: Any) -> str:
        return row.start_name or "—"

    @admin.display(description=gettext_lazy("In progress"))
    def in_progress(self, row: Any) -> SafeString:
        text = f"{number(MOST_COUNTED)}+" if row.open_count > MOST_COUNTED else number(row.open_count)
        address = reverse("admin:workflows_workflow_launches", args=[row.pk])
        return format_html('<a class="ui-link ui-number" href="{}">{}</a>', address, text)

    @admin.display(description=gettext_lazy("7 days: started · completed · failed"))
    def week(self, row: Any) -> SafeString:
        counts = row.week_counts
        text = " · ".join(number(counts[name]) for name in ("started", "completed", "failed"))
        return format_html('<span class="ui-number">{}</span>', text)

    @admin.display(description=gettext_lazy("Changed"))
    def updated(self, row: Any) -> SafeString:
        return format_html('{} <span class="ui-meta">{}</span>', moment(row.updated_at), row.updated_by)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by Django's own page: launches hang on a workflow; it is archived instead."""
        return False

    def get_urls(self) -> list[Any]:
        guard = self.admin_site.admin_view
        own = [
            path("<int:workflow_id>/save/", guard(self.save), name="workflows_workflow_save"),
            path(
                "<int:workflow_id>/launches/",
                guard(self.tab(tabs.launches)),
                name="workflows_workflow_launches",
            ),
            path(
                "<int:workflow_id>/launch/",
                guard(self.tab(tabs.launch, actions.LAUNCH)),
                name="workflows_workflow_launch",
            ),
            path("<int:workflow_id>/why/", guard(self.tab(tabs.why)), name="workflows_workflow_why"),
            path(
                "<int:workflow_id>/versions/",
                guard(self.tab(tabs.versions)),
                name="workflows_workflow_versions",
            ),
            path("<int:workflow_id>/do/<slug:action>/", guard(self.act), name="workflows_workflow_act"),
            path("contact/<int:contact_id>/", guard(self.contact), name="workflows_workflow_contact"),
            path(
                "contact/<int:contact_id>/launch/",
                guard(self.contact_launch),
                name="workflows_workflow_contact_launch",
            ),
        ]
        return [*own, *super().get_urls()]

    # The record

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The first tab: the definition as text, its problems, and the graph."""
        if request.method != "GET":
            raise PermissionDenied
        row = self.workflow_of(request, object_id)
        return self.show(request, row, tabs.definition(request, row))

    def tab(self, read: Any, permission: str = "") -> Any:
        """A page of the record; `permission` beside that to view workflows."""

        def view(request: HttpRequest, workflow_id: int) -> HttpResponse:
            row = self.workflow_of(request, workflow_id)
            user: Any = request.user
            if permission and not user.has_perm(permission):
                raise PermissionDenied(permission)
            return self.show(request, row, read(request, row))

        return view

    def workflow_of(self, request: HttpRequest, object_id: Any) -> Workflow:
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = str(object_id)
        known = text.isascii() and text.isdigit() and len(text) < 19
        row = Workflow.objects.select_related("version").filter(pk=int(text)).first() if known else None
        if row is None:
            raise Http404(f"no workflow {text[:20]}")
        return row

    def frame(self, request: HttpRequest, row: Workflow | None) -> dict[str, Any]:
        user: Any = request.user
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        frame: dict[str, Any] = self.admin_site.each_context(request)
        return frame | {
            "opts": self.opts, "row": row, "title": row.name if row is not None else _("Create workflow"),
            "may_change": self.has_change_permission(request), "may_publish": user.has_perm("workflows.publish_workflow"),
            "may_activate": user.has_perm(actions.ACTIVATE), "may_launch": user.has_perm(actions.LAUNCH),
            "may_see": user.has_perm("contacts.view_personal_data"),
        }  # fmt: skip

    def show(self, request: HttpRequest, row: Workflow, page: tabs.Page) -> HttpResponse:
        context = self.frame(request, row) | page.context | {"tab": page.name}
        return render(request, page.template, context, status=page.status)

    def act(self, request: HttpRequest, workflow_id: int, action: str) -> HttpResponse:
        row = self.workflow_of(request, workflow_id)
        return actions.run(request, row, action, frame=self.frame(request, row))

    def save(self, request: HttpRequest, workflow_id: int) -> HttpResponse:
        """Save the draft; what cannot be read is shown again as it was typed, with its faults."""
        row = self.workflow_of(request, workflow_id)
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        text = request.POST.get("definition", "").replace("\r\n", "\n")
        revision = request.POST.get("revision", "")
        try:
            document = reading.write(reading.read_text(text))
            saved = save_draft(
                row.pk, document, revision=int(revision) if revision.isdigit() else -1,
                actor=request.user.get_username(), now=datetime.now(UTC),
            )  # fmt: skip
        except DefinitionRefused as refused:
            return self.show(request, row, tabs.definition(request, row, text=text, refused=refused.problems))
        except DraftConflict as conflict:
            fault = Problem(
                "409",
                _("Not saved: %(why)s. Their draft is in the graph; your text is kept here.")
                % {"why": conflict},
            )
            row.refresh_from_db()
            return self.show(
                request, row, tabs.definition(request, row, text=text, refused=[fault], status=409)
            )
        errors = sum(problem.is_error for problem in saved.problems)
        if errors:
            messages.warning(request, _("Draft saved. Its errors keep it from being published."))
        elif saved.version is not None:
            messages.success(request, _("Saved as version %(number)s.") % {"number": saved.version.number})
        else:
            messages.success(request, _("Draft saved. Publish it to change new launches."))
        return HttpResponseRedirect(actions.address_of(row, ""))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Create a workflow by its name, or from a definition."""
        if not self.has_add_permission(request):
            raise PermissionDenied("workflows.add_workflow")
        problems: list[Problem] = []
        name, text = (
            request.POST.get("name", "").strip().replace("\0", ""),
            request.POST.get("definition", ""),
        )
        if request.method == "POST":
            try:
                document = json.loads(text) if text.strip() else None
                saved = create_workflow(
                    name=name, document=document, actor=request.user.get_username(), now=datetime.now(UTC)
                )
            except DefinitionRefused as refused:
                problems = refused.problems
            except ValueError as error:
                problems = [Problem("json", _("not readable: %(error)s") % {"error": error})]
            else:
                return HttpResponseRedirect(actions.address_of(saved.workflow, ""))
        context = self.frame(request, None) | {"name": name, "text": text, "problems": problems}
        return render(request, "workflows/add.html", context, status=400 if problems else 200)

    def contact(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        """The tab of the contact card: launches of one contact."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        card: Any = self.admin_site.get_model_admin(Contact)
        answer: HttpResponse = card.render_tab(
            request, contact_id, "workflows", "workflows/contact.html", tabs.of_contact
        )
        return answer

    def contact_launch(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        return launch_page(self.admin_site.get_model_admin(Contact), request, contact_id)
