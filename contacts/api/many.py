"""Routes of many contacts: search, look-up of addresses, bulk add and its progress (API document, 9.1, 9.2, 10)."""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from cdp.api.errors import Refused
from cdp.api.moments import write_moment, zone_of
from cdp.api.paging import read_page
from cdp.api.replies import json_reply, present, unwrap
from cdp.api.rights import Group
from cdp.api.views import ApiView
from cdp.api.wire import MAX_INT, query_list, refuse
from cdp.models import Account
from contacts.api import shapes
from contacts.api.single import actor_of, guard
from contacts.models import Contact, ContactField, ImportSession, ImportState
from contacts.services.bulk import open_session, read_bulk
from contacts.wire import Catalogue, write_contacts

CONDITIONS = ("email", "sms", "firstname", "lastname")
MOST_IDS = 1_000


class ContactsView(ApiView):
    groups = {"GET": (Group.READ_CONTACTS,), "POST": (Group.WRITE_CONTACTS,)}
    limits = {"GET": "contacts", "POST": "contacts"}

    @extend_schema(
        summary="Search contacts",
        responses=shapes.Contact(many=True),
        parameters=[
            OpenApiParameter(name)
            for name in (*CONDITIONS, "externalCustomerId", "startindex", "maxrows", "sortBy")
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        query = request.GET
        conditions = {name: query.get(name, "").strip() for name in CONDITIONS}
        conditions = {name: value for name, value in conditions.items() if value}
        external_id = query.get("externalCustomerId", "").strip()
        if external_id and conditions:
            raise refuse("externalCustomerId", "cannot be combined with another condition")
        rows = Contact.objects.active().matching(external_id=external_id, **conditions)
        by_id = bool(conditions or external_id) or query.get("sortBy") == "contactId"
        rows = rows.order_by("pk") if by_id else rows.order_by("updated_at", "pk")
        page = read_page(query)
        zone = Account.objects.get(pk=1).time_zone
        fields = {field.pk: field for field in ContactField.objects.all()}
        found = write_contacts(list(rows[page.start : page.stop]), zone_name=zone, fields=fields)
        return json_reply(found, total=rows.count())

    @extend_schema(
        summary="Add or update many contacts", request=shapes.BulkRequest, responses=shapes.BulkReply
    )
    def post(self, request: Request) -> HttpResponse:
        """Answers at once with a session; the work is done in the background."""
        now = datetime.now(UTC)
        body = self.json_object(request)
        bulk, failed = read_bulk(body, Catalogue.load())
        with transaction.atomic():
            if settings.API_GUARD_BULK:
                guard(request, now)
            session = open_session(bulk, actor=actor_of(request), now=now)
        reply: dict[str, Any] = {"id": 0, "asyncSessionId": str(session.pk)}
        if failed:
            reply["failedContacts"] = unwrap(failed)
        return json_reply(reply)


class ImportStatusView(ApiView):
    groups = {"GET": (Group.WRITE_CONTACTS,)}

    @extend_schema(summary="Progress of a bulk request", responses=shapes.ImportStatus)
    def get(self, request: Request, session_id: str) -> HttpResponse:  # noqa: ARG002
        try:
            session = ImportSession.objects.filter(pk=uuid.UUID(session_id)).first()
        except ValueError:
            session = None
        if session is None:
            raise Refused(404, "not_found", f"Import session '{session_id[:60]}' not found")
        zone = zone_of(Account.objects.get(pk=1).time_zone)
        mapping = [{"dedupeValue": value, "contactId": contact_id} for value, contact_id in session.mapping]
        is_over = session.state == ImportState.FINISHED
        return json_reply(
            present(
                status=session.state,
                mapping=unwrap(mapping) if is_over else None,
                timestamp=write_moment(session.state_at, zone),
                description=session.description or None,
            )
        )


class ContactEmailsView(ApiView):
    groups = {"GET": (Group.READ_CONTACTS,)}

    @extend_schema(
        summary="E-mails of contacts",
        responses=shapes.ContactEmails,
        parameters=[OpenApiParameter("ids", required=True)],
    )
    def get(self, request: Request) -> HttpResponse:
        ids = query_list(request.GET.getlist("ids"))
        if not ids:
            raise refuse("ids", "is required", code="required")
        if len(ids) > MOST_IDS:
            raise refuse("ids", f"must hold at most {MOST_IDS} ids")
        wrong = [text for text in ids if not (text.isascii() and text.isdigit())]
        if wrong:
            raise refuse("ids", f"'{wrong[0][:40]}' is not a contact id")
        wanted = [int(text) for text in ids if int(text[:20]) <= MAX_INT]
        rows = Contact.objects.active().filter(pk__in=wanted, email__isnull=False).order_by("pk")
        found = [{"contactId": pk, "email": email} for pk, email in rows.values_list("pk", "email")]
        return json_reply({"results": found})
