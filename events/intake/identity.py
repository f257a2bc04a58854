"""Who an event is about, and when it happened: the identity and time columns of an inbox row (events document 4.1, 6)."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from cdp.api.errors import Refused
from cdp.api.moments import read_moment
from cdp.api.wire import EVENT_KEY_FORBIDDEN
from contacts.field_types import Rules, read_value
from contacts.models import ContactField
from contacts.normalise import InvalidValue, normalise_email, normalise_identifier
from contacts.services.event_mapping import NAMES_NOBODY, OWN_FIELD
from contacts.services.inputs import ContactInput, Token
from events.intake.reading import MAX_KEY_VALUE, CheckedEvent
from events.models.store import EventFlag

# Parameter names compared without case → identity column, strongest first (also the order of the fallback key).
NAMES = {
    "contactid": "contact_id", "contact_id": "contact_id", "externalcustomerid": "external_id", "email": "email",
    "emailaddress": "email", "useremail": "email", "contactemail": "email", "phone": "phone", "sms": "phone",
    "phonenumber": "phone", "pushtoken": "push_token", "contactkey": "contact_key", "contact_key": "contact_key",
}  # fmt: skip
KEY_ORDER = ("contact_id", "external_id", "email", "phone", "push_token")
STRENGTH = (
    "own_value",
    "contact_id",
    "external_id",
    "email_norm",
    "phone",
    "push_token",
    "contact_key",
    "cookie",
)
LARGEST_ID = 2**63 - 1
FUTURE = timedelta(minutes=5)
LATE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What the account's settings say about reading events."""

    reading: Rules = field(default_factory=Rules)
    mapping_param: str = ""
    mapping: ContactField | str = ""  # an additional field, or external_id, email, phone
    blocked: frozenset[str] = frozenset()
    retention_days: int = 730


def read_mapping(name: str) -> ContactField | str:
    """What `Account.event_mapping_field` names; an additional field that is gone is no mapping. One query for a field."""
    if not name.startswith(OWN_FIELD):
        return name
    fields = ContactField.objects.exclude(type__in=NAMES_NOBODY)
    return fields.filter(pk=int(name.removeprefix(OWN_FIELD))).first() or ""


def identity_columns(event: CheckedEvent, rules: AccountRules) -> tuple[dict[str, Any], str]:
    """Identity columns and the event key.

    A value that is no valid identifier identifies nobody and stays a parameter. The account's own parameter has columns
    of its own, since it is tried before all others and they are when it names nobody; it also is the contact's external
    ID, e-mail or phone where the standard parameters give none. The key falls back to the strongest identifier as sent.

    Raises:
        Refused: `identity_missing`: neither a key nor an identifier.
    """
    given: dict[str, str] = {}
    names: dict[str, str] = {}  # how the sender calls them
    columns: dict[str, Any] = {}
    own = event.params.get(rules.mapping_param) if rules.mapping_param and rules.mapping else None
    if isinstance(own, (str, int)) and not isinstance(own, bool):
        columns = _own_columns(str(own), rules)
    for name, value in event.params.items():
        column = NAMES.get(name.lower())
        if (
            column is not None
            and column not in given
            and isinstance(value, (str, int))
            and not isinstance(value, bool)
        ):
            given[column], names[column] = str(value), name
    for column, text in given.items():
        columns.update(_column(column, text, rules))
    sent = [str(own).strip()] if "own_kind" in columns else []
    sent += [given[name].strip() for name in KEY_ORDER if name in columns and name in given]
    key = event.key_value or next(iter(sent), None)
    if key is None:
        rule = "needs keyValue, or one of contactId, externalCustomerId, email, phone, pushToken"
        if rules.mapping_param and rules.mapping:
            rule += f", {rules.mapping_param}"
        useless = "".join(f"; {name} is not a valid {column}" for column, name in names.items())
        raise Refused(400, "identity_missing", rule + useless.replace("_", " "), path="params")
    if event.key_value is None:
        key = EVENT_KEY_FORBIDDEN.sub("", key)[:MAX_KEY_VALUE]
    return columns, key


def _column(column: str, text: str, rules: AccountRules) -> dict[str, Any]:
    """The columns of one identifier; none when the value identifies nobody."""
    try:
        value = normalise_identifier(text, rules.blocked)
        if value is None:
            return {}
        if column == "contact_id":
            return {"contact_id": int(value)} if value.isdecimal() and int(value) <= LARGEST_ID else {}
        if column == "email":
            email, email_norm = normalise_email(value)
            return {"email": email, "email_norm": email_norm}
        if column == "phone":
            return {"phone": rules.reading.read_phone(value).digits}
    except InvalidValue:
        return {}
    return {column: value}


def _own_columns(text: str, rules: AccountRules) -> dict[str, Any]:
    """What the account's own parameter says: where it is looked up, and the identifier it is besides."""
    mapping = rules.mapping
    if isinstance(mapping, str):
        columns = _column(mapping, text, rules)
        name = "email_norm" if mapping == "email" else mapping
        return columns | {"own_kind": mapping, "own_value": columns[name]} if columns else {}
    try:
        value = normalise_identifier(text, rules.blocked)
        kept = None if value is None else read_value(mapping, value, rules.reading)
    except InvalidValue:
        return {}
    return {} if kept is None else {"own_kind": f"{OWN_FIELD}{mapping.pk}", "own_value": str(kept)}


def as_contact(columns: Mapping[str, Any], fields: Mapping[int, ContactField]) -> ContactInput:
    """The contact that identity columns describe. What the account's own parameter says comes before the rest.

    Args:
        fields: the additional fields that `own_kind` may name, by id.
    """
    tokens = [Token(kind="mobile", value=columns["push_token"])] if columns.get("push_token") else []
    if columns.get("cookie"):
        tokens.append(Token(kind="cookie", value=columns["cookie"]))
    names = ("external_id", "email", "email_norm", "phone", "contact_key")
    values: dict[str, Any] = {name: columns.get(name) for name in names}
    kind, value = columns.get("own_kind") or "", columns.get("own_value")
    data = {}
    if kind.startswith(OWN_FIELD):
        found = fields.get(int(kind.removeprefix(OWN_FIELD)))
        if found is not None:
            data[str(found.pk)] = read_value(found, value, Rules())
    elif kind == "email" and values["email_norm"] != value:
        values["email"] = values["email_norm"] = value
    elif kind in ("external_id", "phone"):
        values[kind] = value
    return ContactInput(**values, tokens=tuple(tokens), data=data)


def lane_of(columns: dict[str, Any], key: str, lanes: int) -> int:
    """The lane of the strongest identifier, so that one person's events keep their order."""
    if lanes == 1:
        return 0
    strongest = next((str(columns[name]) for name in STRENGTH if name in columns), key)
    return zlib.crc32(strongest.encode()) % lanes


def times(event: CheckedEvent, *, now: datetime, zone: tzinfo) -> tuple[datetime, datetime | None, int]:
    """(event_at, occurred_at, flags) of a live event received `now`.

    A claim with the sender's clock beside it is corrected by the difference; one more than 5 minutes ahead becomes
    `now`; an unreadable one too. None of these refuses a live event.
    """
    if event.occurred is None or event.occurred == "":
        return now, None, 0
    occurred = read_moment(event.occurred, zone)
    if occurred is None:
        return now, None, int(EventFlag.BAD_TIMESTAMP)
    sent = read_moment(event.sent_at, zone)
    try:
        event_at = now - (sent - occurred) if sent is not None else occurred
    except OverflowError:  # a sender's clock thousands of years off
        return now, occurred, int(EventFlag.BAD_TIMESTAMP)
    if event_at.year < 2000:
        return now, occurred, int(EventFlag.BAD_TIMESTAMP)
    if event_at > now + FUTURE:
        return now, occurred, int(EventFlag.FUTURE_CLAMPED)
    return event_at, occurred, int(EventFlag.LATE) if now - event_at > LATE else 0
