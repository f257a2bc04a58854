"""Which rights open which routes: the vendor's function groups (API document, 6)."""

from enum import IntEnum


class Group(IntEnum):
    GENERAL = 1
    WRITE_CONTACTS = 2
    READ_CONTACTS = 3
    ACTIVITY = 4
    EVENTS = 5
    MESSAGES = 6
    FULL_ONLY = 7


ALL = frozenset({"full", "events", "events_contacts", "events_contacts_write", "messages"})
OPENS: dict[Group, frozenset[str]] = {
    Group.GENERAL: ALL,
    Group.WRITE_CONTACTS: frozenset({"full", "events_contacts", "events_contacts_write"}),
    Group.READ_CONTACTS: frozenset({"full", "events_contacts"}),
    Group.ACTIVITY: frozenset({"full", "events_contacts"}),
    Group.EVENTS: frozenset({"full", "events", "events_contacts", "events_contacts_write"}),
    Group.MESSAGES: frozenset({"full", "messages"}),
    Group.FULL_ONLY: frozenset({"full"}),
}
