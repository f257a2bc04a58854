"""What the demo has none of, so that every kind of page has a record to show: failures, drafts, jobs, duplicates, imports.

Run inside the product: `Product.shell("from tests.browser.rarities import make; make()")`.
"""

import uuid
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from contacts.models import (
    Contact,
    ContactJob,
    ContactList,
    DuplicatePair,
    DuplicateReason,
    ImportSession,
    ImportState,
    JobKind,
    JobState,
    SubscriptionCategory,
)
from contacts.services.lifecycle import delete_contacts
from events.models import EventType, QuarantinedEvent, RejectedEvent
from messaging.models import (
    BounceMailbox,
    Campaign,
    Connection,
    ConnectionKind,
    InboundNotice,
    Message,
    Sender,
)
from messaging.services.campaigns import launch_campaign, save_campaign
from messaging.services.content import save_message
from partners.models import Right
from partners.services import create_api_key
from segments.models import Segment
from segments.services.definitions import archive_segment, break_segment, create_segment
from workflows.models import DeadSignal, SignalKind, Workflow
from workflows.services.editing import create_workflow
from workflows.services.launching import launch_for_contact, launch_test

ACTOR = "boss"
LONG = "An answer that is as long as answers of servers are: 550 5.1.1 <somebody@shop.example.com>: Recipient address rejected. "


@transaction.atomic
def make() -> None:
    _audience()
    _automation()
    _messages()
    _troubles()


def _audience() -> None:
    now = timezone.now()
    first, second, third, fourth, fifth = Contact.objects.active().order_by("-pk")[:5]
    found = ContactList.objects.create(name="News of teas", created_at=now, updated_at=now)
    SubscriptionCategory.objects.create(
        name="News of teas", key="teas", list=found, created_at=now, updated_at=now
    )
    counts = {"imported": 40, "updated": 2, "skipped": 1}
    ImportSession.objects.create(
        id=uuid.uuid4(), state=ImportState.FINISHED, actor="shop", counts=counts, done=43, created_at=now, state_at=now
    )  # fmt: skip
    ImportSession.objects.create(
        id=uuid.uuid4(), state=ImportState.ERROR, actor="shop", description=LONG, created_at=now, state_at=now
    )  # fmt: skip
    for state, error in ((JobState.FINISHED, ""), (JobState.FAILED, LONG), (JobState.CANCELLED, "")):
        ContactJob.objects.create(
            kind=JobKind.FIND_DUPLICATES, state=state, actor=ACTOR, total=5, done=3, counts={"found": 2}, error=error,
            created_at=now, state_at=now,
        )  # fmt: skip
    for one, other, state in ((second, first, "open"), (fourth, third, "dismissed")):
        DuplicatePair.objects.create(
            first_id=one.pk, second_id=other.pk, reason=DuplicateReason.BIRTHDAY, state=state, found_at=now
        )
    delete_contacts([fifth.pk], now=now, actor=ACTOR)
    definition = Segment.objects.order_by("pk")[0].definition
    broken, archived = (
        create_segment(name=name, definition=definition, actor=ACTOR, now=now)
        for name in ("Lives in a town that has a very long name indeed", "Of last year")
    )
    break_segment(broken.pk, reason="The field town was deleted.", now=now)
    archive_segment(archived.pk, now=now)


def _automation() -> None:
    now = timezone.now()
    contacts = Contact.objects.active().order_by("pk")[:3]
    cart = Workflow.objects.order_by("pk")[0]
    launch_for_contact(cart.pk, contacts[0].pk, now=now)
    launch_test(cart.pk, contacts[1].pk, actor=ACTOR, now=now)
    broken = {
        "schema": "workflow/1", "name": "Half done",
        "nodes": [{"id": "start", "type": "start", "data": {"params": {}}},
                  {"id": "mail", "type": "message.email", "data": {"params": {"message": {"ref": "message", "id": 9999}}}}],
        "edges": [{"id": "e1", "source": "start", "target": "mail"}],
    }  # fmt: skip
    create_workflow(name="Half done", document=broken, actor=ACTOR, now=now)
    DeadSignal.objects.create(
        person_id=contacts[2].pk, kind=SignalKind.EVENT, ref=1, at=now, failed_at=now, reason=LONG
    )


def _messages() -> None:
    now = timezone.now()
    sender = Sender.objects.order_by("pk")[0]
    faulty = {
        "subject": "Hello, {{ contact.nobody }}",
        "preheader": "",
        "format": "html",
        "text": "",
        "source": "<p>{% if %}",
    }
    save_message(message=Message(name="With faults", sender=sender), content={"en": faulty}, now=now)
    ready = Message.objects.order_by("pk")[0]
    include = [{"kind": "segment", "id": Segment.objects.order_by("pk")[0].pk}]
    save_campaign(campaign=Campaign(name="A draft of a campaign", message=ready, include=include), now=now)
    later = Campaign(
        name="Planned for next month", message=ready, include=include, starts_at=now + timedelta(days=30)
    )
    launch_campaign(campaign_id=save_campaign(campaign=later, now=now).pk, now=now)
    server = {"host": "mail.example.com", "port": 587, "user": "shop", "tls": "starttls"}
    Connection.objects.create(
        name="Shop's server", kind=ConnectionKind.SMTP, options=server, is_enabled=False, failures=3, last_error=LONG,
        last_error_at=now,
    )  # fmt: skip
    box = BounceMailbox.objects.create(
        name="Returned mail", host="mail.example.com", user="bounces@shop.example.com", is_enabled=False, failures=3,
        last_error=LONG, last_error_at=now, polled_at=now,
    )  # fmt: skip
    InboundNotice.objects.create(
        received_at=now, source="mail", mailbox_id=box.pk, body=b"From: mail@example.com\n\nNothing to read.", state="failed",
        outcome=LONG, processed_at=now,
    )  # fmt: skip


def _troubles() -> None:
    now = timezone.now()
    kind = EventType.objects.order_by("pk")[0]
    number = uuid.uuid4()
    QuarantinedEvent.objects.create(
        event_id=number, event_type=kind, envelope={"id": str(number), "params": {"sum": 12.5}}, reason=LONG, quarantined_at=now
    )  # fmt: skip
    RejectedEvent.objects.create(
        received_at=now, event_type_key="orderCreated", code="required", path="/params/0", message="A value is needed.",
        body='{"eventTypeKey": "orderCreated"}', actor="shop",
    )  # fmt: skip
    create_api_key(name="Shop", rights=[Right.values[0]], now=now)
