"""Types of additional fields: how each value is read at every door, kept in `Contact.data`, and written on the wire.

Kept as: texts, dates and moments as text (moments in UTC), fractional numbers as text too (a JSON float would lose
digits), whole numbers and truths as themselves, several options as a list in the field's order.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext_noop as _

from cdp.api.moments import read_date, read_moment, zone_of
from cdp.models import Account
from contacts.models.fields import ContactField, FieldType
from contacts.normalise import InvalidValue, Phone, normalise_email, normalise_phone

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LINE_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
URL = re.compile(r"https?://[^\s/$.?#]\S*", re.IGNORECASE)
LONGEST_TEXT, LONGEST_AREA, LONGEST_JSON, DEEPEST_JSON = 1_000, 5_000, 16 * 1024, 5
LEAST_INTEGER, MOST_INTEGER = -(2**31), 2**31 - 1
TRUTHS = {
    "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What reading needs to know of the account."""

    zone: tzinfo = UTC
    default_region: str = ""
    phone_countries: frozenset[str] = frozenset()

    @classmethod
    def of(cls, account: Account) -> "Rules":
        return cls(zone_of(account.time_zone), account.default_region, account.phone_country_codes)

    def read_phone(self, text: str) -> Phone:
        """The phone of a contact, as every door takes it. An additional field may hold a number of any country.

        Raises:
            InvalidValue: `bad_phone`.
        """
        return normalise_phone(text, self.default_region, self.phone_countries)


WIRE_NAMES: dict[str, str] = {
    FieldType.TEXT: "textfield",
    FieldType.TEXTAREA: "textarea",
    FieldType.INTEGER: "number",
    FieldType.DECIMAL: "decimal",
    FieldType.DATE: "date",
    FieldType.DATETIME: "datetime",
    FieldType.SELECT: "combobox",
    FieldType.MULTISELECT: "checkboxlist",
    FieldType.BOOLEAN: "combobox",
    FieldType.JSON: "textarea",
    FieldType.URL: "textfield",
    FieldType.EMAIL: "textfield",
    FieldType.PHONE: "textfield",
}


def read_value(field: ContactField, value: Any, rules: Rules) -> Any:
    """A value as it is kept; None when the given one says nothing (blank).

    Raises:
        InvalidValue: `bad_number`, `out_of_range`, `bad_date`, `unknown_option`, `too_long`, `bad_email`, `bad_phone`,
            `bad_url`, `bad_json` or `bad_value`, with the rule in words.
    """
    if isinstance(value, str) and not value.strip():
        return None
    if value is None or value == []:
        return None
    if field.type not in (FieldType.JSON, FieldType.MULTISELECT) and isinstance(value, dict | list):
        raise InvalidValue("bad_value", _("must be a single value"))
    return READERS[field.type](field, value, rules)


def write_value(field: ContactField, value: Any, zone: tzinfo) -> str:
    """A kept value as the text of the wire; moments in `zone` without an offset.

    A value kept before its field got a wider type is written as well: it is converted in the background.
    """
    if field.type == FieldType.BOOLEAN:
        return "true" if value else "false"
    if field.type == FieldType.MULTISELECT:
        return value if isinstance(value, str) else ",".join(value)
    if field.type == FieldType.JSON:
        return json.dumps(value, ensure_ascii=False)
    if field.type == FieldType.DATETIME:
        if len(value) == len("2026-01-31"):
            return f"{value}T00:00"
        moment = read_moment(value, UTC)
        return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if moment else str(value)
    return str(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return unicodedata.normalize("NFC", str(value)).strip()


def _read_text(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    is_area = field.type == FieldType.TEXTAREA
    text = (CONTROL if is_area else LINE_CONTROL).sub("", _text(value))
    most = LONGEST_AREA if is_area else LONGEST_TEXT
    if len(text) > most:
        raise InvalidValue("too_long", _("must be at most %(most)s characters"), most=most)
    return text


def _number(value: Any) -> Decimal:
    text = _text(value).replace("\u00a0", "").replace(" ", "")
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise InvalidValue("bad_number", _("'%(text)s' is not a number"), text=_text(value)[:40]) from error
    if not number.is_finite() or isinstance(value, bool):
        raise InvalidValue("bad_number", _("'%(text)s' is not a number"), text=_text(value)[:40])
    return number


def _check_range(field: ContactField, number: Decimal) -> None:
    if field.least is not None and number < field.least:
        raise InvalidValue(
            "out_of_range", _("must be at least %(least)s"), least=f"{field.least.normalize():f}"
        )
    if field.most is not None and number > field.most:
        raise InvalidValue("out_of_range", _("must be at most %(most)s"), most=f"{field.most.normalize():f}")


def _read_integer(field: ContactField, value: Any, rules: Rules) -> int:  # noqa: ARG001
    number = _number(value)
    if not LEAST_INTEGER <= number <= MOST_INTEGER:
        sentence = _("must be from %(least)s to %(most)s")
        raise InvalidValue("out_of_range", sentence, least=LEAST_INTEGER, most=MOST_INTEGER)
    if number != number.to_integral_value():
        raise InvalidValue("bad_number", _("must be a whole number"))
    _check_range(field, number)
    return int(number)


def _read_decimal(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    number = _number(value)
    if abs(number) >= Decimal(10) ** 12:
        raise InvalidValue("out_of_range", _("must have at most 12 digits before the point"))
    if number != round(number, 6):
        raise InvalidValue("bad_number", _("must have at most 6 digits after the point"))
    _check_range(field, number)
    return f"{number.normalize():f}" if number else "0"


def _read_date(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    text = _text(value)
    day = read_date(text)
    if day is None and (moment := read_moment(text, rules.zone)):
        day = moment.astimezone(rules.zone).date()
    if day is None:
        raise InvalidValue("bad_date", _("'%(text)s' is not a date such as 2026-01-31"), text=text[:40])
    return day.isoformat()


def _read_datetime(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    text = _text(value)
    moment = read_moment(text, rules.zone)
    if moment is None and (day := read_date(text)):
        moment = datetime(day.year, day.month, day.day, tzinfo=rules.zone).astimezone(UTC)
    if moment is None:
        sentence = _("'%(text)s' is not a date with time such as 2026-01-31T10:20")
        raise InvalidValue("bad_date", sentence, text=text[:40])
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _option(field: ContactField, text: str) -> str:
    """The option as declared; case does not matter."""
    for option in field.options:
        if option.casefold() == text.casefold():
            return option
    known = ", ".join(field.options[:20])
    sentence = _("'%(text)s' is not one of the options: %(known)s")
    raise InvalidValue("unknown_option", sentence, text=text[:40], known=known)


def _read_select(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    return _option(field, _text(value))


def _read_multiselect(field: ContactField, value: Any, rules: Rules) -> list[str]:  # noqa: ARG001
    parts = value if isinstance(value, list) else _text(value).split(",")
    chosen = {_option(field, _text(part)) for part in parts if _text(part)}
    return [option for option in field.options if option in chosen]


def _read_boolean(field: ContactField, value: Any, rules: Rules) -> bool:  # noqa: ARG001
    found = TRUTHS.get(_text(value).lower())
    if found is None:
        raise InvalidValue("bad_value", _("must be true or false"))
    return found


def _read_json(field: ContactField, value: Any, rules: Rules) -> Any:  # noqa: ARG001
    try:
        found = json.loads(value) if isinstance(value, str) else value
        text = json.dumps(found, default=float, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidValue("bad_json", _("must be JSON of finite numbers and valid text")) from error
    if size > LONGEST_JSON:
        raise InvalidValue("too_long", _("must be at most %(most)s bytes of JSON"), most=LONGEST_JSON)
    if _depth(found) > DEEPEST_JSON:
        raise InvalidValue("bad_json", _("must be nested at most %(most)s levels"), most=DEEPEST_JSON)
    if "\\u0000" in text:
        raise InvalidValue("bad_json", _("must not hold the character NUL"))
    return json.loads(text)


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while containers := [item for item in level if isinstance(item, dict | list)]:
        deepest += 1  # level by level: a thousand brackets must not exhaust the stack
        level = [part for item in containers for part in (item.values() if isinstance(item, dict) else item)]
    return deepest


def _read_url(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    text = _text(value)
    if len(text) > 2_000 or not URL.fullmatch(text):
        raise InvalidValue("bad_url", _("must be an address such as https://example.com/page"))
    return text


def _read_email(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    return normalise_email(_text(value))[0]


def _read_phone(field: ContactField, value: Any, rules: Rules) -> str:  # noqa: ARG001
    return normalise_phone(_text(value), rules.default_region).digits


READERS: dict[str, Callable[[ContactField, Any, Rules], Any]] = {
    FieldType.TEXT: _read_text,
    FieldType.TEXTAREA: _read_text,
    FieldType.INTEGER: _read_integer,
    FieldType.DECIMAL: _read_decimal,
    FieldType.DATE: _read_date,
    FieldType.DATETIME: _read_datetime,
    FieldType.SELECT: _read_select,
    FieldType.MULTISELECT: _read_multiselect,
    FieldType.BOOLEAN: _read_boolean,
    FieldType.JSON: _read_json,
    FieldType.URL: _read_url,
    FieldType.EMAIL: _read_email,
    FieldType.PHONE: _read_phone,
}
