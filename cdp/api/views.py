"""The base of all REST views: who asks, what they may, how fast, how a body is read and how a fault is told."""

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from cdp.api.errors import Refused, error_object, error_reply
from cdp.api.limits import RateLimit
from cdp.api.replies import json_reply
from cdp.api.rights import OPENS, Group
from cdp.api.wire import JsonObject, read_json

log = structlog.get_logger(__name__)

LIMIT_PER_SECOND = 100
CORS = {
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": "POST, GET, PUT, OPTIONS, DELETE",
    "Access-Control-Max-Age": "3600",
    "Access-Control-Allow-Headers": (
        "Content-Type, Accept, Content-Range, Content-Disposition, Content-Description, X-Requested-With, remember-me, "
        "Authorization"
    ),
}
limit = RateLimit()


class HasRight(BasePermission):
    """The key has a right that opens the route's group; who is unknown is told so first."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal: Any = request.user
        if principal is None:
            raise Refused(401, "unauthorized", "Full authentication is required to access this resource")
        groups = view.groups.get(request.method, ())
        if groups and not any(principal.may(OPENS[group]) for group in groups):
            raise Refused(403, "forbidden", "The key has no right to call this method")
        return True


@method_decorator([csrf_exempt, gzip_page], name="dispatch")
class ApiView(APIView):
    """One route. `groups`: method → groups of rights, any of which opens it; `limits`: method → requests a second."""

    groups: ClassVar[dict[str, tuple[Group, ...]]] = {}
    limits: ClassVar[dict[str, int]] = {}
    permission_classes = (HasRight,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if request.method and request.method.lower() not in self.http_method_names_served():
            self.perform_authentication(request)
            if request.user is None:
                raise Refused(401, "unauthorized", "Full authentication is required to access this resource")
            raise MethodNotAllowed(request.method)
        self.perform_authentication(request)
        self.check_permissions(request)
        self._check_rate(request)

    def http_method_names_served(self) -> list[str]:
        return [name for name in ("get", "post", "put", "delete") if hasattr(self, name)]

    @property
    def default_response_headers(self) -> dict[str, str]:
        """None: `Allow` goes with a 405 only, and nothing here varies by `Accept`."""
        return {}

    def _check_rate(self, request: Request) -> None:
        most = self.limits.get(request.method or "", LIMIT_PER_SECOND)
        principal: Any = request.user
        name = f"{principal.id}:{type(self).__name__}:{request.method}"
        if settings.API_RATE_LIMITS and not limit.take(name, most):
            raise Refused(429, "rate", f"At most {most} requests a second")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        if request.method == "OPTIONS":  # browsers ask before they show credentials
            reply: HttpResponseBase = HttpResponse(b"", status=200)
        else:
            with override("en"):  # the wire speaks English, whatever the client's language
                reply = super().dispatch(request, *args, **kwargs)
        reply["Content-Language"] = "en"
        for name, value in CORS.items():
            reply[name] = value
        return reply

    def body(self, request: Request) -> Any:
        """The decoded JSON body; None when there is none.

        Raises:
            Refused: 415 for another media type, 413 for a body that is too large, 400 for malformed JSON.
        """
        media, charset = _media_type(request.META.get("CONTENT_TYPE", ""))
        try:
            body = request._request.body
        except RequestDataTooBig as error:
            raise Refused(413, "too_large", "The request is too large") from error
        if not body.strip():
            return None
        if media not in ("", "application/json"):
            raise Refused(415, "media_type", f"Content type '{media}' not supported")
        return read_json(body, charset)

    def json_object(self, request: Request) -> JsonObject:
        """The body as an object; an absent body is an empty one."""
        found = self.body(request)
        return JsonObject.of({} if found is None else found)

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        now = datetime.now(UTC)
        refusal = _as_refusal(exc)
        if refusal is None:
            log.exception("api_failed", path=self.request.path)
            refusal = Refused(500, "internal", "The request could not be served")
        kind, body = error_reply(refusal, path=self.request.path, now=now)
        reply = HttpResponse(body, content_type=kind, status=refusal.status)
        if refusal.status == 401:
            reply["WWW-Authenticate"] = 'Basic realm="Yespo"'
        if refusal.status == 405:
            names = self.http_method_names_served()
            reply["Allow"] = ", ".join(name.upper() for name in names)
        if refusal.status in (429, 503):
            reply["Retry-After"] = "1"
        return reply


def _as_refusal(error: Exception) -> Refused | None:
    if isinstance(error, Refused):
        return error
    if isinstance(error, MethodNotAllowed):
        return Refused(405, "method", "Request method is not supported")
    if isinstance(error, APIException):
        return Refused(error.status_code, str(error.default_code), str(error.detail))
    return None


def _media_type(header: str) -> tuple[str, str]:
    """Media type and charset of a Content-Type header."""
    media, _, rest = header.partition(";")
    found = re.search(r"charset=\"?([\w.:-]+)", rest, re.IGNORECASE)
    return media.strip().lower(), (found[1] if found else "utf-8").lower()


def unknown_route(request: HttpRequest) -> HttpResponse:
    """The 404 of an address the API does not have."""
    body = error_object(404, "No such method", path=request.path, now=datetime.now(UTC))
    reply = json_reply(body, status=404)
    for name, value in CORS.items():
        reply[name] = value
    return reply
