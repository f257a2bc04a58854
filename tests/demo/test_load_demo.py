"""The demo shop: loads through the services, the same each time, all or nothing, and only into an empty product."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import F

from contacts.models import Address, Contact, ContactJob, ContactList, ListMember
from contacts.models.jobs import JobKind
from demo import services
from demo.catalogue import BRITAIN, ROUND
from demo.marketing import LAUNCHED_AGO
from demo.services import NotEmptyError, load_demo
from demo.shop import Setting, _phone, latin, stock
from events.intake import accept
from events.models import Event, EventType, InboxEvent, QuarantinedEvent
from events.services.registry import forget_cache
from messaging.models import Activity, Connection, Delivery, Message
from workflows.models import Run, Workflow

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh_caches():
    forget_cache()
    accept._rules.read_at = float("-inf")
    yield
    forget_cache()


def emails() -> list[str]:
    return sorted(Contact.objects.exclude(email=None).values_list("email", flat=True))


def nothing_is_there() -> bool:
    tables = (Contact, ContactList, ListMember, Address, Event, InboxEvent)
    return not any(table.objects.exists() for table in tables)


def test_it_works():
    counts = load_demo(now=NOW, people=60)
    assert counts["people"] == 60
    assert Contact.objects.exclude(source="event").count() == 60
    assert Event.objects.count() == counts["events"] > 300
    assert not InboxEvent.objects.exists()
    assert not QuarantinedEvent.objects.exists()
    assert ListMember.objects.count() == counts["members"] > 20
    assert set(ContactList.objects.values_list("name", flat=True)) == {"Newsletter", "VIP", "Wholesale"}
    assert set(Contact.objects.exclude(language=None).values_list("language", flat=True)) == {
        "en", "uk", "pl", "de", "es",
    }  # fmt: skip
    assert ContactJob.objects.get().kind == JobKind.COUNT, "the list's numbers are on their way"


def test_people_look_like_people():
    load_demo(now=NOW, people=60)
    known = Contact.objects.exclude(source="event")
    assert set(known.values_list("source", flat=True)) == {"api", "import", "subscription", "manual"}
    assert not known.filter(first_name=None).exists()
    assert not known.filter(email=None, phone=None).exists()
    assert known.exclude(data={}).count() > 30
    assert Address.objects.filter(status="unconfirmed").exists()
    assert known.dates("created_at", "day").count() > 20
    assert known.filter(created_at__lt=NOW - timedelta(days=200)).exists()
    assert not Contact.objects.filter(created_at__gt=NOW).exists()


def test_events_are_of_two_years_and_never_ahead():
    load_demo(now=NOW, people=60)
    assert not Event.objects.filter(event_at__gt=NOW).exists()
    assert not Event.objects.filter(event_at__lt=NOW - timedelta(days=721)).exists()
    assert not Event.objects.filter(event_at__gt=F("received_at")).exists()
    week = Event.objects.filter(event_at__gt=NOW - timedelta(days=7)).count()
    assert week > Event.objects.count() / 20
    types = {row.pk: row.key for row in EventType.objects.all()}
    assert {"pageViewed", "productViewed", "cartUpdated", "orderCreated", "orderDelivered"} <= {
        types[key] for key in Event.objects.values_list("event_type_id", flat=True)
    }
    order = Event.objects.filter(event_type_id=EventType.objects.get(key="orderCreated").pk).first()
    assert order.params["totalCost"] == pytest.approx(sum(row["cost"] for row in order.params["items"]))
    assert order.params["currency"] == "USD"


def test_some_events_are_of_unknown_people():
    load_demo(now=NOW, people=60)
    assert Event.objects.filter(person_id=0).exists()
    assert Contact.objects.filter(source="event").exists()
    known = Contact.objects.exclude(source="event").values("pk")
    assert Event.objects.filter(person_id__in=known).count() > Event.objects.count() * 0.8


def test_the_same_seed_gives_the_same_shop():
    found = []
    for seed in (7, 7, 8):
        with transaction.atomic():
            counts = load_demo(now=NOW, people=60, seed=seed)
            found.append((emails(), counts))
            transaction.set_rollback(True)
        forget_cache()
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]


def test_chunks_give_the_same_shop_and_moments_may_be_shared(monkeypatch):
    with transaction.atomic():
        whole = load_demo(now=NOW, people=60)
        names = emails()
        transaction.set_rollback(True)
    forget_cache()
    monkeypatch.setattr(services, "CHUNK", 25)
    monkeypatch.setattr(services, "ONE_BY_ONE", 0)
    assert load_demo(now=NOW, people=60) == whole
    assert emails() == names


def test_a_second_load_is_refused():
    load_demo(now=NOW, people=5)
    events = Event.objects.count()
    with pytest.raises(NotEmptyError):
        load_demo(now=NOW, people=5)
    with pytest.raises(CommandError, match="there are contacts already"):
        call_command("load_demo")
    assert Event.objects.count() == events


@pytest.mark.django_db(transaction=True)
def test_a_failure_in_the_middle_leaves_nothing_and_the_next_load_works(monkeypatch):
    process = services.EventProcessing.work
    calls = []

    def fail_late(engine, now):
        calls.append(now)
        if len(calls) > 10:
            raise RuntimeError("power cut")
        return process(engine, now)

    monkeypatch.setattr(services.EventProcessing, "work", fail_late)
    with pytest.raises(RuntimeError, match="power cut"):
        load_demo(now=NOW, people=30)
    assert nothing_is_there()
    monkeypatch.undo()
    assert load_demo(now=NOW, people=30)["people"] == 30
    assert not InboxEvent.objects.exists()


def test_the_command_prints_json(capsys):
    call_command("load_demo", people=10, json=True)
    counts = json.loads(capsys.readouterr().out)
    assert counts["people"] == 10
    assert counts["lists"] == 3
    assert counts["events"] == Event.objects.count()


def test_the_command_refuses_no_people():
    with pytest.raises(CommandError, match="at least 1"):
        call_command("load_demo", people=0)


def test_phones_and_addresses_are_nobody_elses():
    shoppers = stock(Setting(NOW, 1), 0, 3_000).shoppers
    phones = [shopper.phone for shopper in shoppers if shopper.phone]
    names = [shopper.email for shopper in shoppers if shopper.email]
    assert len(set(phones)) == len(phones)
    assert len(set(names)) == len(names)
    assert all(name.endswith(("@example.com", "@example.org")) for name in names)
    assert _phone(BRITAIN, 999) == "+447700900999"
    assert _phone(BRITAIN, 1_000) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Щербак", "shcherbak"),
        ("Łukasz", "lukasz"),
        ("Müller", "mueller"),
        ("Мар'яна", "mariana"),
        ("Núñez", "nunez"),
    ],
)
def test_names_become_latin(text, expected):
    assert latin(text) == expected


def test_every_name_becomes_latin():
    for place in ROUND:
        for name in (*place.women, *place.men, *place.families):
            assert len(latin(name)) >= len(name) - 1


def test_workflows_are_ready_and_one_has_a_history():
    counts = load_demo(now=NOW, people=120)
    assert set(Workflow.objects.values_list("name", "status")) == {
        ("Abandoned cart", "active"), ("Wholesale prices", "not_active"),
    }  # fmt: skip
    assert counts["workflows"] == 2
    runs = Run.objects.all()
    buyers = ListMember.objects.filter(list__name="Wholesale").count()
    assert runs.count() == buyers > 3
    assert set(runs.values_list("state", flat=True)) == {"completed"}, "nobody waits, nobody is lost"
    letters = dict(Message.objects.filter(name__startswith="Wholesale").values_list("name", "pk"))
    first, second = (
        set(
            Delivery.objects.filter(message_id=letters[name], state="sent").values_list(
                "contact_id", flat=True
            )
        )
        for name in ("Wholesale prices", "Wholesale prices, once more")
    )
    readers = Activity.objects.filter(message_id=letters["Wholesale prices"], kind="opened")
    soon = set(
        readers.filter(at__lt=NOW - LAUNCHED_AGO + timedelta(days=1)).values_list("person_id", flat=True)
    )
    assert first > soon
    assert second == first - soon, "only who had not read the first letter got another"
    ways = Delivery.objects.filter(cause_kind="workflow").values_list("connection_id", flat=True)
    assert set(Connection.objects.filter(pk__in=ways).values_list("kind", flat=True)) == {"file"}
