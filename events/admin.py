"""The registry of event types."""

from django.contrib import admin

from cdp.ui.admin import ReadOnlyAdmin
from events.models import EventType


@admin.register(EventType)
class EventTypeAdmin(ReadOnlyAdmin):
    list_display = ("name", "key", "category", "use_for_segmentation", "validation_mode", "last_seen_at")
    list_filter = ("category", "validation_mode")
    search_fields = ("key", "name")
    ordering = ("key",)
