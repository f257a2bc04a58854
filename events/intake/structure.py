"""Checks an event against its type's declared parameters, with the coercions senders need (events document 2.2, 2.3)."""

import re
from datetime import UTC
from decimal import Decimal, InvalidOperation
from typing import Any

from cdp.api.errors import Refused
from cdp.api.moments import read_moment
from contacts.normalise import InvalidValue, normalise_email, normalise_phone
from events.intake.reading import structure_text
from events.services.registry import TypeInfo

MONEY = re.compile(r"\s*(-?\d+(?:\.\d+)?)(?:\s+[A-Z]{3})?\s*")
URL = re.compile(r"https?://\S+", re.IGNORECASE)
TRUTHS = {"true", "false", "1", "0"}


def check_structure(params: dict[str, Any], info: TypeInfo) -> None:
    """Check a strict type's event.

    Raises:
        Refused: 400 with the structure the type expects.
    """
    if not info.is_strict:
        return
    faults = [fault for declared in info.parameters if (fault := _fault(params, declared))]
    names = {declared["name"] for declared in info.parameters}
    if not info.allow_additional:
        faults += [f"'{name}' is not declared" for name in params if name not in names]
    if faults:
        expected = [(declared["name"], declared["is_required"]) for declared in info.parameters]
        raise Refused(400, "param_type", structure_text(expected))


def _fault(params: dict[str, Any], declared: dict[str, Any]) -> str:
    name = declared["name"]
    value = params.get(name)
    if value is None or value == "":
        return f"'{name}' is required" if declared["is_required"] else ""
    if not _fits(value, declared["type"]):
        return f"'{name}' is not of type {declared['type']}"
    if declared["allowed"] and str(value) not in declared["allowed"]:
        return f"'{name}' is not one of the allowed values"
    if declared["max_length"] and len(str(value)) > declared["max_length"]:
        return f"'{name}' is too long"
    number = _number(value)
    if number is not None:
        least, most = declared["least"], declared["most"]
        if (least is not None and number < least) or (most is not None and number > most):
            return f"'{name}' is out of range"
    return ""


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and (found := MONEY.fullmatch(value)):
        try:
            return Decimal(found[1])
        except InvalidOperation:
            return None
    return None


def _fits(value: Any, kind: str) -> bool:
    text = value if isinstance(value, str) else None
    number = _number(value)
    checks = {
        "any": lambda: True,
        "string": lambda: not isinstance(value, dict | list),
        "number": lambda: number is not None,
        "integer": lambda: number is not None and number == number.to_integral_value(),
        "boolean": lambda: isinstance(value, bool) or str(value).lower() in TRUTHS,
        "datetime": lambda: read_moment(value, UTC) is not None,
        "url": lambda: text is not None and URL.fullmatch(text.strip()) is not None,
        "email": lambda: text is not None and _reads(normalise_email, text),
        "phone": lambda: _reads(normalise_phone, str(value)),
        "object": lambda: isinstance(value, dict),
        "array": lambda: isinstance(value, list),
    }
    return checks[kind]()


def _reads(normalise: Any, text: str) -> bool:
    try:
        normalise(text)
    except InvalidValue:
        return False
    return True
