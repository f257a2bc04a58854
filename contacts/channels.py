"""Identifiers of a contact as its card shows them: addresses with their states, tokens by application; and who is reachable."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from contacts.models import Address, AddressStatus, Contact, IdentifierKind, Key

MOST_KEYS = 200
SENDABLE = frozenset({"", AddressStatus.ACTIVE})
STRUCK = frozenset({AddressStatus.BLACKLISTED, AddressStatus.UNSUBSCRIBED, AddressStatus.SPAM})
CHANNELS = (
    ("email", gettext_noop("E-mail"), "mail"), ("phone", gettext_noop("SMS"), "sms"),
    ("mobile", gettext_noop("Mobile push"), "smartphone"), ("web", gettext_noop("Web push"), "notifications"),
    ("telegram", gettext_noop("Telegram"), "send"),
)  # fmt: skip


@dataclass(slots=True)
class Identifier:
    """An address with its state, or a token with its device. `until`: the end of a block; `note`: what else keeps it back."""

    kind: str
    label: str
    value: str
    status: str = ""
    status_at: datetime | None = None
    reason: str = ""
    actor: str = ""
    until: datetime | None = None
    note: str = ""
    device: str = ""
    seen_at: datetime | None = None
    is_struck: bool = False
    is_blacklisted: bool = False

    @property
    def is_told(self) -> bool:
        """Whether the date, the reason and who did it say something."""
        return bool(self.status_at) and (self.status not in SENDABLE or bool(self.reason))


@dataclass(slots=True)
class Application:
    """Tokens of one application, site or bot. An empty name: it was not said."""

    name: str
    identifiers: list[Identifier] = field(default_factory=list)


@dataclass(slots=True)
class Reach:
    """Whether a channel may be used now; when not, the address that is not, or a word."""

    label: str
    icon: str
    is_open: bool
    count: int = 0
    reason: str = ""
    by: Identifier | None = None


def read_addresses(contact: Contact) -> list[Identifier]:
    """External id, e-mail, phone, contact key; one query."""
    shown = {
        "email": (contact.email_norm, contact.email, _("E-mail")),
        "phone": (contact.phone, f"+{contact.phone}", _("Phone")),
        "key": (contact.contact_key, contact.contact_key, _("Contact key")),
    }
    held = {kind: value for kind, (value, _shown, _label) in shown.items() if value}
    wanted = Q(pk__in=[])
    for kind, value in held.items():
        wanted |= Q(kind=kind, value=value)
    rows = {row.kind: row for row in Address.objects.filter(wanted)}
    found = []
    if contact.external_id:
        found.append(Identifier("ext", _("External ID"), contact.external_id))
    for kind in held:
        one = Identifier(kind, shown[kind][2], str(shown[kind][1]))
        if kind in rows and kind != "key":
            _tell_state(one, rows[kind])
        found.append(one)
    return found


def _tell_state(one: Identifier, row: Address) -> None:
    one.status, one.status_at, one.reason, one.actor = row.status, row.status_at, row.reason, row.actor
    one.is_struck = row.status in STRUCK
    one.is_blacklisted = row.is_blacklisted
    one.until = row.blocked_until if row.status == AddressStatus.BLOCKED else None
    if row.is_blacklisted and row.status != AddressStatus.BLACKLISTED:
        one.note = _("blacklisted as well")
    elif one.kind == "phone" and not row.is_sms_capable:
        one.note = _("takes no SMS")


def read_applications(contact: Contact) -> list[Application]:
    """Tokens and devices by application; one query, at most `MOST_KEYS`, newest first."""
    keys = Key.objects.filter(person_id=contact.pk).exclude(kind=IdentifierKind.EXTERNAL_ID)
    found: dict[str, Application] = {}
    for key in keys.select_related("device").order_by("-pk")[:MOST_KEYS]:
        device = getattr(key, "device", None)
        one = Identifier(
            key.kind,
            str(IdentifierKind(key.kind).label),
            key.value,
            status="" if key.is_active else "inactive",
        )
        name = key.scope
        if device is not None:
            name = device.app_id or key.scope
            version = f"{_('version')} {device.app_version}" if device.app_version else ""
            parts = (device.model, device.os, version, device.locale)
            one.device, one.seen_at = " · ".join(part for part in parts if part), device.seen_at
        found.setdefault(name, Application(name)).identifiers.append(one)
    return sorted(found.values(), key=lambda app: (not app.name, app.name.lower()))


def read_reach(identifiers: Sequence[Identifier]) -> list[Reach]:
    """Each channel: open, or why it is not."""
    found = []
    for kind, label, icon in CHANNELS:
        mine = [one for one in identifiers if one.kind == kind]
        usable = [one for one in mine if one.status in SENDABLE and not one.note]
        reach = Reach(_(label), icon, bool(usable), len(usable))
        if not mine:
            reach.reason = _("none known")
        elif not usable:
            reach.by = mine[0]
        found.append(reach)
    return found
