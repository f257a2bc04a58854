"""What the contact card shows, read in a fixed number of queries (ten, whatever the contact has)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cdp.api.moments import zone_of
from cdp.models import Account
from contacts import field_types
from contacts.models import (
    Address,
    Contact,
    ContactField,
    ContactList,
    FieldGroup,
    IdentifierKind,
    Key,
    ListMember,
    Source,
)

REGULAR_BIRTHDAY = "BIRTHDAY"
GENDER = "GENDER"


@dataclass(frozen=True, slots=True)
class Written:
    """Who wrote a value: when, from where, by whom."""

    at: datetime
    source: str
    actor: str


@dataclass(slots=True)
class Value:
    """A labelled value of the card; `written` is known for values written after the contact was made."""

    label: str
    text: str
    name: str = ""
    written: Written | None = None
    is_personal: bool = True


@dataclass(slots=True)
class Identifier:
    """An address with its status, or a token with its device."""

    kind: str
    label: str
    value: str
    status: str = ""
    status_at: datetime | None = None
    reason: str = ""
    actor: str = ""
    device: str = ""
    is_struck: bool = False


@dataclass(slots=True)
class Reach:
    """Whether a channel may be used now, and why not."""

    label: str
    icon: str
    is_open: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a section: text, where it leads, a remark, and the right without which it leads nowhere."""

    text: str
    url: str = ""
    note: str = ""
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A box of the side column that a higher app fills. `read` gives its lines in a fixed number of queries."""

    name: str
    title: Any
    permission: str
    read: Callable[[Contact], list[Line]]
    empty: Any = ""


sections: dict[str, Section] = {}


def register_section(section: Section) -> None:
    """Add a box to the card; called from `AppConfig.ready()`."""
    sections[section.name] = section


@dataclass(slots=True)
class Card:
    contact: Contact
    identifiers: list[Identifier] = field(default_factory=list)
    reach: list[Reach] = field(default_factory=list)
    personal: list[Value] = field(default_factory=list)
    regional: list[Value] = field(default_factory=list)
    location: list[Value] = field(default_factory=list)
    groups: list[tuple[FieldGroup, list[Value]]] = field(default_factory=list)
    lists: list[tuple[ContactList, datetime]] = field(default_factory=list)
    categories: list[tuple[ContactList, datetime]] = field(default_factory=list)
    more: list[Value] = field(default_factory=list)


def read_card(contact: Contact, *, now: datetime) -> Card:
    """The card of one contact."""
    account = Account.objects.get(pk=1)
    zone = zone_of(account.time_zone)
    fields = list(ContactField.objects.select_related("group"))
    card = Card(contact)
    _identifiers(card)
    _personal(card, fields, today=now.astimezone(zone).date())
    card.regional = _values(card, (("language", _("Language")), ("time_zone", _("Time zone"))))
    card.location = [
        Value(_(label), str(contact.location[name])) for name, label in LOCATION if contact.location.get(name)
    ]
    _groups(card, fields, zone)
    _lists(card)
    _more(card)
    return card


LOCATION = (
    ("country", gettext_noop("Country")),
    ("region", gettext_noop("Region")),
    ("city", gettext_noop("City")),
)
SENDABLE = frozenset({"active"})


def _identifiers(card: Card) -> None:
    contact = card.contact
    held = [
        (kind, value, shown)
        for kind, value, shown in (
            ("email", contact.email_norm, contact.email),
            ("phone", contact.phone, f"+{contact.phone}"),
            ("key", contact.contact_key, contact.contact_key),
        )
        if value
    ]
    addresses = {
        (row.kind, row.value): row
        for row in Address.objects.filter(
            kind__in=[kind for kind, _value, _shown in held],
            value__in=[value for _kind, value, _shown in held],
        )
    }
    labels = {"email": _("E-mail"), "phone": _("Phone"), "key": _("Contact key")}
    if contact.external_id:
        card.identifiers.append(Identifier("ext", _("External ID"), contact.external_id))
    for kind, value, shown in held:
        row = addresses.get((kind, str(value)))
        one = Identifier(kind, labels[kind], str(shown))
        if row is not None and kind != "key":
            one.status, one.status_at, one.reason, one.actor = (
                row.status,
                row.status_at,
                row.reason,
                row.actor,
            )
            one.is_struck = row.status in ("blacklisted", "unsubscribed", "spam")
        card.identifiers.append(one)
    keys = list(
        Key.objects.filter(person_id=contact.pk).exclude(kind="ext").select_related("device").order_by("pk")
    )
    for key in keys:
        device = getattr(key, "device", None)
        one = Identifier(
            key.kind,
            str(IdentifierKind(key.kind).label),
            key.value,
            status="" if key.is_active else "inactive",
        )
        if device is not None:
            one.device = " · ".join(
                part for part in (device.model, device.os, device.app_id, device.locale) if part
            )
        card.identifiers.append(one)
    card.reach = _reach(card.identifiers)


def _reach(identifiers: list[Identifier]) -> list[Reach]:
    channels = (
        ("email", _("E-mail"), "mail"), ("phone", _("SMS"), "sms"), ("mobile", _("Mobile push"), "smartphone"),
        ("web", _("Web push"), "notifications"), ("telegram", _("Telegram"), "send"),
    )  # fmt: skip
    found = []
    for kind, label, icon in channels:
        mine = [one for one in identifiers if one.kind == kind]
        usable = [one for one in mine if one.status in ("", *SENDABLE)]
        reason = "" if usable else _("none known") if not mine else mine[0].status
        found.append(Reach(label, icon, bool(usable), reason))
    return found


def _values(card: Card, names: Any) -> list[Value]:
    found = []
    for name, label in names:
        text = getattr(card.contact, name)
        if text:
            found.append(Value(str(label), str(text), name, _written(card.contact, name)))
    return found


def _written(contact: Contact, name: str) -> Written | None:
    """Who wrote a value last; values never touched since creation came with it."""
    note = contact.provenance.get(name)
    if not note:
        return None
    moment, source, actor = note
    label = Source(source).label if source in Source.values else source
    return Written(datetime.fromtimestamp(moment, UTC), str(label), str(actor))


def _personal(card: Card, fields: list[ContactField], *, today: date) -> None:
    card.personal = _values(card, (("first_name", _("First name")), ("last_name", _("Last name"))))
    data = card.contact.data
    by_key = {row.key: row for row in fields}
    birthday = by_key.get(REGULAR_BIRTHDAY)
    if birthday is not None and (text := data.get(str(birthday.pk))):
        born = date.fromisoformat(text)
        years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        card.personal.append(Value(_("Age"), str(years)))
    gender = by_key.get(GENDER)
    if gender is not None and (text := data.get(str(gender.pk))):
        card.personal.append(Value(_("Gender"), {"m": _("Male"), "f": _("Female")}.get(text, text)))
    names = (
        ("address", _("Address")),
        ("town", _("Town")),
        ("region", _("Region")),
        ("postcode", _("Postcode")),
    )
    card.personal += _values(card, names)


def _groups(card: Card, fields: list[ContactField], zone: Any) -> None:
    filled: dict[int, tuple[FieldGroup, list[Value]]] = {}
    for row in fields:
        value = card.contact.data.get(str(row.pk))
        if value is None:
            continue
        text = field_types.write_value(row, value, zone)
        if row.type == "boolean":
            text = _("Yes") if value else _("No")
        if row.type == "multiselect" and not isinstance(value, str):
            text = ", ".join(value)
        _group, values = filled.setdefault(row.group_id, (row.group, []))
        values.append(Value(str(row), text.replace("T", " ") if row.type == "datetime" else text, f"data.{row.pk}",
                            _written(card.contact, f"data.{row.pk}")))  # fmt: skip
    card.groups = list(filled.values())


def _lists(card: Card) -> None:
    members = ListMember.objects.filter(contact_id=card.contact.pk).select_related("list", "list__category")
    for member in members.order_by("list__name"):
        target = card.categories if hasattr(member.list, "category") else card.lists
        target.append((member.list, member.added_at))


def _more(card: Card) -> None:
    contact = card.contact
    source = str(contact.get_source_display())
    if contact.source_detail:
        source = f"{source} · {contact.source_detail}"
    card.more = [
        Value(_("Contact ID"), str(contact.pk), is_personal=False),
        Value(_("Source"), source, is_personal=False),
    ]
    info = contact.orders_info or {}
    if info.get("count") is not None:
        card.more.append(Value(_("Orders"), str(info["count"]), is_personal=False))
    if info.get("last_date"):
        card.more.append(Value(_("Last order"), str(info["last_date"])[:10], is_personal=False))
