"""Who an event is about, and when it happened: the identity and time columns of an inbox row (events document 4.1, 6)."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from cdp.api.errors import Refused
from cdp.api.moments import read_moment
from cdp.api.wire import EVENT_KEY_FORBIDDEN
from contacts.normalise import InvalidValue, normalise_email, normalise_identifier, normalise_phone
from events.intake.reading import MAX_KEY_VALUE, CheckedEvent
from events.models.store import EventFlag

# Parameter names compared without case → identity column, strongest first (also the order of the fallback key).
NAMES = {
    "contactid": "contact_id", "contact_id": "contact_id", "externalcustomerid": "external_id", "email": "email",
    "emailaddress": "email", "useremail": "email", "contactemail": "email", "phone": "phone", "sms": "phone",
    "phonenumber": "phone", "pushtoken": "push_token", "contactkey": "contact_key", "contact_key": "contact_key",
}  # fmt: skip
KEY_ORDER = ("contact_id", "external_id", "email", "phone", "push_token")
STRENGTH = ("contact_id", "external_id", "email_norm", "phone", "push_token", "contact_key", "cookie")
LARGEST_ID = 2**63 - 1
FUTURE = timedelta(minutes=5)
LATE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What the account's settings say about reading events."""

    zone: tzinfo = UTC
    default_region: str = ""
    mapping_param: str = ""
    mapping_field: str = ""
    blocked: frozenset[str] = frozenset()
    retention_days: int = 730


def identity_columns(event: CheckedEvent, rules: AccountRules) -> tuple[dict[str, Any], str]:
    """Identity columns and the event key.

    A value that is no valid identifier identifies nobody and stays a parameter. The key falls back to the strongest
    identifier as sent.

    Raises:
        Refused: `identity_missing`: neither a key nor an identifier.
    """
    given: dict[str, str] = {}
    names: dict[str, str] = {}  # how the sender calls them
    columns: dict[str, Any] = {}
    if rules.mapping_param and rules.mapping_field:
        own = event.params.get(rules.mapping_param)
        if isinstance(own, (str, int)) and not isinstance(own, bool):
            columns = _column(rules.mapping_field, str(own), rules)
            if columns:  # tried first: where it names nobody, the standard parameter does
                given[rules.mapping_field], names[rules.mapping_field] = str(own), rules.mapping_param
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
    key = event.key_value or next((given[name].strip() for name in KEY_ORDER if name in columns), None)
    if key is None:
        rule = "needs keyValue, or one of contactId, externalCustomerId, email, phone, pushToken"
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
            return {"phone": normalise_phone(value, rules.default_region).digits}
    except InvalidValue:
        return {}
    return {column: value}


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
