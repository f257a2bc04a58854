"""Puts the made-up shop into an empty product, through the services every other door uses."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction

from cdp.api.errors import Refused
from cdp.models import Account
from contacts.models import Contact, ContactField
from contacts.normalise import (
    normalise_email,
    normalise_language,
    normalise_name,
    normalise_phone,
    normalise_time_zone,
)
from contacts.services.jobs import count_contacts
from contacts.services.lists import add_to_list, ensure_lists
from contacts.services.upsert import ContactInput, Policy, Token, upsert_contacts
from demo.marketing import make_event_types, make_marketing
from demo.shop import LISTS, OLDEST_CUSTOMER, Happening, Setting, Shopper, stock
from events.engines import EventProcessing
from events.intake.accept import accept_many
from events.intake.reading import CheckedEvent, RawEvent, check
from events.models import EventSource, Lane
from events.services.registry import forget_cache
from events.services.upkeep import keep_partitions
from messaging.services.upkeep import keep_partitions as keep_message_partitions

SEED = 1
CHUNK = 2_000
ONE_BY_ONE = 500  # up to so many people in a chunk get each a moment of their own; beyond, a batch shares one
SHARED = 50
ACTOR = "demo"


class NotEmptyError(Exception):
    """There are contacts already; the demo is for an empty product."""


def load_demo(*, now: datetime, people: int = 300, seed: int = SEED) -> dict[str, int]:
    """Load customers, lists, two years of events, and what a marketer made of them. Returns how many of each.

    Up to `CHUNK` people everything they did is one transaction. More people go in one transaction a chunk, so a kill
    leaves whole chunks. Segments, messages, workflow and campaign come last. Live events wait for the transaction at
    hand, a few seconds.

    Raises:
        NotEmptyError: there is a contact, in whatever state; nothing was done.
    """
    keep_partitions(now=now)
    keep_message_partitions(now=now)
    account = Account.objects.get(pk=1)
    setting = Setting(now=now, seed=seed, currency=account.currency)
    counts: dict[str, int] = defaultdict(int, people=0, events=0, members=0)
    try:
        for first in range(0, people, CHUNK):
            with transaction.atomic():
                # The lanes are the mutex: no worker takes our events, no second loader starts.
                list(Lane.objects.select_for_update().order_by("number"))
                if not first:
                    if Contact.objects.exists():
                        raise NotEmptyError("there are contacts already")
                    make_event_types(now=now - OLDEST_CUSTOMER)
                _load_chunk(setting, first, min(CHUNK, people - first), counts)
    except BaseException:
        forget_cache()  # event types made in a transaction that is no more
        raise
    made = make_marketing(setting)
    count_contacts(actor=ACTOR, now=now)  # or the list would stand without its numbers until the night
    return dict(counts) | {"lists": len(LISTS)} | made


def _load_chunk(setting: Setting, first: int, count: int, counts: dict[str, int]) -> None:
    chunk = stock(setting, first, count)
    fields = {field.key: str(field.pk) for field in ContactField.objects.all()}
    ids: dict[int, int] = {}
    for batch in _batches(chunk.shoppers):
        ids |= _upsert(batch, fields)
    lists = ensure_lists(LISTS, now=setting.now - OLDEST_CUSTOMER)
    for name, list_id in lists.items():
        members = [ids[shopper.number] for shopper in chunk.shoppers if name in shopper.lists]
        counts["members"] += add_to_list(list_id, members, now=setting.now)
    counts["people"] += len(ids)
    for until, happenings in _deliveries(chunk.happenings, setting.now):
        counts["events"] += _deliver(happenings, until)


def _batches(shoppers: Sequence[Shopper]) -> Iterator[list[Shopper]]:
    """Cuts of people who joined one after another, each of one source and one policy."""
    size = 1 if len(shoppers) <= ONE_BY_ONE else SHARED
    for start in range(0, len(shoppers), size):
        cut = sorted(shoppers[start : start + size], key=_road)
        yield from (list(group) for _, group in groupby(cut, key=_road))


def _road(shopper: Shopper) -> tuple[str, bool]:
    return shopper.source, shopper.is_confirmed


def _upsert(batch: Sequence[Shopper], fields: dict[str, str]) -> dict[int, int]:
    """Contact ids by the shop's numbers. An unconfirmed subscription takes the road of the form."""
    source, is_confirmed = _road(batch[0])
    outcomes = upsert_contacts(
        [_contact(shopper, fields) for shopper in batch],
        policy=Policy.ADD if is_confirmed else Policy.SUBSCRIBE,
        source=source,
        source_detail="customers.csv" if source == "import" else "",
        actor=ACTOR,
        now=batch[0].joined,
    )
    return {
        shopper.number: outcome.contact_id
        for shopper, outcome in zip(batch, outcomes, strict=True)
        if outcome.contact_id is not None
    }


def _contact(shopper: Shopper, fields: dict[str, str]) -> ContactInput:
    email, email_norm = normalise_email(shopper.email) if shopper.email else (None, None)
    phone = normalise_phone(shopper.phone) if shopper.phone else None
    return ContactInput(
        external_id=shopper.external_id,
        email=email,
        email_norm=email_norm,
        phone=phone.digits if phone else None,
        is_sms_capable=phone.is_sms_capable if phone else True,
        tokens=_tokens(shopper),
        fields={
            "first_name": normalise_name(shopper.first_name),
            "last_name": normalise_name(shopper.last_name, last=True),
            "town": shopper.town,
            "region": shopper.region,
            "language": normalise_language(shopper.place.language),
            "time_zone": normalise_time_zone(shopper.time_zone),
        },
        data={fields[key]: value for key, value in shopper.data.items() if key in fields},
    )


def _tokens(shopper: Shopper) -> tuple[Token, ...]:
    if shopper.push_token is None:
        return ()
    device = {
        "appId": "shop-app", "deviceModel": "Pixel 8", "os": "Android 15", "locale": shopper.place.language,
        "clientVersion": "3.2.0", "appVersion": "1.14.0",
    }  # fmt: skip
    return (Token(kind="mobile", value=shopper.push_token, scope="shop-app", device=device),)


def _deliveries(happenings: Sequence[Happening], now: datetime) -> Iterator[tuple[datetime, list[Happening]]]:
    """Events in order, cut by when they reached us: by fortnights, then the last two weeks day by day."""

    def arrival(happening: Happening) -> datetime:
        days = (now - happening.at) // timedelta(days=1)
        return now - timedelta(days=days if days < 14 else days // 14 * 14)

    for until, group in groupby(happenings, key=arrival):
        yield until, list(group)


def _deliver(happenings: Sequence[Happening], now: datetime) -> int:
    """Accept events at `now` and process them at once. Returns how many were stored."""
    verdicts = accept_many(
        [_checked(one) for one in happenings], actor=ACTOR, now=now, source=EventSource.WEB
    )
    refused = [verdict.refusal for verdict in verdicts if verdict.status != "accepted"]
    if refused:
        raise RuntimeError(f"{len(refused)} events of the demo were refused, first: {refused[0]}")
    engine = EventProcessing()
    while engine.work(now):
        pass
    return len(verdicts)


def _checked(one: Happening) -> CheckedEvent | Refused:
    raw = RawEvent(
        eventTypeKey=one.type_key, keyValue=one.key_value, params=one.params, occurred=one.at.isoformat()
    )
    return check(raw, version=2)
