"""API keys."""

from django.contrib import admin

from cdp.ui.admin import ReadOnlyAdmin
from partners.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("name", "last_characters", "rights", "is_enabled", "created_at", "last_used_at")
    ordering = ("-id",)
