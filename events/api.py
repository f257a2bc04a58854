"""The intake routes as ordinary views, for WSGI hosts and the OpenAPI document; `events.intake.app` serves them faster.

Both read and accept by the same functions.
"""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from cdp.api.errors import Refused
from cdp.api.replies import empty_reply, json_reply
from cdp.api.rights import Group
from cdp.api.views import ApiView
from events.intake.accept import accept_many
from events.intake.reading import MAX_BATCH_BODY, read_batch, read_single
from events.intake.replies import batch_reply


class Parameter(serializers.Serializer):
    name = serializers.CharField(max_length=100)
    value = serializers.JSONField()


class EventRequest(serializers.Serializer):
    eventTypeKey = serializers.CharField(max_length=100)
    keyValue = serializers.CharField(max_length=300, required=False)
    params = Parameter(many=True, required=False)
    eventId = serializers.CharField(
        required=False, help_text="the same id again changes nothing, for 72 hours"
    )
    occurred = serializers.CharField(required=False, help_text="when it happened, ISO 8601; absent: now")


class EventsRequest(serializers.Serializer):
    events = EventRequest(many=True)


class EventVerdict(serializers.Serializer):
    i = serializers.IntegerField()
    status = serializers.ChoiceField(["accepted", "duplicate", "rejected"])
    eventId = serializers.UUIDField(required=False)
    code = serializers.CharField(required=False)
    path = serializers.CharField(required=False)
    message = serializers.CharField(required=False)


class EventsReply(serializers.Serializer):
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = serializers.IntegerField()
    items = EventVerdict(many=True)


class EventView(ApiView):
    """`version` decides how parameters are written: escaped text, any JSON, or an object."""

    groups = {"POST": (Group.EVENTS,)}
    limits = {"POST": 350}
    version = 2

    @extend_schema(summary="Generate an event", request=EventRequest, responses={200: None})
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

    @extend_schema(summary="Generate many events", request=EventsRequest, responses=EventsReply)
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
