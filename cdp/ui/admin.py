"""Bases of the admin's screens."""

from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

COUNT_LIMIT = 10_000


class CappedPaginator(Paginator):
    """Counts no further than `COUNT_LIMIT` rows, so that a list of millions opens at once."""

    @cached_property
    def count(self) -> int:
        query: Any = self.object_list
        sql, params = query.order_by().values("pk")[:COUNT_LIMIT].query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({sql}) AS capped", params)
            return int(cursor.fetchone()[0])


class ListAdmin(ModelAdmin):
    """A list that never counts a whole table."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions = None


class ReadOnlyAdmin(ListAdmin):
    """A list and record to look at; what changes them are services."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
