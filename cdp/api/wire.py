"""Reads JSON as leniently as the wire asks (API document, 2.2), and says exactly what breaks a rule.

A null is an absent member; a lone value stands for a list of one; numbers come as strings and the reverse; a blank
string means "not given".
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from cdp.api.errors import Refused

EVENT_KEY_FORBIDDEN = re.compile("[<>;’'\"`\\\\/|^?!,]")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MAX_INT = 2**63 - 1
MAX_TEXT = 20_000


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]} is a number too large to keep") from error


_decoder = msgspec.json.Decoder(float_hook=_decimal)


def read_json(body: bytes) -> Any:
    """Decode a request body; floats come as Decimal.

    Raises:
        Refused: 400 for anything but valid JSON, lone surrogates and numbers nobody can hold included.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise Refused(400, "json_invalid", f"The request body is not valid JSON: {error}") from error


def refuse(path: str, rule: str, *, code: str = "invalid") -> Refused:
    """A 400 that names the field and the rule."""
    return Refused(400, code, rule, path=path)


class JsonObject:
    """A JSON object being read; `path` is where it stands in the request, for error messages."""

    def __init__(self, members: Mapping[str, Any], path: str = "") -> None:
        self.members = members
        self.path = path

    @classmethod
    def of(cls, value: Any, path: str = "") -> "JsonObject":
        """Raises: Refused: the value is no object."""
        if not isinstance(value, dict):
            raise refuse(path or "request body", "must be a JSON object")
        return cls(value, path)

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        return self.members.get(name) is not None

    def text(self, name: str, *, most: int = MAX_TEXT) -> str | None:
        """A trimmed text; numbers count as their digits, blank as not given.

        Raises:
            Refused: another type, too long, or it holds NUL.
        """
        return read_text(self.members.get(name), self.at(name), most=most)

    def required_text(self, name: str, *, most: int = MAX_TEXT) -> str:
        found = self.text(name, most=most)
        if found is None:
            raise refuse(self.at(name), "is required", code="required")
        return found

    def integer(self, name: str) -> int | None:
        return read_integer(self.members.get(name), self.at(name))

    def decimal(self, name: str) -> Decimal | None:
        """Raises: Refused: no finite number."""
        text = self.text(name, most=100)
        if text is None:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation as error:
            raise refuse(self.at(name), "must be a number") from error
        if not number.is_finite() or abs(number.adjusted()) > 30:
            raise refuse(self.at(name), "must be a number of at most 30 digits")
        return number

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Raises: Refused: neither a boolean nor one of its usual spellings."""
        value = self.members.get(name)
        if isinstance(value, bool):
            return value
        text = self.text(name)
        if text is None:
            return default
        found = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
        if found is None:
            raise refuse(self.at(name), "must be true or false")
        return found

    def items(self, name: str) -> list[Any]:
        """A list; a lone value is a list of one, nulls are passed over."""
        return as_list(self.members.get(name))

    def objects(self, name: str) -> Iterator["JsonObject"]:
        for place, value in enumerate(self.items(name)):
            yield JsonObject.of(value, f"{self.at(name)}[{place}]")

    def object(self, name: str) -> "JsonObject | None":
        value = self.members.get(name)
        return None if value is None or value == "" else JsonObject.of(value, self.at(name))

    def texts(self, name: str, *, most: int = MAX_TEXT) -> list[str]:
        """A list of texts without blanks and repeats; also one text, and a list of them."""
        found = [
            read_text(value, f"{self.at(name)}[{place}]", most=most)
            for place, value in enumerate(self.items(name))
        ]
        return list(dict.fromkeys(text for text in found if text))

    def integers(self, name: str) -> list[int]:
        found = [
            read_integer(value, f"{self.at(name)}[{place}]") for place, value in enumerate(self.items(name))
        ]
        return list(dict.fromkeys(number for number in found if number is not None))


def check_event_key(text: str, path: str, *, most: int, code: str) -> str:
    """An event key or event type key (API document, 12.1).

    Raises:
        Refused: too long, or it holds one of the forbidden characters.
    """
    if len(text) > most:
        raise refuse(path, f"must be at most {most} characters", code=code)
    if EVENT_KEY_FORBIDDEN.search(text) or CONTROL.search(text):
        raise refuse(path, "must not hold < > ; ’ ' \" ` \\ / | ^ ? ! , or control characters", code=code)
    return text


def as_list(value: Any) -> list[Any]:
    """A list of what is there: nothing, a lone value, or a list without its nulls."""
    if value is None:
        return []
    return [item for item in value if item is not None] if isinstance(value, list) else [value]


def read_text(value: Any, path: str, *, most: int = MAX_TEXT) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise refuse(path, "must be a string")
    text = str(value).strip()
    if "\0" in text:
        raise refuse(path, "must not hold the character NUL")
    if len(text) > most:
        raise refuse(path, f"must be at most {most} characters", code="too_long")
    return text or None


def read_integer(value: Any, path: str) -> int | None:
    text = read_text(value, path)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if digits.endswith(".0"):
        digits = digits[:-2]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19 or int(digits) > MAX_INT:
        raise refuse(path, "must be a whole number")
    return -int(digits) if text.startswith("-") else int(digits)


def query_list(values: list[str]) -> list[str]:
    """A list in the query: given once, comma-separated, repeated, or any mixture (API document, 2.1)."""
    return list(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))
