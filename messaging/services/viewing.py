"""A sent message as a page: rendered again from what was sent, for as long as the link holds."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.utils.html import escape

from cdp.models import Account
from messaging.models import Campaign, CauseKind, Delivery, Message, MessageRevision, Sender
from messaging.rendering.faults import Aborted, RenderError
from messaging.rendering.revisions import prepare_revision, render
from messaging.rendering.values import Recipient, load_contacts, nobody, read_field_names
from messaging.services.connections import ensure_defaults

KEPT = timedelta(days=90)
NO_TITLE = "<title></title>"  # a page needs one; in a mailbox the subject stands beside the letter


def render_sent(delivery: Delivery, *, now: datetime) -> str | None:
    """The HTML of a delivery, by the revision and in the language it was sent in; None when it cannot be shown.

    Not shown: what was never handed over, what was handed over more than 90 days ago, and what no longer renders. Its
    open pixel is left out: reading the page is a hit of its own.
    """
    if delivery.handed_at is None or now - delivery.handed_at > KEPT:
        return None
    try:
        prepared = prepare_revision(delivery.revision_id)
    except MessageRevision.DoesNotExist:
        return None
    if delivery.language not in prepared.texts:
        return None
    names = read_field_names()
    contact = load_contacts([delivery.contact_id], names).get(delivery.contact_id) or nobody(
        delivery.endpoint, names
    )
    recipient = Recipient(
        delivery_id=delivery.pk, cause_month=delivery.cause_month, address=delivery.endpoint, contact=contact,
        context=delivery.context, language=delivery.language,
        time_zone=contact["time_zone"] or Account.objects.get(pk=1).time_zone,
        is_transactional=delivery.is_transactional, is_test=delivery.is_test,
    )  # fmt: skip
    extra = _names_around(delivery, prepared.message_name, now)
    try:
        rendered = render(replace(prepared, tracks_opens=False), recipient, extra, now=delivery.handed_at)
    except (Aborted, RenderError):
        return None
    return rendered.html.replace(NO_TITLE, f"<title>{escape(rendered.subject)}</title>", 1)


def _names_around(delivery: Delivery, message_name: str, now: datetime) -> dict[str, dict[str, object]]:
    """`sender`, `message` and `campaign` as the template read them."""
    sender = Sender.objects.filter(pk=delivery.sender_id or 0).first() or _usual_sender(delivery, now)
    campaign = ""
    if delivery.cause_kind == CauseKind.CAMPAIGN:
        found = Campaign.objects.filter(pk=delivery.cause_id).values_list("name", flat=True)
        campaign = found.first() or ""
    return {
        "sender": {"name": sender.name, "address": sender.address},
        "message": {"id": delivery.message_id, "name": message_name},
        "campaign": {"name": campaign},
    }


def _usual_sender(delivery: Delivery, now: datetime) -> Sender:
    message = Message.objects.select_related("sender").filter(pk=delivery.message_id).first()
    return message.sender if message and message.sender else ensure_defaults(now=now)[1]
