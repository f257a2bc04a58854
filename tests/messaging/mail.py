"""Makes messages, connections and planned deliveries for tests, by the public services."""

from datetime import date, datetime
from typing import Any

from messaging.models import Connection, Delivery, Message, Sender, SenderState
from messaging.services.connections import make_default, make_default_sender
from messaging.services.content import save_message
from messaging.services.planning import DeliveryRequest, PlanOutcome, plan_deliveries
from tests.contacts.people import NOW, someone, upsert

MONTH = date(2026, 3, 1)
SOURCE = '<html><body><p>Hello {{ contact.first_name | default: "friend" }} <a href="https://shop.example/a?b=1&c=2">shop</a></p></body></html>'


def person(email: str, now: datetime = NOW, **rest: Any) -> int:
    """A contact with this address; its id."""
    [outcome] = upsert(someone(email=email, email_norm=email.lower(), fields=rest), now=now)
    assert outcome.contact_id is not None
    return outcome.contact_id


def people(count: int, domain: str = "example.com", now: datetime = NOW) -> list[int]:
    outcomes = upsert(
        *(
            someone(email=f"p{n}@{domain}", email_norm=f"p{n}@{domain}", fields={"first_name": f"Name {n}"})
            for n in range(count)
        ),
        now=now,
    )
    return [outcome.contact_id for outcome in outcomes]


def message(
    source: str = SOURCE,
    *,
    subject: str = "Hi {{ contact.first_name }}",
    form: str = "html",
    now: datetime = NOW,
    **rest: Any,
) -> Message:
    text = {"subject": subject, "preheader": "", "format": form, "source": source, "text": ""}
    outcome = save_message(
        message=Message(name=rest.pop("name", "Welcome"), **rest), content={"en": text}, now=now
    )
    assert not outcome.faults, outcome.faults
    return outcome.message


def connection(port: int, **rest: Any) -> Connection:
    """The default connection, to a server on this machine; and a default sender."""
    made = Connection.objects.create(
        name=f"sink {port}",
        kind="smtp",
        options={"host": "127.0.0.1", "port": port, "tls": "none"} | rest.pop("options", {}),
        **rest,
    )
    make_default(made)
    sender = Sender.objects.create(name="Shop", address="news@shop.example", state=SenderState.CONFIRMED)
    make_default_sender(sender)
    return made


def plan(
    chosen: Message,
    contact_ids: list[int],
    *,
    now: datetime = NOW,
    cause_id: int = 1,
    kind: str = "campaign",
    **rest: Any,
) -> list[PlanOutcome]:
    requests = [
        DeliveryRequest(
            cause_kind=kind,
            cause_id=cause_id,
            cause_month=MONTH,
            contact_id=contact_id,
            message_id=chosen.pk,
            **rest,
        )
        for contact_id in contact_ids
    ]
    return plan_deliveries(requests, now=now)


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Delivery.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found
