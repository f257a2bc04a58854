"""Routes of one contact: add, read, update, delete, subscribe (API document, 9.4 to 9.9)."""

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from cdp.api.errors import Refused
from cdp.api.replies import empty_reply, json_reply, present, text_reply
from cdp.api.rights import Group
from cdp.api.views import ApiView
from cdp.api.wire import MAX_INT, JsonObject, check_event_key, refuse
from cdp.models import Account
from contacts.api import shapes
from contacts.models import Contact, ContactField, ContactState
from contacts.services.doors import add_contact, put_contact, subscribe_contact
from contacts.services.lifecycle import delete_contacts, erase_contacts
from contacts.services.merging import resolve_merged
from contacts.services.subscriptions import categories_of, set_subscriptions, subscribed_categories
from contacts.wire import Catalogue, read_contact, write_contacts
from partners.guard import refuse_repeat

READ, WRITE = (Group.READ_CONTACTS,), (Group.WRITE_CONTACTS,)
PER_SECOND = "contacts"
LONGEST_FORM_TYPE = 70


def not_found(contact_id: str | int) -> Refused:
    return Refused(404, "not_found", f"Contact with id='{contact_id}' not found")


def readable_id(text: str) -> int:
    """The id of a URL; one that no contact can have is not found. Raises: Refused: 404."""
    number = int(text)
    if number > MAX_INT:
        raise not_found(text)
    return number


def guard(request: Request, now: datetime) -> None:
    """Refuse a repeat of this request within a minute; call it inside the transaction of the work."""
    inner = request._request
    principal: Any = request.user
    url = inner.get_full_path()
    refuse_repeat(principal, method=inner.method or "", url=url, body=inner.body, now=now)


def actor_of(request: Request) -> str:
    principal: Any = request.user
    return str(principal.name)


class ContactView(ApiView):
    groups = {"POST": WRITE, "DELETE": WRITE}
    limits = {"POST": PER_SECOND}

    @extend_schema(summary="Add or update a contact", request=shapes.Contact, responses=shapes.ContactId)
    def post(self, request: Request) -> HttpResponse:
        now = datetime.now(UTC)
        wire = read_contact(self.json_object(request), Catalogue.load())
        with transaction.atomic():
            guard(request, now)
            outcome = add_contact(wire, actor=actor_of(request), now=now)
        return json_reply({"id": outcome.contact_id})

    @extend_schema(summary="Delete a contact by its external id", request=None, responses={200: None})
    def delete(self, request: Request) -> HttpResponse:
        """The external id and `erase` come in the query or in a JSON body."""
        sent = self.body(request) if "externalCustomerId" not in request.GET else None
        body = JsonObject(sent if isinstance(sent, dict) else request.GET.dict())
        external_id = body.text("externalCustomerId")
        if external_id is None:
            raise refuse("externalCustomerId", "is required", code="required")
        erase = body.flag("erase")
        states = [ContactState.ACTIVE, *([ContactState.DELETED] if erase else [])]
        found = (
            Contact.objects.filter(
                pk__in=Contact.objects.owners_of(external_id).values("person_id"), state__in=states
            )
            .values_list("pk", flat=True)
            .first()
        )
        if found is None:
            raise Refused(404, "not_found", f"Contact with externalCustomerId='{external_id}' not found")
        remove(found, erase=erase, actor=actor_of(request))
        return empty_reply()


def remove(contact_id: int, *, erase: bool, actor: str) -> int:
    """Delete or erase one contact; how many that were."""
    service = erase_contacts if erase else delete_contacts
    return service([contact_id], now=datetime.now(UTC), actor=actor)


class ContactByIdView(ApiView):
    groups = {"GET": READ, "PUT": WRITE, "DELETE": WRITE}
    limits = {"PUT": PER_SECOND}

    @extend_schema(summary="One contact", responses=shapes.Contact)
    def get(self, request: Request, id: str) -> HttpResponse:  # noqa: ARG002
        asked = readable_id(id)
        meant = resolve_merged([asked]).get(asked, asked)
        row = Contact.objects.active().filter(pk=meant).first()
        if row is None:
            raise not_found(id)
        zone = Account.objects.get(pk=1).time_zone
        fields = {field.pk: field for field in ContactField.objects.all()} if row.data else {}
        [contact] = write_contacts([row], zone_name=zone, fields=fields, with_groups=True)
        return json_reply(contact | ({"mergedInto": meant} if meant != asked else {}))

    @extend_schema(summary="Update a contact", request=shapes.Contact, responses=OpenApiTypes.STR)
    def put(self, request: Request, id: str) -> HttpResponse:
        now = datetime.now(UTC)
        wire = read_contact(self.json_object(request), Catalogue.load())
        wire.list_ids, wire.list_names = [], []
        with transaction.atomic():
            guard(request, now)
            put_contact(readable_id(id), wire, actor=actor_of(request), now=now)
        return text_reply(f"Contact with id='{id}' has been updated")

    @extend_schema(summary="Delete or erase a contact", responses=OpenApiTypes.STR)
    def delete(self, request: Request, id: str) -> HttpResponse:
        erase = JsonObject(request.GET.dict()).flag("erase")
        if not remove(readable_id(id), erase=erase, actor=actor_of(request)):
            raise not_found(id)
        return text_reply(f"Contact with id='{id}' has been deleted")


class ContactSubscriptionsView(ApiView):
    groups = {"GET": READ, "PUT": WRITE}

    @extend_schema(
        summary="Subscription categories of a contact", responses=shapes.ContactCategory(many=True)
    )
    def get(self, request: Request, id: str) -> HttpResponse:  # noqa: ARG002
        contact_id = self._existing(id)
        return json_reply(
            [
                {"id": row.pk, "key": row.key, "groupId": row.list_id, "name": row.name}
                for row in subscribed_categories(contact_id)
            ]
        )

    @extend_schema(
        summary="Set the categories of a contact", request=shapes.CategoryKeys, responses=OpenApiTypes.STR
    )
    def put(self, request: Request, id: str) -> HttpResponse:
        contact_id = self._existing(id)
        sent = self.body(request)
        body = JsonObject.of({"subscriptions": sent} if isinstance(sent, list) else sent)
        if not body.has("subscriptions"):
            raise refuse("subscriptions", "is required", code="required")
        categories = categories_of(body.texts("subscriptions"), path="subscriptions")
        set_subscriptions(contact_id, categories, actor=actor_of(request), now=datetime.now(UTC))
        return text_reply(f"Subscriptions of contact with id='{id}' have been updated")

    def _existing(self, text: str) -> int:
        contact_id = readable_id(text)
        if not Contact.objects.active().filter(pk=contact_id).exists():
            raise not_found(text)
        return contact_id


class SubscribeView(ApiView):
    groups = {"POST": WRITE}
    limits = {"POST": PER_SECOND}

    @extend_schema(
        summary="Subscribe a contact", request=shapes.SubscribeRequest, responses=shapes.SubscribeReply
    )
    def post(self, request: Request) -> HttpResponse:
        now = datetime.now(UTC)
        body = self.json_object(request)
        contact = body.object("contact")
        if contact is None:
            raise refuse("contact", "is required", code="required")
        wire = read_contact(contact, Catalogue.load())
        form_type = body.text("formType")
        if form_type is not None:
            check_event_key(form_type, "formType", most=LONGEST_FORM_TYPE, code="type_key_invalid")
        with transaction.atomic():
            guard(request, now)
            done = subscribe_contact(
                wire, list_names=body.texts("groups", most=255),
                categories=categories_of(body.texts("subscriptions"), path="subscriptions"),
                form_type=form_type or "", actor=actor_of(request), now=now,
            )  # fmt: skip
        return json_reply(
            present(id=done.contact_id, emailStatus=done.email_status or None) | {"new": done.is_new}
        )
