"""Routes of lists, subscription categories and the field catalogue (API document, 8, 9.11, 10)."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from cdp.api.errors import Refused
from cdp.api.moments import write_moment, zone_of
from cdp.api.paging import read_page
from cdp.api.replies import json_reply, text_reply, unwrap
from cdp.api.rights import Group
from cdp.api.views import ApiView
from cdp.api.wire import JsonObject, refuse
from cdp.models import Account
from contacts import groups
from contacts.api import shapes
from contacts.field_types import WIRE_NAMES
from contacts.models import (
    Contact,
    ContactField,
    ContactList,
    FieldGroup,
    FieldType,
    ListMember,
    SubscriptionCategory,
)
from contacts.services.lists import add_to_list, remove_from_list
from contacts.wire import ADDRESS_BOOK, write_contacts

MOST_AT_ONCE = 500
LARGEST_LIST_ID = 2**31 - 1
PAGING = [OpenApiParameter("startindex", int), OpenApiParameter("maxrows", int)]


def find_list(text: str) -> ContactList:
    """Raises: Refused: 404, no list has the id."""
    found = ContactList.objects.filter(pk=int(text)).first() if int(text) <= LARGEST_LIST_ID else None
    if found is None:
        raise Refused(404, "not_found", f"Segment with id='{text}' not found")
    return found


class GroupsView(ApiView):
    groups = {"GET": (Group.READ_CONTACTS,)}

    @extend_schema(
        summary="Segments", responses=shapes.Group(many=True), parameters=[OpenApiParameter("name"), *PAGING]
    )
    def get(self, request: Request) -> HttpResponse:
        name = request.GET.get("name", "").strip().replace("\0", "")
        rows = groups.all_groups(ContactList.objects.all(), name=name)
        page = read_page(request.GET)
        written = [
            {"id": pk, "name": title, "type": kind} for pk, title, kind in rows[page.start : page.stop]
        ]
        return json_reply(written, total=rows.count())


class GroupContactsView(ApiView):
    groups = {"GET": (Group.READ_CONTACTS,)}

    @extend_schema(
        summary="Contacts of a segment",
        responses=shapes.Contact(many=True),
        parameters=[*PAGING, OpenApiParameter("orderByTs", bool), OpenApiParameter("asc", bool)],
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        query = JsonObject(request.GET.dict())
        ascending = query.flag("asc", default=True)
        page = read_page(request.GET)
        other = groups.find_members(int(id), start=page.start, stop=page.stop, ascending=bool(ascending))
        if other is not None:  # no list: who is in it is known by id only
            return json_reply(self._write(list(other[0])), total=other[1])
        found = find_list(id)
        sign = "" if ascending else "-"
        order = ("added_at", "contact_id") if query.flag("orderByTs") else ("contact_id",)
        active = Contact.objects.active().values("pk")
        members = ListMember.objects.filter(list=found, contact_id__in=active)
        ordered = members.order_by(*(sign + name for name in order)).values_list("contact_id", flat=True)
        return json_reply(self._write(list(ordered[page.start : page.stop])), total=members.count())

    def _write(self, ids: list[int]) -> list[Any]:
        rows = Contact.objects.in_bulk(ids)
        zone = Account.objects.get(pk=1).time_zone
        fields = {field.pk: field for field in ContactField.objects.all()}
        return write_contacts([rows[pk] for pk in ids if pk in rows], zone_name=zone, fields=fields)


class AttachView(ApiView):
    groups = {"POST": (Group.WRITE_CONTACTS,)}

    @extend_schema(summary="Add contacts to a list", request=shapes.ListContacts, responses=OpenApiTypes.STR)
    def post(self, request: Request, id: str) -> HttpResponse:
        found = find_list(id)
        ids = read_ids(self.json_object(request))
        if ids is None:
            raise refuse("contactIds", "or externalCustomerIds is required", code="required")
        add_to_list(found.pk, ids, now=datetime.now(UTC))
        return text_reply(f"Contacts have been attached to segment with id='{id}'")


class DetachView(ApiView):
    groups = {"POST": (Group.WRITE_CONTACTS,)}

    @extend_schema(
        summary="Remove contacts from a list; with no ids, everybody", request=shapes.ListContacts,
        responses=OpenApiTypes.STR,
    )  # fmt: skip
    def post(self, request: Request, id: str) -> HttpResponse:
        found = find_list(id)
        remove_from_list(found.pk, read_ids(self.json_object(request)), now=datetime.now(UTC))
        return text_reply(f"Contacts have been detached from segment with id='{id}'")


def read_ids(body: JsonObject) -> list[int] | None:
    """Contact ids of an attach or detach request; None when it names nobody.

    Raises:
        Refused: 400, more than 500, or both kinds at once.
    """
    ids = body.integers("contactIds") or body.integers("contactId")
    external = body.texts("externalCustomerIds", most=255) or body.texts("externalCustomerId", most=255)
    if ids and external:
        raise refuse("externalCustomerIds", "cannot be combined with contactIds")
    for name, found in (("contactIds", ids), ("externalCustomerIds", external)):
        if len(found) > MOST_AT_ONCE:
            raise refuse(name, f"must hold at most {MOST_AT_ONCE} ids")
    if external:
        return list(Contact.objects.owners_of(*external).values_list("person_id", flat=True))
    return ids or None


class SubscriptionsView(ApiView):
    groups = {"GET": (Group.GENERAL,)}

    @extend_schema(summary="Subscription categories of the account", responses=shapes.Category(many=True))
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        zone = zone_of(Account.objects.get(pk=1).time_zone)
        rows = SubscriptionCategory.objects.order_by("pk").annotate(members=Count("list__members"))
        return json_reply(
            [
                {
                    "id": row.pk, "key": row.key, "groupId": row.list_id, "contactsCount": row.members,
                    "createdDate": write_moment(row.created_at, zone),
                    "updatedDate": write_moment(row.updated_at, zone), "name": row.name,
                }
                for row in rows
            ]
        )  # fmt: skip


class AddressBooksView(ApiView):
    groups = {"GET": (Group.GENERAL,)}

    @extend_schema(summary="The catalogue of additional fields", responses=shapes.AddressBooks)
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        account = Account.objects.get(pk=1)
        groups = []
        for group in FieldGroup.objects.prefetch_related("fields"):
            fields = [write_field(field) for field in group.fields.all()]
            if fields:  # a group without fields is inactive
                groups.append({"name": group.name, "profileKey": group.key, "fields": unwrap(fields)})
        book = {
            "addressBookId": ADDRESS_BOOK,
            "name": account.organisation_name,
            "fieldGroups": unwrap(groups),
        }
        return json_reply({"addressBook": book})


class AdditionalFieldsView(ApiView):
    groups = {"GET": (Group.FULL_ONLY,)}

    @extend_schema(summary="Additional fields, flat", responses=shapes.AdditionalField(many=True))
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        return json_reply([write_field(field) for field in ContactField.objects.all()])


def write_field(field: ContactField) -> dict[str, Any]:
    description: dict[str, Any] = {
        "type": WIRE_NAMES[field.type], "required": field.is_required, "readonly": field.is_readonly,
    }  # fmt: skip
    allowed: dict[str, Any] = {}
    options = ["true", "false"] if field.type == FieldType.BOOLEAN else field.options
    if options:
        allowed["possibleValues"] = unwrap(options)
    if field.least is not None:
        allowed["minValue"] = int(field.least)
    if field.most is not None:
        allowed["maxValue"] = int(field.most)
    if allowed:
        description["allowedValues"] = allowed
    return {"id": field.pk, "name": field.name, "fieldKey": field.key, "description": description}
