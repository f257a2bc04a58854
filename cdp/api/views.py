"""The base of all REST views: who asks, what they may, how fast, how a body is read and how a fault is told."""

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

from cdp.api.bodies import plain_body, too_large
from cdp.api.errors import Refused, error_object, error_reply, too_many
from cdp.api.limits import RateLimit
from cdp.api.replies import empty_reply, json_reply
from cdp.api.rights import OPENS, Group
from cdp.api.wire import JsonObject, read_json

log = structlog.get_logger(__name__)

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


def served_as(method: str | None) -> str:
    """The method whose rules hold."""
    return "GET" if method == "HEAD" else method or ""


class HasRight(BasePermission):
    """The key has a right that opens the route's group; who is unknown is told so first."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal: Any = request.user
        if principal is None:
            raise Refused(401, "unauthorized", "Full authentication is required to access this resource")
        groups = view.groups.get(served_as(request.method), ())
        if groups and not any(principal.may(OPENS[group]) for group in groups):
            raise Refused(403, "forbidden", "The key has no right to call this method")
        return True


@method_decorator([csrf_exempt, gzip_page], name="dispatch")
class ApiView(APIView):
    """One route. `groups`: method → groups of rights, any of which opens it.

    `limits`: method → requests a second, as a number or as a name in the setting API_RATES; else `other`.
    A method HEAD is the route's GET without its body.
    """

    groups: ClassVar[dict[str, tuple[Group, ...]]] = {}
    limits: ClassVar[dict[str, int | str]] = {}
    permission_classes = (HasRight,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if served_as(request.method) not in self.methods():
            self.perform_authentication(request)
            if request.user is None:
                raise Refused(401, "unauthorized", "Full authentication is required to access this resource")
            raise MethodNotAllowed(request.method or "")
        self.perform_authentication(request)
        self.check_permissions(request)
        self._check_rate(request)

    def methods(self) -> list[str]:
        """The methods this route has."""
        return [name for name in ("GET", "POST", "PUT", "DELETE") if hasattr(self, name.lower())]

    @property
    def default_response_headers(self) -> dict[str, str]:
        """None: `Allow` goes with a 405 only, and nothing here varies by `Accept`."""
        return {}

    def _check_rate(self, request: Request) -> None:
        method = served_as(request.method)
        most = self.limits.get(method, "other")
        if isinstance(most, str):
            most = settings.API_RATES[most]
        principal: Any = request.user
        name = f"{principal.id}:{principal.name}:{type(self).__name__}:{method}"
        if settings.API_RATE_LIMITS and not limit.take(name, most):
            raise too_many(most)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        if request.method == "OPTIONS":  # browsers ask before they show credentials
            reply: HttpResponseBase = empty_reply()
        else:
            with override("en"):  # the wire speaks English, whatever the client's language
                reply = super().dispatch(request, *args, **kwargs)
        reply["Content-Language"] = "en"
        for name, value in CORS.items():
            reply[name] = value
        return reply

    def plain_body(self, request: Request, *, most: int = 0) -> bytes:
        """The body as UTF-8, unpacked, of at most `most` bytes (0: what the product takes at all).

        Raises:
            Refused: 415 for another media type, 413 for a body that is too large.
        """
        largest = most or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        try:
            body = request._request.body
        except RequestDataTooBig as error:
            raise too_large(largest) from error
        return plain_body(
            body, content_type=request.META.get("CONTENT_TYPE", ""),
            content_encoding=request.META.get("HTTP_CONTENT_ENCODING", ""), most=largest,
        )  # fmt: skip

    def body(self, request: Request) -> Any:
        """The decoded JSON body; None when there is none.

        Raises:
            Refused: 415 for another media type, 413 for a body that is too large, 400 for malformed JSON.
        """
        body = self.plain_body(request)
        return read_json(body) if body.strip() else None

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
        for name, value in refusal.headers.items():
            reply[name] = value
        if refusal.status == 405:
            reply["Allow"] = ", ".join(self.methods())
        return reply


def _as_refusal(error: Exception) -> Refused | None:
    if isinstance(error, Refused):
        return error
    if isinstance(error, MethodNotAllowed):
        return Refused(405, "method", "Request method is not supported")
    if isinstance(error, APIException):
        return Refused(error.status_code, str(error.default_code), str(error.detail))
    return None


@csrf_exempt
def unknown_route(request: HttpRequest) -> HttpResponse:
    """The 404 of an address the API does not have."""
    body = error_object(404, "No such method", path=request.path, now=datetime.now(UTC))
    reply = json_reply(body, status=404)
    for name, value in CORS.items():
        reply[name] = value
    return reply
