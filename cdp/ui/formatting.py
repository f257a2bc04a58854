"""How values are written in the admin: times, numbers, masked personal data, structured values."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, format_decimal
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext, pgettext, to_locale
from django.utils.translation import gettext as _

DASH = "—"
FULL_UP_TO = 99_999
MASK = "•••"
LONGEST_TEXT = 2_000
MOST_PARTS = 200
CURRENCY = re.compile("[A-Z]{3}")
SPACELESS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")  # between a code of letters and its number
LARGEST_AMOUNT = Decimal(10) ** 30  # beyond it nobody means money
VARIABLE = re.compile(r"{{-?\s*([\w.]+).*?}}")


def moment(value: datetime | None, *, now: datetime | None = None) -> SafeString:
    """A time as people say it; the exact one with its zone on hover."""
    if value is None:
        return format_html("{}", DASH)
    now = now or timezone.now()
    local = timezone.localtime(value)
    exact = f"{formats.date_format(local, 'j E Y, H:i:s')} {local.tzname()}"
    return format_html(
        '<time datetime="{}" title="{}" class="ui-time">{}</time>',
        value.isoformat(),
        exact,
        spoken(value, now=now),
    )


def spoken(value: datetime, *, now: datetime) -> str:
    """`3 min ago`, `today 14:05`, `12 Nov, 14:05`, `12 Nov 2025`."""
    local, today = timezone.localtime(value), timezone.localtime(now)
    age = now - value
    if timedelta(0) <= age < timedelta(minutes=1):
        return _("just now")
    if timedelta(0) <= age < timedelta(hours=1):
        minutes = int(age.total_seconds() // 60)
        return ngettext("%(count)s min ago", "%(count)s min ago", minutes) % {"count": minutes}
    clock = formats.date_format(local, "H:i")
    if local.date() == today.date():
        return _("today %(time)s") % {"time": clock}
    if local.year == today.year:
        return formats.date_format(local, pgettext("date format", "j M, H:i"))
    return formats.date_format(local, pgettext("date format", "j M Y"))


def number(value: int | float | None) -> str:
    """Full to 99 999, then rounded: 1.2 M."""
    if value is None:
        return DASH
    if abs(value) <= FULL_UP_TO:
        return formats.number_format(value, use_l10n=True, force_grouping=True)
    for size, unit in ((1_000_000_000, _("B")), (1_000_000, _("M")), (1_000, _("k"))):
        if abs(value) >= size:
            return f"{formats.number_format(round(value / size, 1), use_l10n=True)} {unit}"
    return str(value)


def money(value: Any, currency: str = "") -> str:
    """An amount as the reader's language writes it, with the decimals of its currency: `$63.00`, `¥63`, `63,00 ₴`.

    What is no amount stays as it is; a currency that is no code of three letters is written behind the number.
    """
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not amount.is_finite() or abs(amount) >= LARGEST_AMOUNT:
        return str(value)
    code = currency.strip().upper()
    if not CURRENCY.fullmatch(code):
        return f"{format_decimal(amount, locale=_locale())} {currency}".strip()
    return SPACELESS.sub("\u00a0", format_currency(amount, code, locale=_locale()))


def _locale() -> Locale:
    try:
        return Locale.parse(to_locale(get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def mask_email(text: str) -> str:
    """`olena@example.com` → `o•••a@e•••.com`."""
    local, _at, domain = text.rpartition("@")
    name, dot, ending = domain.rpartition(".")
    return f"{_ends(local)}@{name[:1]}{MASK}{dot}{ending}"


def mask_phone(text: str) -> str:
    """The country and the last two digits stay."""
    return f"{text[:3]}{MASK}{text[-2:]}" if len(text) > 5 else MASK


def mask_text(text: str) -> str:
    return f"{text[:1]}{MASK}" if text else ""


def _ends(text: str) -> str:
    return f"{text[:1]}{MASK}{text[-1:]}" if len(text) > 2 else MASK


def wording(text: str) -> SafeString:
    """A text with variables, for people: `Hello, {{ contact.first_name | default: "you" }}` names the variable in a tag."""
    parts = VARIABLE.split(re.sub(r"{%.*?%}", "", text))
    return format_html_join("", '<span class="{}">{}</span>', (
        ("ui-tag" if number % 2 else "ui-wrap", part) for number, part in enumerate(parts) if part
    ))  # fmt: skip


def tree(value: Any) -> SafeString:
    """A structured value as nested, escaped lists; long ones are cut and say so."""
    if isinstance(value, dict):
        return (
            _branch("ui-tree", list(value.items()))
            if value
            else format_html('<span class="ui-dim">{}</span>', "{ }")
        )
    if isinstance(value, list | tuple):
        pairs = [(str(place), part) for place, part in enumerate(value)]
        return (
            _branch("ui-tree is-list", pairs)
            if pairs
            else format_html('<span class="ui-dim">{}</span>', "[ ]")
        )
    if value is None or value == "":
        return format_html('<span class="ui-dim">{}</span>', DASH)
    if isinstance(value, bool):
        return format_html("<code>{}</code>", "true" if value else "false")
    if isinstance(value, datetime | date):
        return format_html("{}", value.isoformat())
    text = str(value)
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
    if text.startswith(("https://", "http://")) and " " not in text:
        return format_html(
            '<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>', text, cut
        )
    return format_html("{}", cut)


def _branch(kind: str, pairs: Iterable[tuple[Any, Any]]) -> SafeString:
    rows = list(pairs)
    body = format_html_join(
        "", "<dt>{}</dt><dd>{}</dd>", ((name, tree(part)) for name, part in rows[:MOST_PARTS])
    )
    more = len(rows) - MOST_PARTS
    rest = format_html("<dt>…</dt><dd>{}</dd>", _("and %(count)s more") % {"count": more}) if more > 0 else ""
    return format_html('<dl class="{}">{}{}</dl>', kind, body, rest)
