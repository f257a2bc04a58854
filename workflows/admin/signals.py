"""Signals that failed."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, Order, ReadOnlyAdmin
from cdp.ui.formatting import moment
from workflows.models import DeadSignal


@admin.register(DeadSignal)
class DeadSignalAdmin(ReadOnlyAdmin):
    list_display = ("what", "why", "when")
    orders = (Order("", "", ("-id",)),)
    empty = Empty(
        gettext_lazy("No signal failed"),
        gettext_lazy("News that a workflow cannot be started or stopped by is kept here with the reason."),
        "task_alt",
    )

    @admin.display(description=gettext_lazy("Signal"))
    def what(self, row: Any) -> SafeString:
        return format_html("{} · id {}", row.get_kind_display(), row.person_id)

    @admin.display(description=gettext_lazy("Reason"))
    def why(self, row: Any) -> SafeString:
        return format_html('<span class="ui-wrap">{}</span>', row.reason[:300])

    @admin.display(description=gettext_lazy("Failed"))
    def when(self, row: Any) -> SafeString:
        return moment(row.failed_at)
