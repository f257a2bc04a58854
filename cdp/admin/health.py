"""The health of the engines."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from cdp.models import EngineState
from cdp.ui.admin import ReadOnlyAdmin

LATE_BACKLOG = timedelta(minutes=1)
SILENT = timedelta(seconds=30)


@admin.register(EngineState)
class EngineStateAdmin(ReadOnlyAdmin):
    """The health page: one query over heartbeats, so that it works while engines are down."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        rows = [describe(state, now) for state in EngineState.objects.order_by("name")]
        context = self.admin_site.each_context(request) | {
            "title": _("Health"), "opts": self.opts, "rows": rows, "checked": now,
            "worse": sum(row["state"] != "healthy" for row in rows),
        }  # fmt: skip
        return render(request, "ui/health.html", context)


def describe(state: EngineState, now: Any) -> dict[str, Any]:
    """An engine's state in one word, and what to do about it."""
    word, advice = "healthy", ""
    if state.heartbeat_at is None:
        word, advice = "never", _("Start a worker: manage.py work fast, manage.py work bulk.")
    elif now - state.heartbeat_at > SILENT:
        word, advice = "silent", _("Its worker is away. Look whether manage.py work runs, and at its log.")
    elif state.last_error_at and now - state.last_error_at < SILENT:
        word, advice = "failing", _("It tries again by itself. Mend what the error names.")
    elif state.oldest_at and now - state.oldest_at > LATE_BACKLOG:
        word, advice = "late", _("Work comes in faster than it is done. Start one more worker.")
    return {"engine": state, "state": word, "advice": advice}
