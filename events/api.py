"""The intake routes as ordinary views, for WSGI hosts and the OpenAPI document; `events.intake.app` serves them faster.

Both read and accept by the same functions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from cdp.api.errors import Refused
from cdp.api.replies import empty_reply, json_reply
from cdp.api.rights import Group
from cdp.api.views import ApiView
from events.intake.accept import accept_many
from events.intake.diary import Sent
from events.intake.reading import MAX_BATCH_BODY, read_batch, read_single
from events.intake.replies import batch_reply, single_headers
from events.services.refusals import keep_refusals


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
    limits = {"POST": "events"}
    version = 2

    @extend_schema(
        summary="Generate an event",
        request=EventRequest,
        responses={200: None},
        parameters=[OpenApiParameter("Idempotency-Key", location="header", description="stands for eventId")],
    )
    def post(self, request: Request) -> HttpResponse:
        sent = Sent(b"", _actor(request))
        with kept(sent):
            sent.body = self.plain_body(request, most=settings.API_EVENT_BYTES)
            event_id = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
            event = read_single(sent.body, version=self.version, event_id=event_id)
            sent.type_key = event.type_key
            [verdict] = accept_many([event], actor=sent.actor, now=datetime.now(UTC), source="api")
            if verdict.refusal is not None:
                raise verdict.refusal
        reply = empty_reply()
        for name, value in single_headers(verdict):
            reply[name] = value
        return reply


class EventBatchView(ApiView):
    groups = {"POST": (Group.EVENTS,)}
    limits = {"POST": "batches"}

    @extend_schema(summary="Generate many events", request=EventsRequest, responses=EventsReply)
    def post(self, request: Request) -> HttpResponse:
        now = datetime.now(UTC)
        sent = Sent(b"", _actor(request))
        with kept(sent):
            sent.body = self.plain_body(request, most=MAX_BATCH_BODY)
            events = read_batch(sent.body)
            verdicts = accept_many(events, actor=sent.actor, now=now, source="batch")
        pairs = zip(events, verdicts, strict=True)
        keep_refusals(
            [sent.item(event).refusal(found.refusal, now=now) for event, found in pairs if found.refusal]
        )
        return json_reply(batch_reply(verdicts))


@contextmanager
def kept(sent: Sent) -> Iterator[None]:
    """Keeps the refusal of what was sent in the diary of refused events."""
    try:
        yield
    except Refused as refusal:
        if sent.body:
            keep_refusals([sent.refusal(refusal, now=datetime.now(UTC))])
        raise


def _actor(request: Request) -> str:
    principal: Any = request.user
    return str(principal.name)
