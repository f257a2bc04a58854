"""What pages may load: the strict policy of the settings, and what the admin's theme needs beyond it."""

from csp.constants import UNSAFE_EVAL
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse


class PolicyMiddleware(CSPMiddleware):  # type: ignore[misc]
    """Allows `eval` on admin pages only: Alpine.js evaluates the expressions of their templates."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(reverse("admin:index")):
            scripts = (parts.update or {}).get("script-src", ())
            parts.update = {**(parts.update or {}), "script-src": [*scripts, UNSAFE_EVAL]}
        return parts
