"""Models of people: contacts, visitors, identifiers, addresses, fields, lists, imports."""

from contacts.models.audit import AuditAction, ContactAudit
from contacts.models.fields import ContactField, FieldGroup, FieldType, IndexState, MergeStrategy
from contacts.models.identifiers import (
    Address,
    AddressChange,
    AddressKind,
    AddressStatus,
    Device,
    IdentifierChange,
    IdentifierKind,
    Key,
    SuppressedAddress,
    SuppressionSalt,
)
from contacts.models.imports import ImportSession, ImportState
from contacts.models.jobs import BulkAction, ContactJob, JobKind, JobState
from contacts.models.lists import ContactList, ListMember, SubscriptionCategory, SubscriptionChoice
from contacts.models.merges import (
    DuplicatePair,
    DuplicateReason,
    DuplicateState,
    MergeRecord,
    VisitorJoin,
)
from contacts.models.people import Contact, ContactState, PersonMove, Source, Visitor
from contacts.models.views import Figure, ListChoice, SavedView

__all__ = [
    "Address",
    "AddressChange",
    "AddressKind",
    "AddressStatus",
    "AuditAction",
    "BulkAction",
    "Contact",
    "ContactAudit",
    "ContactField",
    "ContactJob",
    "ContactList",
    "ContactState",
    "Device",
    "DuplicatePair",
    "DuplicateReason",
    "DuplicateState",
    "FieldGroup",
    "FieldType",
    "Figure",
    "IdentifierChange",
    "IdentifierKind",
    "ImportSession",
    "ImportState",
    "IndexState",
    "JobKind",
    "JobState",
    "Key",
    "ListChoice",
    "ListMember",
    "MergeRecord",
    "MergeStrategy",
    "PersonMove",
    "SavedView",
    "Source",
    "SubscriptionCategory",
    "SubscriptionChoice",
    "SuppressedAddress",
    "SuppressionSalt",
    "Visitor",
    "VisitorJoin",
]
