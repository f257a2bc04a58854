"""The three requests about one contact: add or update, update by id, subscribe (API document, 9.4, 9.6, 9.9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cdp.api.errors import Refused
from cdp.api.wire import refuse
from cdp.hooks import EventRequest, EventsRequested, events_requested
from contacts.models import Contact, ContactList, Source, SubscriptionCategory
from contacts.services.inputs import Outcome, Policy
from contacts.services.lists import ensure_lists
from contacts.services.subscriptions import subscribe_to
from contacts.services.upsert import upsert_contacts
from contacts.wire import TOKEN_KINDS, WireContact

UNSENDABLE = frozenset({"spam", "blacklisted", "blocked"})


@dataclass(frozen=True, slots=True)
class Subscribed:
    """`email_status` as the wire says it; empty when no e-mail was sent or the contact keeps another one."""

    contact_id: int
    is_new: bool
    email_status: str


def add_contact(wire: WireContact, *, actor: str, now: datetime) -> Outcome:
    """Find or make a contact and write what is given; deleted ones are restored.

    Raises:
        Refused: 400, neither a channel nor an external id, or an unknown list.
    """
    if not wire.is_addressable:
        raise refuse(
            "channels", "at least one channel, or externalCustomerId, is required", code="no_identifier"
        )
    with transaction.atomic():
        _join_lists(wire, now)
        [outcome] = upsert_contacts(
            [wire.item], policy=Policy.ADD, source=Source.API, actor=actor, now=now, source_detail=actor
        )
        return _settled(outcome)


def put_contact(contact_id: int, wire: WireContact, *, actor: str, now: datetime) -> Outcome:
    """Write what is given on one contact; channels replace those of the types given; a deleted one is restored.

    Raises:
        Refused: 404 unknown id; 400 the external id is another contact's, or cannot be changed.
    """
    wire.item.contact_id = contact_id
    wire.item.replace_tokens = tuple(
        kind for channel, kind in TOKEN_KINDS.items() if channel in wire.channel_types
    )
    with transaction.atomic():
        [outcome] = upsert_contacts(
            [wire.item], policy=Policy.PUT, source=Source.API, actor=actor, now=now, source_detail=actor
        )
        return _settled(outcome)


def subscribe_contact(
    wire: WireContact,
    *,
    list_names: Sequence[str],
    categories: Sequence[SubscriptionCategory],
    form_type: str,
    actor: str,
    now: datetime,
) -> Subscribed:
    """Take a subscription form: a new e-mail waits for confirmation, channels of a known contact stay as they are.

    Tells the event `subscribeFromApi` or `subscribeUpdateFromApi`, with `-form_type` when there is one.

    Raises:
        Refused: 400, no channel.
    """
    if not (wire.item.addresses() or wire.item.tokens):
        raise refuse("contact.channels", "at least one channel is required", code="no_identifier")
    wire.list_names.extend(list_names)
    with transaction.atomic():
        _join_lists(wire, now)
        [outcome] = upsert_contacts(
            [wire.item], policy=Policy.SUBSCRIBE, source=Source.SUBSCRIPTION, actor=actor, now=now,
            source_detail=form_type,
        )  # fmt: skip
        contact_id = _contact_id(_settled(outcome))
        subscribe_to(contact_id, categories, actor=actor, now=now)
        is_new = outcome.result == "created"
        kind = "subscribeFromApi" if is_new else "subscribeUpdateFromApi"
        params = {"ContactId": contact_id}
        if wire.item.email is not None:
            params["EmailAddress"] = wire.item.email  # type: ignore[assignment]
        request = EventRequest(
            f"{kind}-{form_type}" if form_type else kind, str(contact_id), contact_id, params
        )
        events_requested.send(EventsRequested([request], actor=actor, now=now))
    return Subscribed(contact_id, is_new, _email_status(wire, outcome, contact_id))


def _email_status(wire: WireContact, outcome: Outcome, contact_id: int) -> str:
    """How the address sent stands; empty when the contact has another one, which stays."""
    if wire.item.email_norm is None:
        return ""
    if not Contact.objects.filter(pk=contact_id, email_norm=wire.item.email_norm).exists():
        return ""
    if outcome.email_status_before == "active":
        return "ALREADY_SUBSCRIBED"
    return "BLACKLISTED" if outcome.email_status_before in UNSENDABLE else "NEED_CONFIRMATION"


def _join_lists(wire: WireContact, now: datetime) -> None:
    """Lists by id and by name; a name that is none yet becomes a list."""
    known = set(ContactList.objects.filter(pk__in=wire.list_ids).values_list("pk", flat=True))
    for place, number in enumerate(wire.list_ids):
        if number not in known:
            raise refuse(f"groups[{place}].id", f"no segment has the id {number}")
    named = ensure_lists(wire.list_names, now=now).values() if wire.list_names else ()
    wire.item.list_ids = tuple(dict.fromkeys([*wire.list_ids, *named]))


def _settled(outcome: Outcome) -> Outcome:
    if outcome.result == "failed":
        status = 404 if outcome.code == "not_found" else 400
        path = "externalCustomerId" if outcome.code.startswith("external_id") else ""
        raise Refused(status, outcome.code, outcome.message, path=path)
    return outcome


def _contact_id(outcome: Outcome) -> int:
    if outcome.contact_id is None:
        raise ValueError("an outcome that did not fail names a contact")
    return outcome.contact_id
