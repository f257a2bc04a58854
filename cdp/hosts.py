"""Which host names requests may come under: those of CDP_ALLOWED_HOSTS for people; any for programs.

Programs reach the API by names of their own (API document, 1) and probes by addresses; no reply to them is made of the name.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware

FOR_PROGRAMS = ("/api/", "/healthz", "/readyz", "/metrics")


class HostMiddleware(CommonMiddleware):
    """Django's own, but for the addresses of programs."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:  # type: ignore[override]
        if request.path_info.startswith(FOR_PROGRAMS):
            return None
        return super().process_request(request)
