"""What the shop's marketer has made: types counted in segments, segments, messages, workflows, a finished campaign.

Made through the services of the screens. Everything goes to the development mailbox whatever `EMAIL_URL` says: nobody is
written to.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from contacts.models import ContactList
from demo.shop import SITE, Setting
from events.models import EventType
from events.services.types import create_event_type
from messaging.engines import Campaigns, Sending
from messaging.models import (
    ActivityKind,
    Campaign,
    Delivery,
    Link,
    Message,
    Sender,
    SenderState,
    UnsubscribeReason,
)
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.campaigns import launch_campaign, save_campaign
from messaging.services.connections import ensure_mailbox, make_default_sender
from messaging.services.content import save_message
from messaging.services.upkeep import keep_partitions
from segments.services.definitions import create_segment
from workflows.engines import WorkflowJobs, WorkflowRuns
from workflows.services.editing import create_workflow, publish
from workflows.services.launching import launch_for_many
from workflows.services.operating import activate
from workflows.services.upkeep import keep_steps

ACTOR = "demo"
COUNTED = {
    "productViewed": "Product viewed", "cartUpdated": "Cart updated", "orderCreated": "Order created",
    "orderDelivered": "Order delivered",
}  # fmt: skip
SENT_AGO = timedelta(days=6)
LAUNCHED_AGO = timedelta(days=4)
SLICES = 50  # slices the campaign may take; it needs a handful

SEGMENTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Bought in the last 90 days", "For news about what goes with their order", {"include": {"op": "and", "items": [
        {"kind": "event", "event": "orderDelivered", "measure": {"fn": "count"}, "cmp": "gte", "value": 1,
         "window": {"type": "last", "amount": 90, "unit": "day"}}]}}),
    ("Looked around, did not buy", "A reminder may help", {"include": {"op": "and", "items": [
        {"kind": "event", "event": "productViewed", "measure": {"fn": "count"}, "cmp": "gte", "value": 2,
         "window": {"type": "last", "amount": 30, "unit": "day"}}]},
        "exclude": {"op": "or", "items": [
            {"kind": "event", "event": "orderCreated", "measure": {"fn": "count"}, "cmp": "gte", "value": 1,
             "window": {"type": "last", "amount": 30, "unit": "day"}}]}}),
    ("Good customers", "Spent more than 100 in a year", {"include": {"op": "and", "items": [
        {"kind": "event", "event": "orderDelivered", "measure": {"fn": "sum", "param": "totalCost"}, "cmp": "gt",
         "value": 100, "window": {"type": "last", "amount": 1, "unit": "year"}}]}}),
    ("Reads Ukrainian, reachable by e-mail", "For letters in Ukrainian", {"include": {"op": "and", "items": [
        {"kind": "field", "field": "language", "cmp": "lang_is", "value": "uk"},
        {"kind": "channel", "channel": "email", "cmp": "reachable"}]}}),
)  # fmt: skip

LETTERS: dict[str, dict[str, tuple[str, str, str]]] = {  # message → language → subject, text, button
    "Autumn news": {
        "en": ("New harvest, {{ contact.first_name | default: 'coffee lover' }}",
               "The first coffees of the new harvest are roasted. We kept a bag for you.", "See what is new"),
        "uk": ("Новий урожай, {{ contact.first_name | default: 'друже' }}",
               "Перша кава нового врожаю вже обсмажена. Ми відклали пакунок для вас.", "Що нового"),
    },
    "Cart reminder": {
        "en": ("You left something in your cart",
               "Your cart is still here{% if event.totalCost %}: {{ event.totalCost | money: event.currency }}{% endif %}.",
               "Back to the cart"),
        "uk": ("Ви залишили щось у кошику", "Ваш кошик чекає на вас.", "До кошика"),
    },
    "Last call for the cart": {
        "en": ("We keep your cart until tomorrow", "Then the beans go back on the shelf.", "Finish the order"),
    },
    "Wholesale prices": {
        "en": ("Wholesale prices of this season", "Prices by the sack, for those who roast and brew for many.", "See the prices"),
        "uk": ("Оптові ціни сезону", "Ціни за мішок для тих, хто обсмажує й варить для багатьох.", "До цін"),
    },
    "Wholesale prices, once more": {
        "en": ("Have you seen our wholesale prices?", "They hold until the end of the month.", "See the prices"),
    },
}  # fmt: skip


def make_event_types(*, now: datetime) -> None:
    """The types that segments count, before the first event of them."""
    for key, name in COUNTED.items():
        if not EventType.objects.filter(key=key).exists():
            create_event_type(key=key, values={"name": name}, use_for_segmentation=True, now=now)


def make_marketing(setting: Setting) -> dict[str, int]:
    """Segments, messages, workflows and a finished campaign; returns how many of each."""
    now = setting.now
    sender = Sender.objects.create(
        name="Coffee & Tea",
        address="hello@shop.example.com",
        connection=ensure_mailbox(),
        state=SenderState.CONFIRMED,
    )
    if not Sender.objects.filter(is_default=True).exists():
        make_default_sender(sender)
    for name, purpose, definition in SEGMENTS:
        create_segment(
            name=name, purpose=purpose, definition={"version": 1, **definition}, actor=ACTOR, now=now
        )
    messages = {name: _message(name, sender, now=now - SENT_AGO) for name in LETTERS}
    _abandoned_cart(messages["Cart reminder"], messages["Last call for the cart"], now=now)
    sent = _campaign(messages["Autumn news"], setting)
    _wholesale(messages["Wholesale prices"], messages["Wholesale prices, once more"], setting)
    return {"segments": len(SEGMENTS), "messages": len(messages), "workflows": 2, "sent": sent}


def _message(name: str, sender: Sender, *, now: datetime) -> Message:
    content = {
        language: {
            "subject": subject,
            "preheader": "",
            "format": "mjml",
            "text": "",
            "source": _source(text, button),
        }
        for language, (subject, text, button) in LETTERS[name].items()
    }
    outcome = save_message(message=Message(name=name, sender=sender), content=content, now=now)
    if outcome.faults:
        raise RuntimeError(f"the demo's message {name!r} has faults: {outcome.faults}")
    return outcome.message


def _source(text: str, button: str) -> str:
    return (
        "<mjml><mj-body><mj-section><mj-column>"
        f'<mj-text font-size="16px">{text}</mj-text>'
        f'<mj-button href="{SITE}/new">{button}</mj-button>'
        f'<mj-text><a href="{SITE}/coffee">Coffee</a> · <a href="{SITE}/tea">Tea</a></mj-text>'
        "</mj-column></mj-section></mj-body></mjml>"
    )


def _workflow(
    name: str, captions: dict[str, str], steps: list[tuple[str, str, str]], nodes: list[dict[str, Any]],
    *, now: datetime, **rest: Any,
) -> int:  # fmt: skip
    """Make and publish one, activate it when events start it. Returns its id.

    Args:
        captions: by block.
        steps: (from, exit, to).
    """
    for node in nodes:
        if node["id"] in captions:
            node["data"]["caption"] = captions[node["id"]]
    document = {
        "schema": "workflow/1", "name": name, "nodes": nodes, **rest,
        "edges": [
            {"id": f"e{place}", "source": source, "target": target} | ({"sourceHandle": port} if port else {})
            for place, (source, port, target) in enumerate(steps)
        ],
    }  # fmt: skip
    saved = create_workflow(name=name, document=document, actor=ACTOR, now=now)
    publish(saved.workflow.pk, actor=ACTOR, now=now)
    if rest["start"]["kind"] == "event":
        activate(saved.workflow.pk, actor=ACTOR, now=now)
    return int(saved.workflow.pk)


def _block(name: str, kind: str, **params: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "data": {"params": params}}


def _mail(name: str, message: Message) -> dict[str, Any]:
    return _block(name, "message.email", message={"ref": "message", "id": message.pk})


def _abandoned_cart(reminder: Message, last_call: Message, *, now: datetime) -> None:
    _workflow(
        "Abandoned cart",
        {"hour": "Wait an hour", "reminder": "Reminder", "day": "Wait a day", "opened": "Reminder opened?", "last": "Last call"},
        [("start", "", "hour"), ("hour", "", "reminder"), ("reminder", "", "day"), ("day", "", "opened"),
         ("opened", "yes", "end"), ("opened", "no", "last"), ("last", "", "end")],
        [_block("start", "start"), _block("hour", "timer", wait={"n": 1, "unit": "hour"}), _mail("reminder", reminder),
         _block("day", "timer", wait={"n": 1, "unit": "day"}), _block("opened", "condition.opened", scope="last"),
         _mail("last", last_call), _block("end", "end")],
        start={
            "kind": "event", "event": {"type": "cartUpdated"}, "skip_if_in_progress": True,
            "unique": {"mode": "once_in", "n": 24, "unit": "hour", "by": "contact"},
        },
        stop={"exit_rules": [{"id": "bought", "on": "event", "types": ["orderCreated"]}]},
        now=now,
    )  # fmt: skip


def _wholesale(prices: Message, again: Message, setting: Setting) -> None:
    """Prices for the list *Wholesale*, launched once some days ago; who did not read them got them again after a day."""
    at = setting.now - LAUNCHED_AGO
    keep_steps(now=at)
    made = _workflow(
        "Wholesale prices",
        {"prices": "Price list", "day": "Wait a day", "opened": "Read?", "again": "Once more"},
        [("start", "", "prices"), ("prices", "", "day"), ("day", "", "opened"), ("opened", "yes", "end"),
         ("opened", "no", "again"), ("again", "", "end")],
        [_block("start", "start"), _mail("prices", prices), _block("day", "timer", wait={"n": 1, "unit": "day"}),
         _block("opened", "condition.opened", scope="last"), _mail("again", again), _block("end", "end")],
        start={"kind": "none"},
        now=at,
    )  # fmt: skip
    buyers = ContactList.objects.get(name="Wholesale")
    launch_for_many(made, source="list", source_id=buyers.pk, actor=ACTOR, now=at)
    _work(at)
    record_activity(_reactions(_sent(prices), prices, setting), now=setting.now)
    _work(at + timedelta(days=1, minutes=1))
    record_activity(_reactions(_sent(again), again, setting), now=setting.now)


def _work(at: datetime) -> None:
    """Work off what is due at that moment: launches, steps, mail."""
    engines = (WorkflowJobs(), WorkflowRuns(), Sending("sending", "bulk", (0, 1, 2), 500))
    for place in range(SLICES):
        moment = at + timedelta(seconds=3 * place)
        if not sum(engine.work(moment) for engine in engines):
            return
    raise RuntimeError(f"the demo's launches of {at} did not come to rest")


def _sent(message: Message) -> list[Delivery]:
    return list(Delivery.objects.filter(message_id=message.pk, state="sent").order_by("pk"))


def _campaign(message: Message, setting: Setting) -> int:
    """Send the news to the list of its readers, some days ago, and let people react. Returns how many were sent."""
    at = (setting.now - SENT_AGO).replace(hour=9, minute=0, second=0, microsecond=0)
    keep_partitions(now=at)
    readers = ContactList.objects.get(name="Newsletter")
    campaign = save_campaign(
        campaign=Campaign(name="Autumn news", message=message, include=[{"kind": "list", "id": readers.pk}]),
        now=at,
    )
    launch_campaign(campaign_id=campaign.pk, now=at)
    engine = Sending("sending", "bulk", (2,), 500)
    for place in range(SLICES):
        moment = at + timedelta(seconds=3 * place)
        Campaigns().work(moment)
        engine.work(moment)
        campaign.refresh_from_db()
        if campaign.state == "finished":
            break
    else:
        raise RuntimeError(f"the demo's campaign did not finish: {campaign.state}")
    sent = _sent(message)
    record_activity(_reactions(sent, message, setting), now=setting.now)
    return len(sent)


def _reactions(sent: Sequence[Delivery], message: Message, setting: Setting) -> list[ActivityRow]:
    """What readers did: two in five open, a third of these click, one in a hundred leaves."""
    links = list(Link.objects.filter(revision_id=message.revision_id).order_by("pk"))
    rows = []
    for delivery in sent:
        rng = random.Random(f"{setting.seed}/{message.name}/{delivery.endpoint}")  # noqa: S311 - make-believe, not a secret
        at = delivery.planned_at + timedelta(minutes=1 + rng.expovariate(1 / 240))

        def row(kind: str, when: datetime, delivery: Delivery = delivery, **rest: Any) -> ActivityRow:
            return ActivityRow(
                delivery.pk, delivery.cause_month, delivery.cause_kind, delivery.cause_id, delivery.contact_id,
                delivery.message_id, kind, min(when, setting.now), **rest,
            )  # fmt: skip

        rows.append(row(ActivityKind.DELIVERED, delivery.planned_at + timedelta(seconds=20)))
        if rng.random() > 0.4:
            continue
        rows.append(row(ActivityKind.OPENED, at))
        mine = [link for link in links if link.language == delivery.language]
        if rng.random() < 0.35 and mine:
            link = rng.choice(mine)
            rows.append(row(ActivityKind.CLICKED, at + timedelta(seconds=40), link_id=link.pk, url=link.url))
        elif rng.random() < 0.02:
            rows.append(
                row(ActivityKind.UNSUBSCRIBED, at + timedelta(seconds=90), reason=UnsubscribeReason.TOO_OFTEN)
            )
    return rows
