"""Settings of the account and the health of the engines."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from cdp.models import Account, EngineState
from cdp.ui.admin import ListAdmin, ReadOnlyAdmin


@admin.register(Account)
class AccountAdmin(ListAdmin):
    list_display = ("organisation_name", "time_zone", "language", "currency")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(EngineState)
class EngineStateAdmin(ReadOnlyAdmin):
    list_display = ("name", "heartbeat_at", "backlog", "oldest_at", "rate", "last_error_at")
    ordering = ("name",)
