"""Contacts added and edited by a colleague in the admin."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from contacts import field_types
from contacts.models import Contact, ContactList, ContactState, Key, Source
from contacts.normalise import (
    InvalidValue,
    normalise_email,
    normalise_identifier,
    normalise_language,
    normalise_name,
    normalise_time_zone,
)
from contacts.services.inputs import WRITABLE, ContactInput, Policy
from contacts.services.upsert import upsert_contacts
from contacts.wire import Catalogue

NAMES = ("first_name", "last_name")
PLAIN = ("address", "town", "region", "postcode")
LONGEST_PLAIN = 300


class ManualRefused(ValueError):
    """Values that cannot be saved: `errors` maps a form field to the sentence that says why."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = errors


@dataclass(slots=True)
class Values:
    """What a form holds: texts by column, additional fields by id; an empty text clears."""

    texts: dict[str, str]
    data: dict[int, Any] = field(default_factory=dict)


def create_contact(values: Values, *, list_ids: Sequence[int], actor: str, now: datetime) -> int:
    """Make a contact; returns its id.

    Raises:
        ManualRefused: a bad value, no identifier, or somebody has one of the identifiers already.
    """
    item = _read(values, Catalogue.load(), clear=False)
    if not (item.owned_keys() or item.addresses()):
        raise ManualRefused(
            {"email": _("An e-mail, a phone or an external ID is needed to tell this contact apart.")}
        )
    item.list_ids = tuple(ContactList.objects.filter(pk__in=list_ids).values_list("pk", flat=True))
    with transaction.atomic():
        _refuse_known(item, besides=None)
        return _upsert(item, actor, now)


def edit_contact(contact_id: int, values: Values, *, actor: str, now: datetime) -> None:
    """Write the values given on a contact; an empty one clears its field.

    Raises:
        ManualRefused: a bad value, an identifier of somebody else, or nothing left to tell the contact apart.
    """
    known = Contact.objects.filter(pk=contact_id).values_list("phone", flat=True).first()
    if known and values.texts.get("phone", "").strip().removeprefix("+") == known:
        values = replace(
            values, texts={k: v for k, v in values.texts.items() if k != "phone"}
        )  # as it was: not judged anew
    item = _read(values, Catalogue.load(), clear=True)
    item.contact_id = contact_id
    with transaction.atomic():
        before = Contact.objects.select_for_update().get(pk=contact_id)
        if item.external_id is None and "external_id" in values.texts and before.external_id:
            raise ManualRefused(
                {"external_id": _("The external ID of a contact cannot be changed or removed.")}
            )
        _refuse_known(item, besides=contact_id)
        _refuse_nameless(item, before)
        _upsert(item, actor, now)


def _upsert(item: ContactInput, actor: str, now: datetime) -> int:
    [outcome] = upsert_contacts(
        [item], policy=Policy.MANUAL, source=Source.MANUAL, actor=actor, now=now, source_detail=actor
    )
    if outcome.contact_id is None or outcome.result == "failed":
        name = "external_id" if outcome.code.startswith("external_id") else "__all__"
        sentences = {
            "external_id_conflict": _("Another contact has this external ID."),
            "external_id_immutable": _("The external ID of a contact cannot be changed or removed."),
        }
        raise ManualRefused({name: sentences.get(outcome.code, outcome.message)})
    return outcome.contact_id


def _read(values: Values, catalogue: Catalogue, *, clear: bool) -> ContactInput:
    """The input of the service; every fault of every field at once."""
    item = ContactInput()
    errors: dict[str, str] = {}
    for name, text in values.texts.items():
        try:
            _read_text(item, name, text.strip(), catalogue, clear=clear)
        except InvalidValue as error:
            errors[name] = error.explanation
    for number, value in values.data.items():
        found = catalogue.fields.get(number)
        try:
            kept = field_types.read_value(found, value, catalogue.rules) if found else None
        except InvalidValue as error:
            errors[f"field_{number}"] = error.explanation
            continue
        if kept is not None or clear:
            item.data[str(number)] = kept
    if errors:
        raise ManualRefused(errors)
    return item


def _read_text(item: ContactInput, name: str, text: str, catalogue: Catalogue, *, clear: bool) -> None:
    if "\0" in text:
        raise InvalidValue("bad_value", gettext_noop("must not hold the character NUL"))
    if name == "email":
        item.clear_email = clear and not text
        if text:
            item.email, item.email_norm = normalise_email(text)
    elif name == "phone":
        item.clear_phone = clear and not text
        if text:
            phone = catalogue.rules.read_phone(text)
            item.phone, item.is_sms_capable = phone.digits, phone.is_sms_capable
    elif name in ("external_id", "contact_key"):
        setattr(item, name, normalise_identifier(text, catalogue.blocked) if text else None)
    elif name in WRITABLE and (text or clear):
        item.fields[name] = _plain(name, text) if text else None


def _plain(name: str, text: str) -> str | None:
    if name in NAMES:
        return normalise_name(text, last=name == "last_name")
    if name == "language":
        return normalise_language(text)
    if name == "time_zone":
        return normalise_time_zone(text)
    if len(text) > LONGEST_PLAIN:
        raise InvalidValue(
            "too_long", gettext_noop("must be at most %(most)s characters"), most=LONGEST_PLAIN
        )
    return text


def _refuse_known(item: ContactInput, *, besides: int | None) -> None:
    """Say who has an identifier already, rather than change that person behind the colleague's back."""
    active = Contact.objects.filter(state__in=[ContactState.ACTIVE, ContactState.DELETED]).exclude(
        pk=besides or 0
    )
    errors: dict[str, str] = {}
    if item.external_id:
        owner = Key.objects.filter(kind="ext", value=item.external_id).values("person_id")
        _name_holder(errors, "external_id", active.filter(pk__in=owner).first())
    if besides is None:  # two contacts may share an address; a new one with it is most often a mistake
        if item.email_norm:
            _name_holder(errors, "email", active.filter(email_norm=item.email_norm).first())
        if item.phone:
            _name_holder(errors, "phone", active.filter(phone=item.phone).first())
    if errors:
        raise ManualRefused(errors)


def _name_holder(errors: dict[str, str], name: str, holder: Contact | None) -> None:
    if holder is None:
        return
    who = {"who": str(holder), "id": holder.pk}
    if holder.state == ContactState.DELETED:
        errors[name] = (
            _("Belongs to the deleted contact %(who)s (id %(id)s). Restore it or use another value.") % who
        )
    else:
        errors[name] = _("Belongs to %(who)s (id %(id)s). Open that contact or use another value.") % who


def _refuse_nameless(item: ContactInput, before: Contact) -> None:
    keeps_email = before.email_norm and not item.clear_email
    keeps_phone = before.phone and not item.clear_phone
    has_other = before.external_id or before.contact_key or Key.objects.filter(person_id=before.pk).exists()
    if not (item.owned_keys() or item.addresses() or keeps_email or keeps_phone or has_other):
        raise ManualRefused({"email": _("The last identifier of a contact cannot be removed.")})
