"""What a template may read: the contact, the event and data of the cause, sender, message, campaign, links, now."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from contacts.models import Contact, ContactField

COLUMNS = (
    "id", "external_id", "email", "phone", "first_name", "last_name", "address", "town", "region", "postcode",
    "language", "time_zone", "created_at", "data",
)  # fmt: skip
SHORT_FORMS = {
    "FIRSTNAME": "contact.first_name", "LASTNAME": "contact.last_name", "FULLNAME": "contact.full_name",
    "EMAIL": "contact.email", "PHONE": "contact.phone", "SMS": "contact.phone", "ADDRESS": "contact.address",
    "TOWN": "contact.town", "CITY": "contact.town", "REGION": "contact.region", "POSTCODE": "contact.postcode",
    "LANGUAGE": "contact.language", "EXTERNALID": "contact.external_id", "CONTACTID": "contact.id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Additional fields by key: the id under which `Contact.data` holds the value."""

    ids: Mapping[str, str]

    @property
    def short_forms(self) -> dict[str, str]:
        """What `%NAME%` stands for; system fields win over additional ones of the same name."""
        return {key: f"contact.fields.{key}" for key in self.ids} | SHORT_FORMS


def read_field_names() -> FieldNames:
    """One query. Of two groups with the same key the first by position counts."""
    ids: dict[str, str] = {}
    for key, pk in ContactField.objects.values_list("key", "pk"):
        ids.setdefault(key, str(pk))
    return FieldNames(ids)


class FieldValues(Mapping[str, Any]):
    """`contact.fields`: every field there is, None where the contact has no value; names without case."""

    __slots__ = ("data", "names")

    def __init__(self, data: Mapping[str, Any], names: FieldNames) -> None:
        self.data = data
        self.names = names

    def __getitem__(self, key: str) -> Any:
        pk = self.names.ids.get(key) or self.names.ids[str(key).upper()]
        return self.data.get(pk)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.ids)

    def __len__(self) -> int:
        return len(self.names.ids)


class ContactValues(Mapping[str, Any]):
    """`contact`: system fields, names without case, and `fields`."""

    __slots__ = ("row",)

    def __init__(self, row: dict[str, Any], names: FieldNames) -> None:
        self.row = row
        row["fields"] = FieldValues(row.pop("data"), names)
        row["full_name"] = " ".join(part for part in (row["first_name"], row["last_name"]) if part)

    def __getitem__(self, key: str) -> Any:
        row = self.row
        return row[key] if key in row else row[str(key).lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.row)

    def __len__(self) -> int:
        return len(self.row)


def load_contacts(ids: Collection[int], names: FieldNames) -> dict[int, ContactValues]:
    """Values of contacts, whatever their state; one query."""
    rows = Contact.objects.filter(pk__in=list(ids)).values(*COLUMNS)
    return {row["id"]: ContactValues(dict(row), names) for row in rows}


def nobody(address: str, names: FieldNames) -> ContactValues:
    """The contact of a test to an address nobody holds: all fields are empty but the e-mail."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    return ContactValues(row | {"id": 0, "email": address, "data": {}}, names)


class MergedData(Mapping[str, Any]):
    """`data`: parameters of the cause, then of its event, then fields of the contact; the first that has the name."""

    __slots__ = ("sources",)

    def __init__(self, *sources: Mapping[str, Any]) -> None:
        self.sources = sources

    def __getitem__(self, key: str) -> Any:
        for source in self.sources:
            try:
                return source[key]
            except KeyError:
                continue
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter({key for source in self.sources for key in source})

    def __len__(self) -> int:
        return len(list(iter(self)))


class OwnLinks(Mapping[str, str]):
    """`links`: made when read, as each costs a signature."""

    __slots__ = ("_made", "makers")

    def __init__(self, makers: Mapping[str, Callable[[], str]]) -> None:
        self.makers = makers
        self._made: dict[str, str] = {}

    def __getitem__(self, key: str) -> str:
        if key not in self._made:
            self._made[key] = self.makers[key]()
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.makers)

    def __len__(self) -> int:
        return len(self.makers)


@dataclass(slots=True)
class Recipient:
    """One delivery as rendering sees it."""

    delivery_id: int
    cause_month: date
    address: str
    contact: ContactValues
    context: Mapping[str, Any]
    language: str
    time_zone: str
    is_transactional: bool = False
    is_test: bool = False


def values_of(recipient: Recipient, *, links: OwnLinks, now: datetime) -> dict[str, Any]:
    """The names of a template besides sender, message and campaign; what the cause gives comes first."""
    context = recipient.context
    event = context.get("event") or {}
    data = context.get("data") or {}
    contact = recipient.contact
    return {
        **context,
        "contact": contact,
        "event": event,
        "data": MergedData(data, event, contact, contact.row["fields"]),
        "links": links,
        "now": now,
    }
