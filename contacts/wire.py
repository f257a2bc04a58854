"""Contacts as the public API writes them: read into `ContactInput`, written from rows (API document, 7)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop as _

from cdp.api.moments import read_moment, write_moment, zone_of
from cdp.api.replies import present
from cdp.api.wire import JsonObject, refuse
from cdp.models import Account
from contacts import field_types
from contacts.models import Contact, ContactField, ContactList, Device, Key, ListMember
from contacts.normalise import (
    InvalidValue,
    normalise_email,
    normalise_identifier,
    normalise_language,
    normalise_name,
    normalise_time_zone,
)
from contacts.services.inputs import ContactInput, Token

ADDRESS_BOOK = 1  # one catalogue an account
TOKEN_KINDS = {"mobilepush": "mobile", "webpush": "web", "telegram": "telegram"}
CHANNEL_OF_KIND = {kind: channel for channel, kind in TOKEN_KINDS.items()}
PHONE_TYPES = ("sms", "viber")
FEED_TYPES = ("appinbox", "widget", "inapp")  # legal, but no address of theirs is kept
MOST_OF_ONE_TYPE = 2
ADDRESS_PARTS = {"region": "region", "town": "town", "address": "address", "postcode": "postcode"}
LONGEST_ADDRESS = 300
DEVICE_PARTS = {"deviceModel": 50, "os": 50, "locale": 35, "clientVersion": 50, "appVersion": 50}
GROUP_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What reading a contact needs: the account's rules and the additional fields by id; one query each a request."""

    rules: field_types.Rules
    blocked: frozenset[str]
    fields: dict[int, ContactField]

    @classmethod
    def load(cls) -> "Catalogue":
        account = Account.objects.get(pk=1)
        return cls(
            field_types.Rules.of(account),
            frozenset(str(value).lower() for value in account.blocked_identifiers),
            {row.pk: row for row in ContactField.objects.all()},
        )


@dataclass(slots=True)
class WireContact:
    """A contact as sent, read: the input of the service, the lists it names, and which channel types were given."""

    item: ContactInput
    list_ids: list[int] = field(default_factory=list)
    list_names: list[str] = field(default_factory=list)
    channel_types: set[str] = field(default_factory=set)

    @property
    def is_addressable(self) -> bool:
        """Whether it names a channel or an external id."""
        return bool(self.item.owned_keys() or self.item.addresses())


def read_contact(body: JsonObject, catalogue: Catalogue) -> WireContact:
    """Read a Contact object; `id` is left to the caller.

    Raises:
        Refused: 400 with the field and the rule.
    """
    item = ContactInput()
    wire = WireContact(item)
    _read_names(body, item)
    _read_channels(body, wire, catalogue)
    _read_address(body, item)
    _read_fields(body, item, catalogue)
    item.external_id = _identifier(body, "externalCustomerId", catalogue)
    item.contact_key = _identifier(body, "contactKey", catalogue)
    _read_region(body, item)
    _read_orders_info(body, item, catalogue)
    for group in body.objects("groups") if _are_objects(body, "groups") else ():
        _read_group(group, wire)
    return wire


def _are_objects(body: JsonObject, name: str) -> bool:
    return any(isinstance(value, dict) for value in body.items(name))


def _said(body: JsonObject, name: str, read: Any, text: str) -> Any:
    """A value by its reader; what breaks a rule is refused at its field."""
    try:
        return read(text)
    except InvalidValue as error:
        raise refuse(body.at(name), error.message, code=error.code) from error


def _read_names(body: JsonObject, item: ContactInput) -> None:
    for name, column in (("firstName", "first_name"), ("lastName", "last_name")):
        text = body.text(name)
        if text is not None:
            is_last = column == "last_name"
            item.fields[column] = _said(
                body, name, lambda t, last=is_last: normalise_name(t, last=last), text
            )


def _read_channels(body: JsonObject, wire: WireContact, catalogue: Catalogue) -> None:
    counts: dict[str, int] = {}
    tokens: dict[tuple[str, str], Token] = {}
    for channel in body.objects("channels"):
        kind = (channel.text("type") or "").lower()
        if kind not in ("email", *PHONE_TYPES, *TOKEN_KINDS, *FEED_TYPES):
            known = ", ".join(("email", *PHONE_TYPES, *TOKEN_KINDS, *FEED_TYPES))
            raise refuse(channel.at("type"), f"must be one of {known}", code="channel_type")
        value = channel.text("value")
        if value is None or kind in FEED_TYPES:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] > MOST_OF_ONE_TYPE:
            raise refuse(channel.path, f"is the third of type {kind}; at most {MOST_OF_ONE_TYPE} are taken")
        wire.channel_types.add("sms" if kind in PHONE_TYPES else kind)
        _read_channel(channel, kind, value, wire.item, tokens, catalogue)
    wire.item.tokens = tuple(tokens.values())


def _read_channel(
    channel: JsonObject, kind: str, value: str, item: ContactInput, tokens: dict[tuple[str, str], Token],
    catalogue: Catalogue,
) -> None:  # fmt: skip
    if kind == "email":
        email, email_norm = _said(channel, "value", normalise_email, value)
        if item.email is None:
            item.email, item.email_norm = email, email_norm
    elif kind in PHONE_TYPES:
        phone = _said(channel, "value", catalogue.rules.read_phone, value)
        if item.phone is None:
            item.phone, item.is_sms_capable = phone.digits, phone.is_sms_capable
    else:
        blocked = catalogue.blocked
        token = _said(channel, "value", lambda text: normalise_token(text, blocked), value)
        if token is not None:
            tokens[TOKEN_KINDS[kind], token] = _token(channel, TOKEN_KINDS[kind], token)


def normalise_token(text: str, blocked: frozenset[str]) -> str | None:
    """A push token: as other identifiers, but long ones are usual (a web push endpoint is a URL).

    Raises:
        InvalidValue: longer than 2000 characters, or it holds a control character.
    """
    if len(text) <= 255:
        return normalise_identifier(text, blocked)
    if len(text) > 2_000 or re.search(r"[\x00-\x20\x7f\ud800-\udfff]", text):
        raise InvalidValue("bad_identifier", _("must be at most 2000 characters without blanks"))
    return text


def _token(channel: JsonObject, kind: str, value: str) -> Token:
    told = channel.object("device") or channel.object("webPushSubscription")
    if told is None:
        return Token(kind=kind, value=value)
    device: dict[str, Any] = {}
    for name, most in DEVICE_PARTS.items():
        text = told.text(name)
        if text is not None:
            device[name] = text[:most]
    app_id = told.text("appId", most=100)
    if app_id is not None:
        device["appId"] = app_id
    for name in (
        "userAgent",
        "userAgentVersion",
        "userAgentLanguage",
        "ip",
        "subscriptionPage",
        "swActiveVersion",
    ):
        text = told.text(name)
        if text is not None:
            device[name] = text[:2_000]
    return Token(
        kind=kind, value=value, scope=app_id or "", is_active=told.flag("active", default=True), device=device
    )


def _read_address(body: JsonObject, item: ContactInput) -> None:
    address = body.object("address")
    for name, column in ADDRESS_PARTS.items() if address else ():
        text = address.text(name, most=LONGEST_ADDRESS) if address else None
        if text is not None:
            item.fields[column] = text


def _read_fields(body: JsonObject, item: ContactInput, catalogue: Catalogue) -> None:
    for entry in body.objects("fields"):
        number = entry.integer("id")
        if number is None:
            raise refuse(entry.at("id"), "is required", code="required")
        found = catalogue.fields.get(number)
        if found is None:
            raise refuse(entry.at("id"), f"no additional field has the id {number}", code="unknown_field")
        value = entry.members.get("value")
        if isinstance(value, str) and "\0" in value and found.type == "json":
            raise refuse(entry.at("value"), "must not hold the character NUL")
        try:
            kept = field_types.read_value(found, value, catalogue.rules)
        except InvalidValue as error:
            raise refuse(entry.at("value"), f"{found.name}: {error.message}", code=error.code) from error
        if kept is not None:
            item.data[str(number)] = kept


def _identifier(body: JsonObject, name: str, catalogue: Catalogue) -> str | None:
    text = body.text(name)
    blocked = catalogue.blocked
    return None if text is None else _said(body, name, lambda t: normalise_identifier(t, blocked), text)


def _read_region(body: JsonObject, item: ContactInput) -> None:
    language = body.text("languageCode")
    if language is not None:
        item.fields["language"] = _said(body, "languageCode", normalise_language, language)
    zone = body.text("timeZone")
    if zone is not None:
        item.fields["time_zone"] = _said(body, "timeZone", normalise_time_zone, zone)


def _read_orders_info(body: JsonObject, item: ContactInput, catalogue: Catalogue) -> None:
    info = body.object("ordersInfo")
    if info is None:
        return
    found: dict[str, Any] = {}
    last = info.text("lastDate")
    if last is not None:
        moment = read_moment(last, catalogue.rules.zone)
        if moment is None:
            raise refuse(info.at("lastDate"), "must be a date with time such as 2026-01-31T10:20:00")
        found["last_date"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    count = info.integer("count")
    if count is not None:
        if not 0 <= count <= 2**31 - 1:
            raise refuse(info.at("count"), "must be a whole number from 0")
        found["count"] = count
    total = info.decimal("sum")
    if total is not None:
        found["sum"] = f"{total.normalize():f}"
    if found:
        item.fields["orders_info"] = found


def _read_group(group: JsonObject, wire: WireContact) -> None:
    number = group.integer("id")
    name = group.text("name", most=GROUP_LENGTH)
    if number:
        wire.list_ids.append(number)
    elif name is not None:
        wire.list_names.append(name)


# Replies


def write_contacts(
    rows: Sequence[Contact], *, zone_name: str, fields: dict[int, ContactField], with_groups: bool = False
) -> list[dict[str, Any]]:
    """Contacts as the wire wants them, in order; two queries more than the rows', three with lists."""
    zone = zone_of(zone_name)
    ids = [row.pk for row in rows]
    tokens = _tokens_of(ids)
    groups = _groups_of(ids) if with_groups else {}
    return [
        present(
            firstName=row.first_name,
            lastName=row.last_name,
            channels=_write_channels(row, tokens.get(row.pk, ())),
            address=present(region=row.region, town=row.town, address=row.address, postcode=row.postcode),
            fields=[
                {"id": int(key), "value": field_types.write_value(fields[int(key)], value, zone)}
                for key, value in sorted(row.data.items(), key=lambda pair: int(pair[0]))
                if int(key) in fields
            ],
            addressBookId=ADDRESS_BOOK,
            id=row.pk,
            externalCustomerId=row.external_id,
            contactKey=row.contact_key,
            ordersInfo=_write_orders_info(row.orders_info, zone_name),
            groups=groups.get(row.pk, []),
            languageCode=row.language,
            timeZone=row.time_zone,
        )
        for row in rows
    ]


def _write_channels(
    row: Contact, tokens: Iterable[tuple[str, str, Device | None, bool]]
) -> list[dict[str, Any]]:
    channels: list[dict[str, Any]] = []
    if row.email:
        channels.append({"type": "email", "value": row.email})
    if row.phone:
        channels.append({"type": "sms", "value": row.phone})
    for kind, value, device, is_active in tokens:
        channel: dict[str, Any] = {"type": CHANNEL_OF_KIND[kind], "value": value}
        if device is not None and kind == "mobile":
            channel["device"] = present(
                appId=device.app_id or None, deviceModel=device.model or None, os=device.os or None,
                locale=device.locale or None, clientVersion=device.client_version or None,
                appVersion=device.app_version or None,
            ) | {"active": is_active}  # fmt: skip
        channels.append(channel)
    return channels


def _tokens_of(ids: Sequence[int]) -> dict[int, list[tuple[str, str, Device | None, bool]]]:
    found: dict[int, list[tuple[str, str, Device | None, bool]]] = {}
    keys = Key.objects.filter(person_id__in=ids, kind__in=list(CHANNEL_OF_KIND)).select_related("device")
    for key in keys.order_by("pk"):
        device = key.device if hasattr(key, "device") else None
        found.setdefault(key.person_id, []).append((key.kind, key.value, device, key.is_active))
    return found


def _groups_of(ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    members = ListMember.objects.filter(contact_id__in=ids).select_related("list").order_by("list_id")
    for member in members:
        found.setdefault(member.contact_id, []).append(write_group(member.list))
    return found


def write_group(group: ContactList) -> dict[str, Any]:
    return {"id": group.pk, "name": group.name, "type": "Static"}


def _write_orders_info(info: dict[str, Any] | None, zone_name: str) -> dict[str, Any] | None:
    if not info:
        return None
    moment: datetime | None = read_moment(info.get("last_date"), zone_of("UTC"))
    total = info.get("sum")
    return present(
        lastDate=write_moment(moment, zone_of(zone_name)) if moment else None,
        count=info.get("count"),
        sum=float(total) if total is not None else None,
    )
