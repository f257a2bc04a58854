"""The people, lists and events of the segment document's vectors (11.1 to 11.4, as JSON in 11.7)."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cdp.models import Account
from contacts.models import (
    Address,
    Contact,
    ContactField,
    ContactList,
    FieldGroup,
    Key,
    ListMember,
    SubscriptionCategory,
)
from contacts.services.subscriptions import set_subscriptions, subscribe_to
from events.models import Event
from tests.events.inbox import event_type

HERE = Path(__file__).resolve().parent
DATA = json.loads((HERE / "vector_data.json").read_text())
VECTORS = json.loads((HERE / "vectors.json").read_text())
NOW = datetime.fromisoformat(DATA["now"])
FIELDS = {
    "PERSONAL.BIRTHDAY": {"type": "date", "is_regular": True},
    "PERSONAL.GENDER": {"type": "select", "options": ["F", "M"]},
    "LOYALTY.BONUSES": {"type": "integer"},
    "LOYALTY.INTERESTS": {"type": "multiselect", "options": ["sport", "books", "music"]},
}


def make_fields() -> dict[str, int]:
    """The additional fields of the vectors; ids by key."""
    found = {}
    for name, values in FIELDS.items():
        group_key, key = name.split(".")
        group, _ = FieldGroup.objects.get_or_create(key=group_key, defaults={"name": group_key.title()})
        field, _ = ContactField.objects.update_or_create(
            group=group, key=key, defaults={"name": key.title(), **values}
        )
        found[key] = field.pk
    return found


def make_world() -> None:
    Account.objects.update_or_create(pk=1, defaults={"time_zone": DATA["account_time_zone"]})
    fields = make_fields()
    for number in (1, 2):
        ContactList.objects.create(pk=number, name=f"List {number}", created_at=NOW, updated_at=NOW)
    owned = ContactList.objects.create(pk=3, name="Promo", created_at=NOW, updated_at=NOW)
    promo = SubscriptionCategory.objects.create(
        name="Promo", key="promo", list=owned, created_at=NOW, updated_at=NOW
    )
    for row in DATA["contacts"]:
        _make_contact(row, fields)
        if row["promo"]:
            subscribe_to(row["id"], [promo], actor="test", now=NOW)
        if row["promo"] == "opted_out":
            set_subscriptions(row["id"], [], actor="test", now=NOW)
    for key in ("product_viewed", "added_to_cart", "purchase", "app_open"):
        event_type(key)
    for place, row in enumerate(DATA["events"]):
        add_event(
            row["contact"], row["type"], datetime.fromisoformat(row["occurred"]), row["params"], seq=place
        )


def _make_contact(row: dict[str, Any], fields: dict[str, int]) -> None:
    data = {str(pk): row[key] for key, pk in fields.items() if row[key] not in (None, [])}
    location = {name: row[name] for name in ("country", "city") if row[name]}
    phone = row["phone"].lstrip("+") if row["phone"] else None
    Contact.objects.create(
        pk=row["id"], state=row["state"], external_id=row["external_id"], email=row["email"], email_norm=row["email"],
        phone=phone, language=row["language"], location=location, data=data, source=row["source"].lower(),
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    if row["email"]:
        Address.objects.create(kind="email", value=row["email"], status=row["email_status"], status_at=NOW)
    for kind, flag in (("web", "web_push"), ("mobile", "mobile_push")):
        if row[flag]:
            Key.objects.create(kind=kind, value=f"{kind}{row['id']}", person_id=row["id"], created_at=NOW)
    ListMember.objects.bulk_create(
        ListMember(contact_id=row["id"], list_id=number, added_at=NOW) for number in row["lists"]
    )


def add_event(
    person_id: int, key: str, at: datetime, params: dict[str, Any] | None = None, *, seq: int = 0
) -> None:
    """A stored event, as processing leaves it."""
    Event.objects.create(
        pk=uuid.uuid4(), person_id=person_id, event_type_id=event_type(key).pk, event_at=at.astimezone(UTC),
        received_at=at, processed_at=at, seq=seq, source="api", key_value="k", params=params or {},
    )  # fmt: skip
