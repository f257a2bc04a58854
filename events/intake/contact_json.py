"""The parameter `contactJson`: a contact that workflows may read, checked at the door (API document, 12.1)."""

from collections.abc import Callable, Iterator
from typing import Any

from cdp.api.errors import Refused
from cdp.api.wire import JsonObject, read_json
from contacts import field_types
from contacts.normalise import (
    InvalidValue,
    normalise_language,
    normalise_name,
    normalise_time_zone,
)
from contacts.wire import LONGEST_ADDRESS, Catalogue

CONTACT_JSON = "contactJson"


def check_contact_json(value: Any, catalogue: Catalogue) -> None:
    """Check the contact an event carries; JSON in a text is read.

    Raises:
        Refused: 400 with every field that breaks a rule, and the rule.
    """
    if value in ("", None):
        return
    faults = list(_faults(value, catalogue))
    if faults:
        raise Refused(400, "param_type", "; ".join(faults), path="params")


def _faults(value: Any, catalogue: Catalogue) -> Iterator[str]:
    try:
        found = read_json(value.encode()) if isinstance(value, str) else value
        body = JsonObject.of(found, CONTACT_JSON)
    except Refused:
        yield f"{CONTACT_JSON}: must be a JSON object"
        return
    readers: dict[str, Callable[[str], Any]] = {
        "firstname": normalise_name,
        "lastname": lambda text: normalise_name(text, last=True),
        "sms": catalogue.rules.read_phone,
        "timeZone": normalise_time_zone,
        "languageCode": normalise_language,
    }
    for name, read in readers.items():
        yield from _fault(lambda name=name, read=read: _read(body, name, read))  # type: ignore[misc]
    yield from _fault(lambda: body.text("town", most=LONGEST_ADDRESS))
    yield from _fault(lambda: body.flag("confirmed"))
    for place, sent in enumerate(body.items("profileInputs")):
        path = f"{CONTACT_JSON}.profileInputs[{place}]"
        yield from _fault(lambda sent=sent, path=path: _read_input(JsonObject.of(sent, path), catalogue))  # type: ignore[misc]


def _fault(read: Callable[[], Any]) -> Iterator[str]:
    try:
        read()
    except Refused as refusal:
        yield refusal.text


def _read(body: JsonObject, name: str, read: Callable[[str], Any]) -> None:
    text = body.text(name)
    try:
        if text is not None:
            read(text)
    except InvalidValue as error:
        raise Refused(400, error.code, error.message, path=body.at(name)) from error


def _read_input(entry: JsonObject, catalogue: Catalogue) -> None:
    number = entry.integer("profileInputId")
    found = catalogue.fields.get(number) if number is not None else None
    if found is None:
        raise Refused(
            400, "unknown_field", "must be the id of an additional field", path=entry.at("profileInputId")
        )
    try:
        field_types.read_value(found, entry.members.get("value"), catalogue.rules)
    except InvalidValue as error:
        raise Refused(400, error.code, error.message, path=entry.at("value")) from error
