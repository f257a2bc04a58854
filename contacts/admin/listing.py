"""The contact list: views, filters with chips, chosen columns, saved views, and actions on many (`bulk`)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, KeysetChangeList, ListAdmin, Order, View
from cdp.ui.bounded import Ask, read_bounded
from cdp.ui.formatting import number
from contacts.admin import bulk, columns, list_columns
from contacts.admin.list_panels import PANELS, clean_params, read_panel
from contacts.filters import KINDS, Filter, read_filter
from contacts.models import ContactField, Figure, SavedView
from contacts.services import jobs
from contacts.services import views as saved
from contacts.services.figures import VIEW, read_figures

SEE_PERSONAL = "contacts.view_personal_data"
FRESH = timedelta(minutes=1)
LIST = "admin:contacts_contact_changelist"


class ContactChangeList(KeysetChangeList):
    """The list with the filters of its address."""

    OWN_PARAMS = (*KeysetChangeList.OWN_PARAMS, *KINDS, "saved")
    filter: Filter

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.request = request
        self.filter = read_filter({**self.params, "q": self.query})
        self.unfiltered = super().get_queryset(request, exclude_parameters)
        rows = self.filter.narrow(self.unfiltered)
        if self.filter.sieves and not self.filter.errors:
            self.sieve = self.filter.sieve
            sizes = [condition.size for condition in self.filter.conditions]
            is_alone = len(sizes) == 1 and not self.query and self.params.get("view", "all") == "all"
            self.sieved_count = sizes[0] if is_alone else None
        return rows

    def read_rows(self, *, after: str, before: str) -> Any:
        found = self.filter
        if found.is_plain:
            return super().read_rows(after=after, before=before)
        order = self.order.fields
        column = order[0].removeprefix("-")
        ask = Ask(
            found.base(self.unfiltered, ordered_by=column), self.queryset, order, self.list_per_page, self.sieve,
            found.walk(self.unfiltered, ordered_by=column), found.weight(ordered_by=column),
            is_whole=bool(self.params.get("whole")),
            finds_cheaply=found.is_of_traits, is_guessed=found.is_text, look_rare=found.looks_rare, are_few=found.are_few,
        )  # fmt: skip
        return read_bounded(ask, after=after, before=before)

    @property
    def has_own_filters(self) -> bool:
        return bool(self.filter.conditions or self.filter.errors)

    @property
    def usual_order(self) -> Order:
        """By creation where creation is asked for: the index of the filter gives the order too."""
        by_creation = {"created_from", "created_to"} & {
            condition.name for condition in self.filter.conditions
        }
        wanted = "created" if by_creation else ""
        orders: tuple[Order, ...] = self.model_admin.get_orders()
        return next(order for order in orders if order.key == wanted)

    @property
    def chips(self) -> list[dict[str, str]]:
        return [
            {"text": condition.text, "link": self._without(condition.name)}
            for condition in self.filter.conditions
        ]

    @property
    def faults(self) -> list[dict[str, str]]:
        return [{"text": text, "link": self._without(name)} for name, text in self.filter.errors.items()]

    def _without(self, name: str) -> str:
        found = self.get_query_string({}, remove=[name, "after", "before", "saved", "whole"])
        return str(found) if found != "?" else "?view=all"

    @property
    def bare_query(self) -> str:
        """The address' filter as text: what panels and forms carry on."""
        return urlencode(clean_params(self.params | ({"q": self.query} if self.query else {})))

    @property
    def view_links(self) -> list[dict[str, Any]]:
        """The views of the product, then the saved ones of the colleague."""
        links = [
            link | {"count": number(figure.value) if figure else "", "is_old": figure is not None and self._is_old(figure)}
            for link, figure in zip(super().view_links, self._figures_of_views(), strict=True)
        ]  # fmt: skip
        current = self.params.get("saved", "")
        own: list[dict[str, Any]] = [
            {
                "label": view.name, "is_current": str(view.pk) == current, "starts_group": place == 0,
                "link": link_of(view),
            }
            for place, view in enumerate(self.saved_views)
        ]  # fmt: skip
        if any(link["is_current"] for link in own):
            links = [link | {"is_current": False} for link in links]
        return links + own

    def _figures_of_views(self) -> list[Figure | None]:
        return [self.figures.get(view.key) for view in self.model_admin.views]

    @cached_property
    def figures(self) -> dict[str, Figure]:
        return read_figures(VIEW)

    @property
    def counted_at(self) -> datetime | None:
        """When the oldest of the figures was counted."""
        return min((figure.counted_at for figure in self.figures.values()), default=None)

    def _is_old(self, figure: Figure) -> bool:
        return timezone.now() - figure.counted_at > FRESH

    @property
    def saved_views(self) -> list[SavedView]:
        if not hasattr(self, "_saved_views"):
            self._saved_views = saved.views_of(self.request.user)
        return self._saved_views

    @property
    def clear_link(self) -> str:
        return f"?view={self.params.get('view') or 'all'}"


def link_of(view: SavedView) -> str:
    return "?" + urlencode({**dict(sorted(view.params.items())), "saved": view.pk})


class ContactListAdmin(ListAdmin):
    search_fields = ("email",)  # shows the box; the filter reads the words
    search_help_text = gettext_lazy("e-mail, phone, name, id:12, extid:A-7")
    list_before_template = "contacts/list_before.html"
    actions_selection_counter = True
    actions: Any = bulk.ACTIONS
    orders = (
        Order("", gettext_lazy("last changed"), ("-updated_at", "-id")),
        Order("changed-first", gettext_lazy("changed first"), ("updated_at", "id")),
        Order("created", gettext_lazy("newest"), ("-created_at", "-id")),
        Order("created-first", gettext_lazy("oldest"), ("created_at", "id")),
    )
    views = (
        View("all", gettext_lazy("All")),
        View("new", gettext_lazy("New in 7 days")),
        View("email-active", gettext_lazy("E-mail: active"), None, True),
        View("email-unconfirmed", gettext_lazy("unconfirmed")),
        View("email-unsubscribed", gettext_lazy("unsubscribed")),
        View("email-spam", gettext_lazy("spam reports")),
        View("email-blacklisted", gettext_lazy("blacklisted")),
        View("phone-active", gettext_lazy("Phone: active"), None, True),
        View("phone-blacklisted", gettext_lazy("blacklisted")),
        View("deleted", gettext_lazy("Deleted"), None, True),
    )
    empty = Empty(
        gettext_lazy("No contacts yet"),
        gettext_lazy("Everybody your shop, site or application tells about appears here, one card a person."),
        "group",
        ((gettext_lazy("Create contact"), "admin:contacts_contact_add", "contacts.add_contact"),),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return ContactChangeList

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Left to the filter, which knows the words too."""
        return queryset, False

    def get_list_display(self, request: HttpRequest) -> Any:
        if not hasattr(request, "contact_columns"):
            names = self.choice(request).columns
            request.contact_columns = list_columns.chosen_columns(names)  # type: ignore[attr-defined]
        return getattr(request, "contact_columns")  # noqa: B009

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list(list_display)[:1]

    def choice(self, request: HttpRequest) -> Any:
        """The colleague's choice, read once a request."""
        if not hasattr(request, "contact_list_choice"):
            request.contact_list_choice = saved.choice_of(request.user)  # type: ignore[attr-defined]
        return getattr(request, "contact_list_choice")  # noqa: B009

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        user: Any = request.user
        may_see = user.has_perm(SEE_PERSONAL)
        extras = columns.read_extras(rows, may_see=may_see)
        for row in rows:
            row.extras, row.may_see = extras[row.pk], may_see

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if request.method == "GET" and not request.GET and self.has_view_permission(request):
            first = self.choice(request).opens_with
            if first is not None and (first.owner_id == request.user.pk or first.is_shared):
                return HttpResponseRedirect(link_of(first))
        reply = super().changelist_view(request, extra_context)
        found = getattr(reply, "context_data", None)
        if found and "cl" in found and found["cl"].filter.errors:
            reply.status_code = 400
        return reply

    # Rights of actions, by the words that `bulk.ACTIONS` names

    def has_bulk_change_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("contacts.change_contact")

    def has_bulk_delete_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("contacts.delete_contact")

    def has_bulk_export_permission(self, request: HttpRequest) -> bool:
        return bulk.may_export(request.user)

    # Panels: filters, columns, saved views

    def list_urls(self) -> list[Any]:
        name = "contacts_contact_{}".format
        return [
            path("panel/<slug:panel>/", self._guarded(self.panel), name=name("panel")),
            path("filter/", self._guarded(self.apply_filter), name=name("filter")),
            path("columns/", self._guarded(self.choose_columns), name=name("columns")),
            path("recount/", self._guarded(self.recount), name=name("recount")),
            path("views/", self._guarded(self.save_view), name=name("save_view")),
            path("views/<int:view_id>/", self._guarded(self.change_view_of_list), name=name("change_view")),
            path("bulk/<slug:action>/", self._guarded(self.start_bulk), name=name("bulk")),
        ]

    def _guarded(self, view: Any) -> Any:
        return self.admin_site.admin_view(view)

    def _check(self, request: HttpRequest, method: str) -> HttpResponse | None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return None if request.method == method else HttpResponseNotAllowed([method])

    def panel(self, request: HttpRequest, panel: str) -> HttpResponse:
        """The inside of a panel above the list, read when it is opened; a page of its own without scripts."""
        refusal = self._check(request, "GET")
        if refusal is not None:
            return refusal
        if panel not in PANELS:
            raise Http404(panel)
        context = read_panel(panel, request, self.choice(request))
        if request.headers.get("HX-Request"):
            return render(request, f"contacts/panel_{panel}.html", context)
        frame = self.admin_site.each_context(request) | {"title": PANELS[panel], "opts": self.opts}
        return render(request, "contacts/panel.html", frame | context)

    def apply_filter(self, request: HttpRequest) -> HttpResponse:
        """Take the form of filters to the list's address, without what was left empty."""
        refusal = self._check(request, "GET")
        if refusal is not None:
            return refusal
        given = {name: ",".join(v for v in values if v.strip()) for name, values in request.GET.lists()}
        return HttpResponseRedirect(f"{reverse(LIST)}?{urlencode(clean_params(given) or {'view': 'all'})}")

    def choose_columns(self, request: HttpRequest) -> HttpResponse:
        refusal = self._check(request, "POST")
        if refusal is not None:
            return refusal
        known = [*list_columns.CHOICES, *list_columns.field_columns(list(ContactField.objects.all()))]
        names = [] if request.POST.get("usual") else request.POST.getlist("column")
        try:
            saved.choose_columns(request.user, names, known=known)
        except saved.ViewRefused as refused:
            messages.error(request, str(refused))
        return self._back(request)

    def recount(self, request: HttpRequest) -> HttpResponse:
        """Count the tabs and the fields anew, in the background."""
        refusal = self._check(request, "POST")
        if refusal is not None:
            return refusal
        jobs.count_contacts(actor=request.user.get_username(), now=datetime.now(UTC))
        messages.success(request, _("The contacts are being counted; the numbers appear when that is done."))
        return self._back(request)

    def save_view(self, request: HttpRequest) -> HttpResponse:
        refusal = self._check(request, "POST")
        if refusal is not None:
            return refusal
        params = clean_params(bulk.params_of(request.POST.get("query", "")))
        try:
            view = saved.save_view(request.user, params, self._wanted(request), now=datetime.now(UTC))
        except saved.ViewRefused as refused:
            messages.error(request, _("Not saved: %(why)s") % {"why": refused})
            return self._back(request)
        messages.success(request, _("The view %(name)s is saved.") % {"name": view.name})
        return HttpResponseRedirect(reverse(LIST) + link_of(view))

    def change_view_of_list(self, request: HttpRequest, view_id: int) -> HttpResponse:
        """Rename, share, open the list with it, or delete: what the form's buttons say."""
        refusal = self._check(request, "POST")
        if refusal is not None:
            return refusal
        if request.POST.get("delete"):
            if not saved.delete_view(request.user, view_id):
                raise PermissionDenied
            messages.success(request, _("The view is deleted."))
            return HttpResponseRedirect(f"{reverse(LIST)}?view=all")
        try:
            view = saved.change_view(request.user, view_id, self._wanted(request))
        except SavedView.DoesNotExist as missing:
            raise Http404(view_id) from missing
        except saved.ViewRefused as refused:
            messages.error(request, _("Not saved: %(why)s") % {"why": refused})
            return self._back(request)
        messages.success(request, _("The view %(name)s is saved.") % {"name": view.name})
        return HttpResponseRedirect(reverse(LIST) + link_of(view))

    def _wanted(self, request: HttpRequest) -> saved.Wanted:
        sent = request.POST
        return saved.Wanted(sent.get("name", ""), bool(sent.get("shared")), bool(sent.get("opens")))

    def _back(self, request: HttpRequest) -> HttpResponse:
        query = urlencode(clean_params(bulk.params_of(request.POST.get("query", ""))) or {"view": "all"})
        return HttpResponseRedirect(f"{reverse(LIST)}?{query}")

    # Actions on many

    def ask_bulk(self, request: HttpRequest, action: str) -> HttpResponse:
        """The page that says how many, and asks what the action needs."""
        return bulk.ask(request, action, frame=self.admin_site.each_context(request) | {"opts": self.opts})

    def start_bulk(self, request: HttpRequest, action: str) -> HttpResponse:
        refusal = self._check(request, "POST")
        return refusal or bulk.start(
            request, action, frame=self.admin_site.each_context(request) | {"opts": self.opts}
        )
