"""What the contact card shows, read in a fixed number of queries, whatever the contact has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cdp.api.moments import zone_of
from cdp.models import Account
from contacts import field_types
from contacts.channels import (
    Application,
    Identifier,
    Reach,
    read_addresses,
    read_applications,
    read_reach,
)
from contacts.models import (
    Contact,
    ContactField,
    ContactList,
    FieldGroup,
    ListMember,
    Source,
    SubscriptionCategory,
    SubscriptionChoice,
)

REGULAR_BIRTHDAY = "BIRTHDAY"
GENDER = "GENDER"
MOST_LISTS = 300
MOST_OFFERED = 100


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


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription category the contact is in, or has left: since when, and by whom."""

    category: SubscriptionCategory
    is_on: bool
    at: datetime
    actor: str = ""


@dataclass(slots=True)
class Card:
    contact: Contact
    identifiers: list[Identifier] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    reach: list[Reach] = field(default_factory=list)
    personal: list[Value] = field(default_factory=list)
    regional: list[Value] = field(default_factory=list)
    location: list[Value] = field(default_factory=list)
    groups: list[tuple[FieldGroup, list[Value]]] = field(default_factory=list)
    lists: list[tuple[ContactList, datetime]] = field(default_factory=list)
    categories: list[Subscribed] = field(default_factory=list)
    addable: list[str] = field(default_factory=list)
    more: list[Value] = field(default_factory=list)


def read_card(contact: Contact, *, now: datetime) -> Card:
    """The card of one contact."""
    account = Account.objects.get(pk=1)
    zone = zone_of(account.time_zone)
    fields = list(ContactField.objects.select_related("group"))
    card = Card(contact)
    card.identifiers = read_addresses(contact)
    card.applications = read_applications(contact)
    tokens = [one for app in card.applications for one in app.identifiers]
    card.reach = read_reach([*card.identifiers, *tokens])
    _personal(card, fields, today=now.astimezone(zone).date())
    card.regional = _values(card, (("language", _("Language")), ("time_zone", _("Time zone"))))
    known = _written(contact, "location")
    card.location = [
        Value(_(label), str(contact.location[name]), name, known)
        for name, label in LOCATION
        if contact.location.get(name)
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
    """Lists, and categories by the latest choice or, without one, by being on the category's list; three queries."""
    members = ListMember.objects.filter(contact_id=card.contact.pk).select_related("list", "list__category")
    choices = SubscriptionChoice.objects.filter(contact_id=card.contact.pk, channel="*").select_related(
        "category"
    )
    left = {choice.category_id: choice for choice in choices.order_by("category__name")}
    held = set()
    for member in members.order_by("list__name")[:MOST_LISTS]:
        held.add(member.list.name)
        category = getattr(member.list, "category", None)
        if category is None:
            card.lists.append((member.list, member.added_at))
            continue
        choice = left.pop(category.pk, None)
        card.categories.append(
            Subscribed(category, True, member.added_at, choice.actor if choice is not None else "")
        )
    card.categories += [
        Subscribed(choice.category, False, choice.chosen_at, choice.actor)
        for choice in left.values()
        if not choice.is_subscribed
    ]
    others = ContactList.objects.filter(category=None).order_by("-updated_at", "-pk")
    card.addable = [name for name in others.values_list("name", flat=True)[:MOST_OFFERED] if name not in held]


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
