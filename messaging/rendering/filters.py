"""Filters of message templates beyond Liquid's own: money, dates, phones, plurals, in the recipient's language and zone."""

import functools
import hashlib
import html
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency
from liquid import Markup, is_undefined
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

from messaging.rendering.links import check_destination

LONGEST_TEXT = 1_000_000
LONGEST_RANGE = 10_000
NAMED_FORMATS = ("short", "medium", "long", "full")
PLURALS = ("zero", "one", "two", "few", "many", "other")


@functools.lru_cache(maxsize=256)
def locale_of(language: str) -> Locale:
    """The locale of a language tag; English for one that nobody knows."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        primary = language.replace("_", "-").split("-")[0]
        return Locale.parse(primary) if primary != language and primary else Locale.parse("en")


@functools.lru_cache(maxsize=512)
def zone_of(name: str) -> tzinfo:
    """The zone of a TZ name; UTC for one that nobody knows."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


@with_context
def money(value: Any, currency: str = "", *, context: Any) -> str:
    """`{{ total | money: "EUR" }}`: the amount as the recipient's language writes it."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise FilterArgumentError(f"money: {str(value)!r} is not a number", token=None) from error
    if not amount.is_finite():
        raise FilterArgumentError(f"money: {str(value)!r} is not a number", token=None)
    return str(format_currency(amount, currency or context.currency, locale=locale_of(context.language)))


@with_context
def localised_date(value: Any, form: str = "medium", zone: str = "", *, context: Any) -> str:
    """`{{ at | date: "long" }}` (short, medium, long, full: as the language writes it) or strftime's `%d.%m.%Y`.

    Times are shown in the recipient's zone, or the one given.
    """
    if is_undefined(value) or value is None or value == "":
        return ""
    moment = _moment(value, context.now)
    if isinstance(moment, datetime):
        moment = moment.astimezone(zone_of(zone or context.time_zone))
    if "%" in form:
        return moment.strftime(form)
    locale = locale_of(context.language)
    wanted, _, part = form.partition(" ")
    if wanted not in NAMED_FORMATS and not form.replace(" ", "").isalpha():
        raise FilterArgumentError(f"date: {form!r} is no format", token=None)
    if isinstance(moment, datetime) and part == "time":
        return str(format_datetime(moment, wanted, tzinfo=moment.tzinfo, locale=locale))
    return str(format_date(moment, form, locale=locale))


def _moment(value: Any, now: datetime) -> datetime | date:
    if isinstance(value, (datetime, date)):
        return value
    if value in ("now", "today"):
        return now
    if isinstance(value, (int, float)) or (isinstance(value, str) and value.isdigit()):
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    text = str(value).strip()
    try:
        return date.fromisoformat(text) if len(text) == 10 else _with_zone(datetime.fromisoformat(text))
    except ValueError as error:
        raise FilterArgumentError(f"date: {text[:40]!r} is no date", token=None) from error


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def phone(value: Any) -> str:
    """`380501234567` → `+380 50 123 4567`."""
    digits = str(value).lstrip("+")
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return str(value)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


@with_context
def plural(value: Any, *forms: str, context: Any, **named: str) -> str:
    """`{{ n | plural: "item", "items" }}`: the form of the number in the recipient's language.

    Forms stand in the language's order (English one, other; Ukrainian one, few, many), or are named:
    `plural: one: "a", other: "b"`. The last is used where the language wants one that is not given.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise FilterArgumentError(f"plural: {str(value)!r} is not a number", token=None) from error
    rule = locale_of(context.language).plural_form
    wanted = rule(number)
    if unknown := set(named) - set(PLURALS):
        raise FilterArgumentError(f"plural: {unknown.pop()!r} is not one of {', '.join(PLURALS)}", token=None)
    if not forms and not named:
        raise FilterArgumentError("plural: give at least one form", token=None)
    order = [name for name in PLURALS if name in rule.tags or name == "other"]
    given = named or dict(zip(order, forms, strict=False))
    return given.get(wanted) or given.get("other") or list(given.values())[-1]


def upper_first(value: Any) -> str:
    """The first letter capital, the rest as it is."""
    text = str(value)
    return text[:1].upper() + text[1:]


def hashed(value: Any) -> str:
    """SHA-256 of the text, in hexadecimal."""
    return hashlib.sha256(str(value).encode()).hexdigest()


@with_context
def track(value: Any, number: int, *, context: Any) -> str:
    """The tracked address of a link's destination; written by the compiler, not by authors."""
    url = html.unescape(str(value)) if isinstance(value, Markup) else str(value)
    try:
        return str(context.track(number, str(url))) if context.track else check_destination(url)
    except ValueError as error:
        raise FilterArgumentError(str(error), token=None) from error


OWN: dict[str, Callable[..., Any]] = {
    "money": money,
    "date": localised_date,
    "phone": phone,
    "plural": plural,
    "upper_first": upper_first,
    "hash": hashed,
    "track": track,
}


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with bounds: no long range, and no result much longer than what may be sent anyway."""

    @functools.wraps(function)
    def bounded(value: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(value, range) and len(value) > LONGEST_RANGE:
            raise FilterArgumentError(f"{name}: a range of more than {LONGEST_RANGE} numbers", token=None)
        if name in GROWING and _grown(name, value, arguments) > LONGEST_TEXT:
            raise FilterArgumentError(f"{name}: the result would be longer than {LONGEST_TEXT}", token=None)
        return function(value, *arguments, **named)

    return bounded


GROWING = ("replace", "join", "append", "prepend", "newline_to_br", "url_encode", "escape", "concat")


def _grown(name: str, value: Any, arguments: tuple[Any, ...]) -> int:
    """An upper bound of the result's length."""
    if name == "join" or name == "concat":
        items = value if isinstance(value, (list, tuple, range)) else [value]
        separator = len(str(arguments[0])) if arguments and name == "join" else 1
        return sum(len(str(item)) for item in items) + separator * len(items)
    text = str(value)
    if name == "replace" and len(arguments) == 2:
        return len(text) + text.count(str(arguments[0])) * len(str(arguments[1]))
    if name in ("append", "prepend"):
        return len(text) + sum(len(str(argument)) for argument in arguments)
    return len(text)
