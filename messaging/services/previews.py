"""Previews and tests: what a contact would get, rendered by the code that sends; and the same to own addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp.models import Account
from contacts.models import AuditAction
from contacts.services import audit
from messaging.models import CauseKind, Message
from messaging.rendering.faults import Aborted, Fault, RenderError
from messaging.rendering.revisions import Rendered, prepare, render
from messaging.rendering.values import Recipient, load_contacts, nobody, read_field_names
from messaging.services.content import compile_content, links_of
from messaging.services.eligibility import Candidate, check_candidates
from messaging.services.planning import DeliveryRequest, PlanOutcome, plan_deliveries
from messaging.wording import why_not

MOST_ADDRESSES = 10


class TestRefused(Exception):
    """Too many addresses, none, or a message that has faults."""


@dataclass(slots=True)
class Preview:
    """Either `rendered` or what stands in its way."""

    language: str
    rendered: Rendered | None = None
    faults: list[Fault] = field(default_factory=list)
    aborted: str = ""


def preview_message(
    *, message: Message, content: Mapping[str, Any], language: str, contact_id: int | None,
    context: Mapping[str, Any] | None = None, now: datetime,
) -> Preview:  # fmt: skip
    """Render one language as a contact (or nobody) would see it; nothing is stored, links lead to their destinations."""
    compiled, faults = compile_content(message, content)
    mine = [fault for fault in faults if fault.language in ("", language)]
    if mine or language not in compiled:
        return Preview(
            language, faults=mine or [Fault("content", "there is no text in this language", 0, 0, language)]
        )
    texts = {language: compiled[language].as_json()}
    prepared = prepare(message, 0, texts, links_of({language: compiled[language]}))
    names = read_field_names()
    contact = load_contacts([contact_id], names).get(contact_id) if contact_id else None
    account = Account.objects.get(pk=1)
    contact = contact or nobody("reader@example.com", names)
    recipient = Recipient(
        delivery_id=0, cause_month=now.date().replace(day=1), address=str(contact["email"] or ""), contact=contact,
        context=context or {}, language=language, time_zone=contact["time_zone"] or account.time_zone,
        is_transactional=message.is_transactional,
    )  # fmt: skip
    sender = message.sender
    extra = {
        "sender": {"name": sender.name if sender else "", "address": sender.address if sender else ""},
        "message": {"id": message.pk or 0, "name": message.name},
        "campaign": {"name": ""},
    }
    try:
        return Preview(language, render(prepared, recipient, extra, now=now))
    except RenderError as error:
        return Preview(language, faults=[error.fault])
    except Aborted as stop:
        return Preview(language, aborted=stop.reason)


def trial_faults(message: Message, language: str, *, now: datetime) -> list[Fault]:
    """What keeps a saved text from being rendered for somebody of whom only the address is known, without an event."""
    content = message.revision.content if message.revision is not None else {}
    if language not in content:
        return []
    found = preview_message(message=message, content=content, language=language, contact_id=None, now=now)
    return found.faults


def send_test(
    *, message: Message, addresses: Sequence[str], language: str, contact_id: int | None, now: datetime
) -> list[PlanOutcome]:
    """Send the saved text to own addresses, marked as a test; the data are those of a contact, or nobody's.

    Args:
        addresses: normalised, at most `MOST_ADDRESSES`.

    Raises:
        TestRefused: no address, too many, or the message has faults.
    """
    if not addresses or len(addresses) > MOST_ADDRESSES:
        raise TestRefused(_("Give 1 to %(most)s addresses.") % {"most": MOST_ADDRESSES})
    if message.revision is None or language not in message.revision.compiled:
        raise TestRefused(_("Save the message without faults first."))
    request_id = _request_id()
    context = {"imitates": contact_id} if contact_id else {}
    return plan_deliveries(
        [
            DeliveryRequest(
                cause_kind=CauseKind.TEST, cause_id=request_id, cause_month=now.date().replace(day=1), contact_id=0,
                message_id=message.pk, slot=language, context=context, language=language, endpoint=address,
                is_test=True,
            )
            for address in addresses
        ],
        now=now,
    )  # fmt: skip


@transaction.atomic
def send_test_to_contact(*, message: Message, contact_id: int, actor: str, now: datetime) -> PlanOutcome:
    """Send the saved text to a contact, in its language and marked as a test; kept in the contact's audit.

    It is a message to a real person: what keeps a campaign from being sent keeps this one, too.

    Raises:
        TestRefused: the message has faults, or the contact may not be sent it.
    """
    if message.revision is None or not message.revision.compiled:
        raise TestRefused(_("Save the message without faults first."))
    [checked] = check_candidates([Candidate(contact_id, message.pk, None, message.is_transactional)], now=now)
    if checked.reason:
        raise TestRefused(str(why_not(checked.reason)))
    request = DeliveryRequest(
        cause_kind=CauseKind.TEST, cause_id=_request_id(), cause_month=now.date().replace(day=1), contact_id=contact_id,
        message_id=message.pk, is_test=True,
    )  # fmt: skip
    [outcome] = plan_deliveries([request], now=now)
    if outcome.state != "planned":
        raise TestRefused(str(why_not(outcome.reason)))
    details = {"message": message.pk, "name": message.name}
    audit.keep([(contact_id, details)], action=AuditAction.TESTED, actor=actor, now=now)
    return outcome


def _request_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('messaging_delivery_id_seq')")
        return int(cursor.fetchone()[0])
