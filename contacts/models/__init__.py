"""Models of people: contacts, visitors, identifiers, addresses, fields, lists, imports."""

from contacts.models.fields import ContactField, FieldGroup, FieldType
from contacts.models.identifiers import (
    Address,
    AddressChange,
    AddressKind,
    AddressStatus,
    Device,
    IdentifierChange,
    IdentifierKind,
    Key,
)
from contacts.models.imports import ImportSession, ImportState
from contacts.models.lists import ContactList, ListMember, SubscriptionCategory, SubscriptionChoice
from contacts.models.people import Contact, ContactState, PersonMove, Source, Visitor

__all__ = [
    "Address",
    "AddressChange",
    "AddressKind",
    "AddressStatus",
    "Contact",
    "ContactField",
    "ContactList",
    "ContactState",
    "Device",
    "FieldGroup",
    "FieldType",
    "IdentifierChange",
    "IdentifierKind",
    "ImportSession",
    "ImportState",
    "Key",
    "ListMember",
    "PersonMove",
    "Source",
    "SubscriptionCategory",
    "SubscriptionChoice",
    "Visitor",
]
