"""How each parameter of the address is read into a condition."""

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.seeded import seeded
from contacts import groups
from contacts.filters.condition import (
    ANY,
    NONE,
    PROBE,
    Condition,
    FilterError,
    Reader,
    by_related,
    by_trait,
    number,
    parts,
    split,
    trait,
)
from contacts.models import Address, AddressStatus, ContactField, ContactList, Key, ListMember, Source
from contacts.normalise import InvalidValue, normalise_language, normalise_time_zone

ASKED_BY_ID = 5_000  # members of a segment that a statement names; more are sieved after reading
TOKENS = {
    "mobile": gettext_lazy("mobile push"),
    "web": gettext_lazy("web push"),
    "telegram": gettext_lazy("Telegram"),
}
COLUMNS = {
    "email": gettext_lazy("e-mail"), "phone": gettext_lazy("phone"), "external_id": gettext_lazy("external ID"),
    "contact_key": gettext_lazy("contact key"), "first_name": gettext_lazy("first name"),
    "last_name": gettext_lazy("last name"), "town": gettext_lazy("town"), "region": gettext_lazy("region"),
    "language": gettext_lazy("language"), "time_zone": gettext_lazy("time zone"),
}  # fmt: skip


def _by_address(kind: str, column: str, has: Any, lacks: Any, state: Any) -> Reader:
    def read(value: str) -> Condition:
        words = parts(value, AddressStatus.values, alone=(ANY, NONE))
        if words == [NONE]:
            return by_trait(lacks, f"-{kind}")
        if words == [ANY]:
            return Condition("", "", str(has), lambda rows: rows.filter(**{f"{column}__isnull": False}))
        held = Address.objects.filter(kind=kind, status__in=words).values("value")
        labels = ", ".join(str(AddressStatus(word).label) for word in words)
        text = state % {"states": labels}
        is_usual = AddressStatus.ACTIVE in words
        return Condition(
            "", "", text, lambda rows: rows.filter(**{f"{column}__in": held}), is_of_address=not is_usual,
            weight=PROBE,
        )  # fmt: skip

    return read


def _by_push(value: str) -> Condition:
    words = parts(value, TOKENS, alone=(ANY, NONE))
    kinds = list(TOKENS) if words in ([ANY], [NONE]) else words
    tokens = Key.objects.filter(kind__in=kinds, is_active=True)
    if words == [NONE]:
        has = Exists(tokens.filter(person_id=OuterRef("pk")))
        return by_related(_("has no push or messenger"), lambda rows: rows.filter(~has))
    text = _("has %(kinds)s") % {"kinds": ", ".join(str(TOKENS[kind]) for kind in kinds)}
    return by_related(text, lambda rows: rows.filter(pk__in=tokens.values("person_id")))


def _list_named(value: str) -> ContactList:
    found = ContactList.objects.filter(pk=number(value)).first()
    if found is None:
        raise FilterError(_("There is no list with the id %(id)s.") % {"id": value})
    return found


def _on_list(value: str) -> Condition:
    chosen = _list_named(value)
    members = ListMember.objects.filter(list=chosen).values("contact_id")
    text = _("on the list %(name)s") % {"name": chosen.name}
    return by_related(text, lambda rows: rows.filter(pk__in=members))


def _off_list(value: str) -> Condition:
    chosen = _list_named(value)
    member = Exists(ListMember.objects.filter(list=chosen, contact_id=OuterRef("pk")))
    text = _("not on the list %(name)s") % {"name": chosen.name}
    return by_related(text, lambda rows: rows.filter(~member))


def _group(value: str) -> tuple[str, Any]:
    pk = number(value)
    named = groups.name_of(pk)
    if named is None:
        raise FilterError(_("There is no segment with the id %(id)s.") % {"id": value})
    return named, groups.members_of(pk)


def _in_segment(value: str) -> Condition:
    name, ids = _group(value)
    text, size = _("in the segment %(name)s") % {"name": name}, len(ids)
    if size <= ASKED_BY_ID:
        few = RawSQL(
            "SELECT unnest(%s::bigint[])", [list(ids)]
        )  # one parameter: thousands take long to parse
        return Condition("", "", text, lambda rows: rows.filter(pk__in=few), is_few=True)
    return Condition("", "", text, fits=ids.__contains__, size=size)


def _out_of_segment(value: str) -> Condition:
    name, ids = _group(value)
    text = _("not in the segment %(name)s") % {"name": name}
    if len(ids) <= ASKED_BY_ID:
        few = list(ids)
        return Condition("", "", text, lambda rows: rows.exclude(pk__in=few))
    return Condition("", "", text, fits=lambda one: one not in ids)


def _by_source(value: str) -> Condition:
    words = parts(value, Source.values)
    labels = ", ".join(str(Source(word).label) for word in words)
    return by_trait(_("source: %(names)s") % {"names": labels}, *(f"s:{word}" for word in words))


def _normalised(value: str, prefix: str, read: Callable[[str], str], has: Any, lacks: Any) -> Condition:
    if value == NONE:
        return by_trait(lacks, f"{prefix}:")
    try:
        words = [read(word) for word in split(value)]
    except InvalidValue as error:
        raise FilterError(f"{value[:40]}: {error.explanation}") from error
    return by_trait(has % {"names": ", ".join(words)}, *(f"{prefix}:{word}" for word in words))


def _by_language(value: str) -> Condition:
    return _normalised(value, "l", normalise_language, _("language: %(names)s"), _("has no language"))


def _by_zone(value: str) -> Condition:
    return _normalised(value, "z", normalise_time_zone, _("time zone: %(names)s"), _("has no time zone"))


def _by_filled(value: str) -> Condition:
    return _by_values(value, is_filled=True)


def _by_empty(value: str) -> Condition:
    return _by_values(value, is_filled=False)


def _by_values(value: str, *, is_filled: bool) -> Condition:
    has_fields = "field." in value
    rows = ContactField.objects.values_list("pk", "name") if has_fields else ()
    fields = {f"field.{pk}": seeded(name) for pk, name in rows}
    words = parts(value, {**COLUMNS, **fields})
    names = ", ".join(str(COLUMNS.get(word) or fields[word]) for word in words)
    text = (_("has %(names)s") if is_filled else _("has no %(names)s")) % {"names": names}

    def narrow(rows: Any) -> Any:
        for word in words:
            rows = _filled(rows, word) if is_filled else _missing(rows, word)
        return rows

    is_trait = not (is_filled or fields)
    traits = tuple(_trait_of(word) for word in words) if is_trait else ()
    return Condition("", "", text, narrow, is_trait=is_trait, traits=traits)


MISSING = {"language": "l:", "time_zone": "z:"}


def _trait_of(word: str) -> str:
    return MISSING.get(word, f"-{word}")


def _missing(rows: Any, word: str) -> Any:
    if word.startswith("field."):
        return rows.exclude(data__has_key=word.removeprefix("field."))
    return trait(_trait_of(word))(rows)


def _filled(rows: Any, word: str) -> Any:
    if word.startswith("field."):
        return rows.filter(data__has_key=word.removeprefix("field."))
    return rows.filter(~Q(**{f"{word}__isnull": True}) & ~Q(**{word: ""}))


READERS: dict[str, Reader] = {
    "email": _by_address(
        "email", "email_norm", gettext_lazy("has an e-mail"), gettext_lazy("has no e-mail"), gettext_lazy("e-mail is: %(states)s")
    ),
    "phone": _by_address(
        "phone", "phone", gettext_lazy("has a phone"), gettext_lazy("has no phone"), gettext_lazy("phone is: %(states)s")
    ),
    "push": _by_push,
    "list": _on_list,
    "nolist": _off_list,
    "segment": _in_segment,
    "nosegment": _out_of_segment,
    "source": _by_source,
    "language": _by_language,
    "zone": _by_zone,
    "filled": _by_filled,
    "empty": _by_empty,
}  # fmt: skip
