"""Bases of the admin's screens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from cdp.ui.formatting import number
from cdp.ui.keyset import Sieve, read_page

COUNT_LIMIT = 10_000
NARROWED_LIMIT = 1_000  # what is searched, filtered or a saved view costs more a row
# More than these, as a sample tells, are not counted: “at least” what the sample holds.
MANY = 4 * NARROWED_LIMIT
COUNT_STEP = 50


@dataclass(frozen=True, slots=True)
class View:
    """A saved view above a list: `narrow` takes the queryset to its rows. `starts_group` draws a line before it."""

    key: str
    label: Any
    narrow: Callable[[Any], Any] | None = None
    starts_group: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A way to sort a list: `fields` by an index, all in one direction, the last unique."""

    key: str
    label: Any
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """What an empty list says: what would be here, and how to get it. `links`: (label, address, permission)."""

    title: Any
    text: Any = ""
    icon: str = "inbox"
    links: tuple[tuple[Any, str, str], ...] = ()


class CappedPaginator(Paginator):
    """Counts no further than `most` rows, so that a list of millions opens at once."""

    most = COUNT_LIMIT

    @cached_property
    def count(self) -> int:
        query: Any = self.object_list
        sql, params = query.order_by().values("pk")[: self.most].query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({sql}) AS capped", params)
            return int(cursor.fetchone()[0])


ESTIMATE = """
SELECT greatest(
    (SELECT reltuples FROM pg_class WHERE oid = %(table)s::regclass),
    (SELECT sum(greatest(reltuples, 0)) FROM pg_partition_tree(%(table)s) JOIN pg_class ON oid = relid WHERE isleaf),
    0
)::bigint
"""


def estimate_of(model: Any) -> int:
    """How many rows a table has, as its statistics say; 0 when it has none yet.

    Of a partitioned table its partitions say it: nothing analyses the whole by itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(ESTIMATE, {"table": model._meta.db_table})
        return int(cursor.fetchone()[0])


class KeysetChangeList(ChangeList):
    """A change list that pages by key, with saved views and a choice of orders."""

    OWN_PARAMS: tuple[str, ...] = ("after", "before", "view", "sort", "whole")
    sieve: Sieve | None = None  # what the rows must pass beyond the queryset
    sieved_count: int | None = None  # how many do, where that is known
    looked = 0  # rows passed before the search was given up; 0 when it came to its end

    def get_filters_params(self, params: Any = None) -> Any:
        found = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in self.OWN_PARAMS}

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[str]:
        return list(self.order.fields)

    @property
    def order(self) -> Order:
        wanted = self.params.get("sort")
        orders: tuple[Order, ...] = self.model_admin.get_orders()
        return next((order for order in orders if order.key == wanted), self.usual_order)

    @property
    def usual_order(self) -> Order:
        """The order of an address that asks for none."""
        return self.model_admin.get_orders()[0]  # type: ignore[no-any-return]

    @property
    def view(self) -> View | None:
        wanted = self.params.get("view", "")
        views: Sequence[View] = self.model_admin.views
        return next((view for view in views if view.key == wanted), views[0] if views else None)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        found = super().get_queryset(request, exclude_parameters)
        view = self.view
        return view.narrow(found) if view is not None and view.narrow is not None else found

    def get_results(self, request: HttpRequest) -> None:
        self.request = request
        self.is_narrowed = bool(self.query or self.has_active_filters or self.has_own_filters)
        is_whole = not self.is_narrowed and self.view in (None, *self.model_admin.views[:1])
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        paginator.most = COUNT_LIMIT if is_whole else NARROWED_LIMIT
        page = self.read_rows(after=self.params.get("after", ""), before=self.params.get("before", ""))
        self.looked = page.looked
        self.result_list = page.rows
        self.model_admin.prepare_rows(request, page.rows)
        is_all = not (page.older or page.newer)
        if page.looked:
            self.result_count, self.is_count_capped = len(page.rows), True
        elif is_all or page.count is not None or self.sieve is None:
            known = len(page.rows) if is_all else page.count
            if known is None and page.fits >= COUNT_STEP and self._is_many(page.share):
                paginator.most = known = page.fits // COUNT_STEP * COUNT_STEP
            self.result_count = paginator.count if known is None else min(known, paginator.most)
            self.is_count_capped = self.result_count >= paginator.most
        else:
            self.result_count = len(page.rows) if self.sieved_count is None else self.sieved_count
            self.is_count_capped = self.sieved_count is None
        self.estimate = estimate_of(self.model) if self.is_count_capped and is_whole else 0
        self.full_result_count = self.result_count  # the same, so that the frame prints no count of its own
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = False
        self.paginator = paginator
        self.newer_link = self._link(before=page.newer) if page.newer else ""
        self.older_link = self._link(after=page.older) if page.older else ""

    def _is_many(self, share: float) -> bool:
        """Whether so many must fit that counting as far as is told otherwise would cost more than the page."""
        return share * estimate_of(self.model) > MANY

    def read_rows(self, *, after: str, before: str) -> Any:
        """The page after or before a cursor: a `KeysetPage`, or one that tells more."""
        return read_page(
            self.queryset, order=self.order.fields, size=self.list_per_page, after=after, before=before,
            sieve=self.sieve,
        )  # fmt: skip

    @property
    def looked_text(self) -> str:
        return number(self.looked)

    @property
    def whole_link(self) -> str:
        """The same list, read to its end."""
        return str(self.get_query_string({"whole": "1"}, remove=["after", "before"]))

    @property
    def has_own_filters(self) -> bool:
        """Whether the list is narrowed by more than its search, its view and the theme's filters."""
        return False

    @property
    def own_empty(self) -> Empty | None:
        """What the list says instead when it is empty for a reason of its own, such as a period that nobody chose."""
        return None

    def _link(self, **cursor: str) -> str:
        gone = [name for name in ("after", "before") if name not in cursor]
        return str(self.get_query_string(cursor, remove=gone))

    @property
    def view_links(self) -> list[dict[str, Any]]:
        current = self.view
        return [
            {
                "label": view.label, "is_current": view is current, "starts_group": view.starts_group,
                "link": self.get_query_string({"view": view.key} if view.key else {}, remove=["after", "before", "view"]),
            }
            for view in self.model_admin.views
        ]  # fmt: skip

    @property
    def order_links(self) -> list[dict[str, Any]]:
        orders = self.model_admin.get_orders()
        return [
            {
                "label": order.label, "is_current": order is self.order,
                "link": self.get_query_string({"sort": order.key}, remove=["after", "before", "sort"]),
            }
            for order in orders
            if len(orders) > 1
        ]  # fmt: skip

    @property
    def clear_link(self) -> str:
        view = self.params.get("view")
        return f"?view={view}" if view and self.view is not None else "?"


class ListAdmin(ModelAdmin):
    """A list that never counts or skips through a whole table.

    `orders`: the ways to sort; by default newest first by primary key. `views`: saved views above the list. `empty`: what
    an empty list says.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    actions = None
    sortable_by = ()
    views: tuple[View, ...] = ()
    orders: tuple[Order, ...] = ()
    empty: Empty | None = None
    list_before_template = "ui/list_views.html"
    noun: Any = ""  # what one is called, and many, where the model's own name says it badly
    nouns: Any = ""
    change_form_show_cancel_button = True

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """What a form points to is deleted on its own page, which knows whether it may be."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and hasattr(field.widget, "can_delete_related"):
            field.widget.can_delete_related = False
        return field

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_orders(self) -> tuple[Order, ...]:
        return self.orders or (Order("", "", tuple(self.ordering or ("-pk",))),)

    def prepare_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Read what the columns of these rows need, in a fixed number of queries."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = self.nouns or self.opts.verbose_name_plural
        return super().changelist_view(
            request,
            {"title": str(title)[:1].upper() + str(title)[1:], "subtitle": None} | (extra_context or {}),
        )


class ReadOnlyAdmin(ListAdmin):
    """A list and record to look at; what changes them are services."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
