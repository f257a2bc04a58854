"""The intake routes as ordinary views, for WSGI hosts and the OpenAPI document; `events.intake.app` serves them faster.

Both read and accept by the same functions.
"""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cdp.api.errors import Refused
from cdp.api.replies import empty_reply, json_reply
from cdp.api.rights import Group
from cdp.api.views import ApiView
from events.intake.accept import accept_many
from events.intake.reading import MAX_BATCH_BODY, read_batch, read_single
from events.intake.replies import batch_reply


class EventView(ApiView):
    """`version` decides how parameters are written: escaped text, any JSON, or an object."""

    groups = {"POST": (Group.EVENTS,)}
    limits = {"POST": 350}
    version = 2

    @extend_schema(summary="Generate an event", request=OpenApiTypes.OBJECT, responses={200: None})
    def post(self, request: Request) -> HttpResponse:
        self.body(request)
        event = read_single(request._request.body, version=self.version)
        [verdict] = accept_many([event], actor=_actor(request), now=datetime.now(UTC), source="api")
        if verdict.refusal is not None:
            raise verdict.refusal
        reply = empty_reply()
        reply["X-Event-Id"], reply["X-Event-Status"] = verdict.event_id, verdict.status
        return reply


class EventBatchView(ApiView):
    groups = {"POST": (Group.EVENTS,)}
    limits = {"POST": 50}

    @extend_schema(summary="Generate many events", request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> HttpResponse:
        self.body(request)
        body = request._request.body
        if len(body) > MAX_BATCH_BODY:
            raise Refused(413, "too_large", f"The request is larger than {MAX_BATCH_BODY} bytes")
        verdicts = accept_many(read_batch(body), actor=_actor(request), now=datetime.now(UTC), source="batch")
        return json_reply(batch_reply(verdicts))


def _actor(request: Request) -> str:
    principal: Any = request.user
    return str(principal.name)
