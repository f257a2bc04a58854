"""Reads event requests, leniently where the wire is, and refuses at the door what the store could not hold.

Rules and codes: the API document 2 and 12; events document 3.2. The fast path is one typed decode; what it refuses is read
again slowly, to understand it or to say exactly what is wrong.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from django.conf import settings

from cdp.api.errors import Refused
from cdp.api.wire import CONTROL, check_event_key

MAX_BATCH_BODY = 1024 * 1024
MAX_BATCH = 500
MAX_DEPTH = 8
MAX_PARAMS = 300
MAX_TYPE_KEY = 100
MAX_KEY_VALUE = 300
MAX_PARAM_NAME = 100
# Beyond every double (1e308, 5e-324), and far from what PostgreSQL's numeric takes: 1e130000 would be 9 bytes on the wire
# and 130 KB each time it is read.
MOST_DIGITS_BEFORE, MOST_DIGITS_AFTER = 350, 400


class RawEvent(msgspec.Struct):
    """One event as sent, members still in their wire shape."""

    eventTypeKey: Any = None
    keyValue: Any = None
    params: Any = None
    parameters: Any = None
    eventParams: Any = None
    occurred: Any = None
    sentAt: Any = None
    eventId: Any = None
    messageId: Any = None


class CheckedEvent(msgspec.Struct):
    """One event, shape and limits checked; `params` keeps the order sent."""

    type_key: str
    key_value: str | None
    params: dict[str, Any]
    occurred: Any
    sent_at: Any
    event_id: str | None
    version: int = 2


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]} is a number too large to keep") from error


_event = msgspec.json.Decoder(RawEvent, float_hook=_decimal)
_any = msgspec.json.Decoder(float_hook=_decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


def read_single(body: bytes, *, version: int, event_id: str = "") -> CheckedEvent:
    """Read the body of `POST event`.

    Args:
        event_id: the header `Idempotency-Key`; a member `eventId` or `messageId` goes before it.

    Raises:
        Refused: 413 over the limit; 400 with the field and the rule otherwise.
    """
    if len(body) > settings.API_EVENT_BYTES:
        raise _large_event()
    try:
        raw = _event.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(400, "param_shape", "must be a JSON object", path="request body") from error
    except UNREADABLE as error:
        raise _malformed(error) from error
    return check(raw, version=version, event_id=event_id)


def _large_event() -> Refused:
    return Refused(413, "too_large", f"The event is larger than {settings.API_EVENT_BYTES} bytes")


def read_batch(body: bytes) -> list[CheckedEvent | Refused]:
    """Read `POST events/batch`: one entry per item, a refusal in place of an item that breaks a rule.

    Raises:
        Refused: 413 over 1 MB, 400 for unreadable JSON, no list, or more than 500 items.
    """
    if len(body) > MAX_BATCH_BODY:
        raise Refused(413, "too_large", f"The request is larger than {MAX_BATCH_BODY} bytes")
    try:
        found = _any.decode(body)
    except UNREADABLE as error:
        raise _malformed(error) from error
    items = found.get("events") if isinstance(found, dict) else None
    if isinstance(items, dict):
        items = [items]
    if not isinstance(items, list) or not items:
        raise Refused(400, "param_shape", "must be a list of 1 to 500 events", path="events")
    if len(items) > MAX_BATCH:
        raise Refused(400, "batch_too_long", f"must hold at most {MAX_BATCH} events", path="events")
    return [_read_item(item) for item in items]


def _read_item(item: Any) -> CheckedEvent | Refused:
    if not isinstance(item, dict):
        return Refused(400, "param_shape", "must be an object")
    if len(_encoder.encode(item)) > settings.API_EVENT_BYTES:
        return _large_event()
    known = {name: value for name, value in item.items() if name in RawEvent.__struct_fields__}
    try:
        return check(RawEvent(**known), version=2)
    except Refused as refusal:
        return refusal


def _malformed(error: Exception) -> Refused:
    return Refused(400, "json_invalid", f"The request body is not valid JSON: {error}")


def check(raw: RawEvent, *, version: int, event_id: str = "") -> CheckedEvent:
    """Check shape and limits in the documented order; the first failure wins."""
    type_key = _key(raw.eventTypeKey, "eventTypeKey", MAX_TYPE_KEY, code="type_key_invalid")
    if type_key is None:
        raise Refused(400, "type_key_missing", "is required", path="eventTypeKey")
    key_value = _key(raw.keyValue, "keyValue", MAX_KEY_VALUE, code="key_too_long")
    given = raw.params if raw.params is not None else raw.parameters
    params = _params(given if given is not None else raw.eventParams, version)
    sent_id = (
        _event_id(raw.eventId, "eventId")
        or _event_id(raw.messageId, "messageId")
        or _event_id(event_id, "Idempotency-Key")
    )
    return CheckedEvent(type_key, key_value, params, raw.occurred, raw.sentAt, sent_id, version)


def _event_id(value: Any, name: str) -> str | None:
    if value is None or value == "":
        return None
    text = _scalar_text(value, name).strip()
    if len(text) > MAX_KEY_VALUE:
        raise Refused(400, "key_too_long", f"must be at most {MAX_KEY_VALUE} characters", path=name)
    if CONTROL.search(text):
        raise Refused(400, "key_too_long", "must not hold control characters", path=name)
    return text or None


def _key(value: Any, name: str, most: int, *, code: str) -> str | None:
    if value is None:
        return None
    text = _scalar_text(value, name).strip()
    if not text:
        return None
    return check_event_key(text, name, most=most, code=code)


def _scalar_text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    raise Refused(400, "param_shape", "must be a string", path=name)


def _params(given: Any, version: int) -> dict[str, Any]:
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    if isinstance(given, dict):
        if "name" in given and "value" in given and set(given) <= {"name", "value"} and version != 3:
            given = [given]
        else:
            given = [{"name": name, "value": value} for name, value in given.items()]
    if not isinstance(given, list):
        raise Refused(400, "param_shape", "must be a list of objects with name and value", path="params")
    if version != 1 and (plain := _plain_params(given)) is not None:
        return plain
    if len(given) > MAX_PARAMS:
        raise Refused(400, "param_shape", f"must hold at most {MAX_PARAMS} parameters", path="params")
    params: dict[str, Any] = {}
    for place, entry in enumerate(given):
        name, value = _param(entry, place)
        if name in params:
            raise _bad_name(place, f"'{name}' is given twice", code="param_name_duplicate")
        if version == 1:
            value = _unescape(value)
        if type(value) is not int and (
            type(value) is not str or "\0" in value
        ):  # what is left can be kept as it is
            _check_value(value, f"params[{place}].value", 1)
        params[name] = value
    return params


def _plain_params(given: list[Any]) -> dict[str, Any] | None:
    """The parameters when nothing about them needs a closer look, else None: a few comparisons a parameter."""
    if len(given) > MAX_PARAMS:
        return None
    try:
        params = {entry["name"]: entry["value"] for entry in given}
    except (KeyError, TypeError):
        return None
    if len(params) != len(given):
        return None
    for name, value in params.items():
        if (
            type(name) is not str
            or not name
            or len(name) > MAX_PARAM_NAME
            or not name.isprintable()
            or name.isspace()
        ):
            return None
        if type(value) is not int and (type(value) is not str or "\0" in value):
            return None
    return params


def _param(entry: Any, place: int) -> tuple[str, Any]:
    if not isinstance(entry, dict) or entry.get("name") is None or "value" not in entry:
        raise Refused(400, "param_shape", "needs both name and value", path=f"params[{place}]")
    name = entry["name"]
    if not isinstance(name, str):
        name = _scalar_text(name, f"params[{place}].name")
    if not name.strip() or len(name) > MAX_PARAM_NAME:
        raise _bad_name(place, f"must be 1 to {MAX_PARAM_NAME} characters", code="param_name_too_long")
    if CONTROL.search(name):
        raise _bad_name(place, "must not hold control characters", code="param_shape")
    value = entry["value"]
    return name, "" if value is None else value


def _bad_name(place: int, rule: str, *, code: str) -> Refused:
    return Refused(400, code, rule, path=f"params[{place}].name")


def _unescape(value: Any) -> Any:
    """Version 1 carries structure as escaped JSON in a string."""
    if isinstance(value, str) and value[:1] in "[{" and value:
        try:
            return _any.decode(value.encode())
        except UNREADABLE:
            return value
    return value


def _check_value(value: Any, path: str, depth: int) -> None:
    """Refuse what jsonb cannot hold: NUL, numbers beyond numeric; what swells when it is read; what is nested too deep."""
    if isinstance(value, str):
        if "\0" in value:
            raise Refused(400, "param_shape", "must not hold the character NUL", path=path)
    elif isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        _check_number(value, path)
    elif isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise Refused(400, "param_shape", f"is nested deeper than {MAX_DEPTH} levels", path=path)
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in pairs:
            if isinstance(name, str) and "\0" in name:
                raise Refused(400, "param_shape", "must not hold the character NUL", path=path)
            _check_value(part, f"{path}.{name}" if isinstance(name, str) else f"{path}[{name}]", depth + 1)


def _check_number(value: Decimal | int, path: str) -> None:
    if isinstance(value, int):
        return
    exponent = value.as_tuple().exponent
    if (
        not isinstance(exponent, int)
        or value.adjusted() > MOST_DIGITS_BEFORE
        or exponent < -MOST_DIGITS_AFTER
    ):
        raise Refused(400, "param_shape", "is a number too large or too precise to keep", path=path)


def as_raw_json(value: Any) -> msgspec.Raw:
    """JSON with numbers digit by digit as sent, ready to stand inside other JSON."""
    return msgspec.Raw(_encoder.encode(value))


def encode_event(event: CheckedEvent) -> bytes:
    """A checked event as a sender might send it again."""
    body = {
        "eventTypeKey": event.type_key,
        "keyValue": event.key_value,
        "params": event.params,
        "eventId": event.event_id,
    }
    return _encoder.encode({name: value for name, value in body.items() if value is not None})


def structure_text(parameters: list[tuple[str, bool]]) -> str:
    """The documented sentence of a failed structure check."""
    parts = ",".join(
        json.dumps({"name": name, "required": required}, ensure_ascii=False) for name, required in parameters
    )
    return f"The event should have the following params: [{parts}]"
