"""Reads identifiers and regional settings as people write them; one normaliser per kind serves every door.

Each function has a checked fast path for the plain case and hands the rest to a library. Rules: contacts spec 2.1, 5.1, 11.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import phonenumbers
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from email_validator import EmailNotValidError, validate_email
from email_validator.exceptions import EmailSyntaxError

MAX_IDENTIFIER = 255
MAX_NAME = 40

# Values that mean "nothing"; compared without case after trimming (contacts spec 2.1).
NOTHING = frozenset({"null", "undefined", "none", "nan", "-1", "anonymous"})
ONLY_ZEROES = re.compile(r"[0\-]*")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}"
)
MISSPELT_DOMAINS = {
    "gmeil.com": "gmail.com", "gmai.com": "gmail.com", "gmial.com": "gmail.com", "gmail.con": "gmail.com",
    "gmail.co": "gmail.com", "gamil.com": "gmail.com", "gnail.com": "gmail.com", "hotmial.com": "hotmail.com",
    "yaho.com": "yahoo.com", "yahooo.com": "yahoo.com", "outlok.com": "outlook.com",
}  # fmt: skip
SEPARATORS = str.maketrans("", "", " \u00a0\t-.()")
LANGUAGES_BY_COUNTRY_CODE = {"ua": "uk", "cz": "cs", "gr": "el", "jp": "ja", "cn": "zh", "dk": "da"}
# ISO 639-1.
LANGUAGE_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de
dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id
ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu
lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu
rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr
ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
LANGUAGES = frozenset(LANGUAGE_CODES.split())


class InvalidValue(ValueError):
    """A value breaks a rule. `code` is stable; `message` says which rule, in English as the API tells it.

    `sentence` is marked by `gettext_noop`; its placeholders are filled by `parts`.
    """

    def __init__(self, code: str, sentence: str, **parts: Any) -> None:
        self.code, self.sentence, self.parts = code, sentence, parts
        self.message = sentence % parts
        super().__init__(self.message)

    @property
    def explanation(self) -> str:
        """The message in the reader's language."""
        return gettext(self.sentence) % self.parts


@dataclass(frozen=True, slots=True)
class Phone:
    """`digits` in international form without a plus; `is_sms_capable` false when no numbering plan gives it a mobile."""

    digits: str
    is_sms_capable: bool


def normalise_email(text: str) -> tuple[str, str]:
    """The address as kept (local part as typed, domain as an A-label in lower case) and as matched (lower case).

    Raises:
        InvalidValue: `bad_email`, with a suggestion where the domain is a known misspelling.
    """
    value = text.strip()
    if not (PLAIN_EMAIL.fullmatch(value) and len(value) <= 254 and value.index("@") <= 64):
        value = _read_email(value)
    domain = value.rpartition("@")[2]
    if domain in MISSPELT_DOMAINS:
        raise InvalidValue(
            "bad_email", _("'%(text)s' is not valid email: did you mean %(domain)s?"),
            text=text.strip(), domain=MISSPELT_DOMAINS[domain],
        )  # fmt: skip
    return value, value.lower()


def _read_email(text: str) -> str:
    value = unicodedata.normalize("NFC", text)
    if value.lower().startswith("mailto:"):
        value = value[7:]
    value = value.strip().strip("<>").strip()
    try:
        found = validate_email(
            value, check_deliverability=False, test_environment=False, allow_quoted_local=False
        )
    except (EmailSyntaxError, EmailNotValidError) as error:
        raise InvalidValue("bad_email", _("'%(text)s' is not valid email"), text=text) from error
    domain = (found.ascii_domain or "").lower()
    local = found.local_part or ""
    if not domain or len(local.encode()) > 64 or len(f"{local}@{domain}".encode()) > 254:
        raise InvalidValue("bad_email", _("'%(text)s' is not valid email"), text=text)
    return f"{local}@{domain}"


def normalise_phone(text: str, default_region: str = "", countries: frozenset[str] = frozenset()) -> Phone:
    """A number as digits in international form.

    Digits without a plus are tried as a full international number first, then as a national one of `default_region`.

    Args:
        countries: two-letter codes; when there are any, only their numbers are taken.

    Raises:
        InvalidValue: `bad_phone`: letters, fewer than 5 or more than 15 digits, or a number of no country given.
    """
    value = text.strip().translate(SEPARATORS)
    has_plus = value.startswith("+")
    digits = value.removeprefix("+")
    if digits.startswith("00") and not has_plus:
        has_plus, digits = True, digits[2:]
    if not (digits.isascii() and digits.isdigit()) or not 5 <= len(digits) <= 15:
        raise InvalidValue(
            "bad_phone", _("'%(text)s' is not valid phone: 5 to 15 digits in international format"), text=text
        )
    phone = _number(digits, "" if has_plus else default_region)
    if countries and _country(phone.digits) not in countries:
        sentence = _("'%(text)s' is not a phone of the countries this account takes: %(countries)s")
        raise InvalidValue("bad_phone", sentence, text=text, countries=", ".join(sorted(countries)))
    return phone


@lru_cache(maxsize=50_000)
def _number(digits: str, region: str) -> Phone:
    number = _parse(f"+{digits}", None)
    if number is None and region:
        national = _parse(digits, region)
        if national is not None:
            number = national
            digits = f"{national.country_code}{phonenumbers.national_significant_number(national)}"
    if number is None:
        return Phone(digits, is_sms_capable=False)
    kind = phonenumbers.number_type(number)
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    return Phone(digits, is_sms_capable=kind in mobile)


@lru_cache(maxsize=50_000)
def _country(digits: str) -> str:
    """The two-letter code of the country whose number this is; empty for one that no numbering plan knows."""
    number = _parse(f"+{digits}", None)
    return (phonenumbers.region_code_for_number(number) or "") if number is not None else ""


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    """The number when some numbering plan knows it."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def normalise_identifier(text: str, blocked: frozenset[str] = frozenset()) -> str | None:
    """An external id, contact key, token or cookie, trimmed, with its case; None when it means nothing.

    Args:
        blocked: the account's own list of values that identify nobody, in lower case.

    Raises:
        InvalidValue: `bad_identifier`: longer than 255 characters, or holds a control character.
    """
    value = text.strip()
    folded = value.lower()
    if not value or folded in NOTHING or folded in blocked or ONLY_ZEROES.fullmatch(value):
        return None
    if len(value) > MAX_IDENTIFIER:
        raise InvalidValue("bad_identifier", _("must be at most %(most)s characters"), most=MAX_IDENTIFIER)
    if CONTROL.search(value):
        raise InvalidValue("bad_identifier", _("must not hold control characters"))
    return value


def normalise_name(text: str, *, last: bool = False) -> str | None:
    """A first or last name; None when blank.

    Raises:
        InvalidValue: `too_long` over 40 characters; `name_rules` for the other rules of the API document, 7.1.
    """
    value = unicodedata.normalize("NFC", text).strip()
    if not value:
        return None
    if len(value) > MAX_NAME:
        raise InvalidValue("too_long", _("must be at most %(most)s characters"), most=MAX_NAME)
    if not _follows_name_rules(value, last=last):
        raise InvalidValue(
            "name_rules", _("must be letters, with at most 3 digits; apostrophes and hyphens inside words")
        )
    return value


def _follows_name_rules(value: str, *, last: bool) -> bool:
    letters = sum(character.isalpha() for character in value)
    digits = sum(character.isdigit() for character in value)
    if not letters or digits > 3:
        return False
    words = value.split()
    if not all(_is_name_word(word) for word in words):
        return False
    longer = sum(len(word) > 3 for word in words)
    return last or (longer <= 3 and len(words) - longer <= 3)


def _is_name_word(word: str) -> bool:
    """Letters, marks and digits; apostrophes and hyphens inside; a dot closing a word of up to three letters."""
    core = word.removesuffix(".")
    if core != word and not 1 <= len(core) <= 3:
        return False
    if not core or core[0] in "'’-" or core[-1] in "'’-":
        return False
    return all(
        c.isalpha() or c.isdigit() or c in "'’-" or unicodedata.category(c).startswith("M") for c in core
    )


def normalise_language(text: str) -> str:
    """A language tag with an ISO 639-1 primary subtag: `EN_us` → `en-US` (RFC 5646 casing).

    Raises:
        InvalidValue: `bad_language`, with a hint where a country's code was given.
    """
    parts = text.strip().replace("_", "-").split("-")
    primary = parts[0].lower()
    if primary not in LANGUAGES:
        hint = LANGUAGES_BY_COUNTRY_CODE.get(primary)
        if hint:
            sentence = _("'%(text)s' is not a language code: did you mean '%(hint)s'?")
            raise InvalidValue("bad_language", sentence, text=text.strip(), hint=hint)
        raise InvalidValue("bad_language", _("'%(text)s' is not a language code"), text=text.strip())
    rest = [part.title() if len(part) == 4 else part.upper() for part in parts[1:]]
    if any(not part.isalnum() or len(part) > 8 for part in rest):
        raise InvalidValue("bad_language", _("'%(text)s' is not a language code"), text=text.strip())
    return "-".join([primary, *rest])


@cache
def _zones() -> dict[str, str]:
    """Names of the TZ database in lower case → canonical ones.

    Canonical is what `zone.tab` offers people to choose; every other name is a link, followed until such a one
    (`Europe/Kiev`, `US/Eastern`, `Japan`). Offsets (`Etc/GMT+2`) and abbreviations (`EST`, `MST7MDT`) name no place.
    """
    files = resources.files("tzdata") / "zoneinfo"
    lines = (files / "zone.tab").read_text().splitlines()
    chosen = {line.split("\t")[2] for line in lines if not line.startswith("#")}
    lines = (files / "tzdata.zi").read_text().splitlines()
    links = {name: target for kind, target, name in (line.split() for line in lines if line.startswith("L "))}
    found = {name.lower(): name for name in chosen} | {"utc": "UTC", "etc/utc": "UTC"}
    for name in links:
        meant = name
        while meant not in chosen and meant in links:
            meant = links[meant]
        is_place = meant in chosen and ("/" in name or not name.isupper()) and not re.search(r"\d", name)
        if is_place or meant == "Etc/UTC":
            found.setdefault(name.lower(), "UTC" if meant == "Etc/UTC" else meant)
    return found


def normalise_time_zone(text: str) -> str:
    """The canonical name of a zone of the TZ database.

    Raises:
        InvalidValue: `bad_time_zone`: an offset, an abbreviation, or an unknown name.
    """
    name = text.strip()
    found = _zones().get(name.lower())
    if found is None:
        sentence = _("'%(text)s' is not a name of the TZ database, such as Europe/Kyiv")
        raise InvalidValue("bad_time_zone", sentence, text=name)
    return found
