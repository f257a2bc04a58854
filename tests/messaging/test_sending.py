"""Planned deliveries reach a real SMTP server, once; what changed since planning counts; outages blame nobody."""

from datetime import timedelta

import pytest

from cdp.hooks import message_activity
from contacts.models import Address
from contacts.services.addresses import blacklist_address, unsubscribe_address
from messaging.engines import Sending
from messaging.models import Activity, Connection, Delivery
from tests.contacts.people import NOW
from tests.messaging.mail import connection, message, people, person, plan, states
from tests.messaging.sink import running_sink

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


def engine(*priorities: int) -> Sending:
    return Sending("sending", "bulk", priorities or (0, 1, 2), 100)


def test_it_works(tmp_path):
    seen = []
    message_activity.connect(seen.append)
    with running_sink(tmp_path, "--bodies", "--pipelining") as sink:
        connection(sink.port)
        contact = person("ann@example.com", first_name="Ann")
        [outcome] = plan(message(), [contact])
        assert outcome.state == "planned"
        assert engine().work(NOW) == 1
        [letter] = sink.received()
    message_activity.disconnect(seen.append)
    headers = dict(letter["headers"])
    assert letter["to"] == "ann@example.com"
    assert headers["Subject"] == "Hi Ann"
    assert headers["To"] == "Ann <ann@example.com>"
    assert headers["From"] == "Shop <news@shop.example>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Unsubscribe"].startswith("<http")
    assert "Hello Ann" in letter["parts"]["text/html"]
    assert "https://shop.example" not in letter["parts"]["text/html"]
    assert "/c/" in letter["parts"]["text/html"]
    assert "/o/" in letter["parts"]["text/html"]
    assert "Unsubscribe" in letter["parts"]["text/plain"]
    row = Delivery.objects.get()
    assert (row.state, row.subject, row.attempts) == ("sent", "Hi Ann", 1)
    assert row.provider_id.startswith("Q")
    assert row.message_id_header == headers["Message-ID"]
    assert Activity.objects.get().kind == "sent"
    assert [batch.kinds for batch in seen] == [["sent"]]


@pytest.mark.parametrize("flag", ["--pipelining", "--bodies"])
def test_refusals_are_final_or_tried_again(tmp_path, flag):
    with running_sink(tmp_path, flag) as sink:
        connection(sink.port)
        ids = [
            person(address) for address in ("refused+a@example.com", "later+b@example.com", "c@example.com")
        ]
        plan(message(), ids)
        engine().work(NOW)
        rows = {row.contact_id: row for row in Delivery.objects.all()}
        refused, later, good = (rows[pk] for pk in ids)
        assert (refused.state, refused.reason) == ("failed", "provider")
        assert "no such user" in refused.last_error
        assert (later.state, later.attempts) == ("planned", 1)
        assert later.not_before > NOW + timedelta(seconds=59)
        assert good.state == "sent"
        assert sink.counts() == {"c@example.com": 1}
        moment = NOW
        for _ in range(10):
            moment += timedelta(hours=15)
            engine().work(moment)
        later.refresh_from_db()
        assert (later.state, later.reason, later.last_error) == ("failed", "provider", "4.3.0 try later")


def test_unsubscribing_between_planning_and_handover(tmp_path):
    with running_sink(tmp_path) as sink:
        connection(sink.port)
        ids = people(3)
        plan(message(), ids)
        unsubscribe_address(kind="email", value="p1@example.com", reason="", actor="test", now=NOW)
        engine().work(NOW)
        assert sorted(sink.counts()) == ["p0@example.com", "p2@example.com"]
    row = Delivery.objects.get(contact_id=ids[1])
    assert (row.state, row.reason) == ("skipped", "unsubscribed")
    assert Activity.objects.get(delivery_id=row.pk).kind == "unavailable"


def test_unsubscribing_after_the_check(tmp_path, monkeypatch):
    """The compare-and-set that opens the window looks once more."""
    from messaging.services import sending

    composed = sending.Composer.compose

    def unsubscribe_meanwhile(*arguments, **named):
        Address.objects.filter(value="p1@example.com").update(status="unsubscribed")
        return composed(*arguments, **named)

    monkeypatch.setattr(sending.Composer, "compose", unsubscribe_meanwhile)
    with running_sink(tmp_path) as sink:
        connection(sink.port)
        plan(message(), people(3))
        for _ in range(2):
            engine().work(NOW)
        assert sorted(sink.counts()) == ["p0@example.com", "p2@example.com"]
    assert states() == {"sent": 2, "skipped": 1}


def test_a_server_that_is_away_blames_no_delivery(tmp_path):
    with running_sink(tmp_path) as sink:
        made = connection(sink.port)
        plan(message(), people(50))
        sink.stop()
        engine().work(NOW)
        made.refresh_from_db()
        assert made.failures == 1
        assert made.backs_off_until > NOW
        assert states() == {"planned": 50}
        assert not Delivery.objects.exclude(attempts=0).exists()
        assert engine().work(NOW) == 0, "it rests"
        sink.start()
        later = NOW + timedelta(minutes=10)
        while engine().work(later):
            pass
        assert states() == {"sent": 50}
        assert set(sink.counts().values()) == {1}
    assert Connection.objects.get().failures == 0


def test_a_server_that_asks_for_patience(tmp_path):
    with running_sink(tmp_path) as sink:
        made = connection(sink.port)
        plan(message(), [person("rest+a@example.com"), person("z@example.com")])
        engine().work(NOW)
    made.refresh_from_db()
    assert made.failures == 1
    assert states() == {"planned": 2}


def test_rates_hold(tmp_path):
    with running_sink(tmp_path) as sink:
        connection(sink.port, per_minute=10)
        plan(message(), people(25))
        for seconds in range(5):
            engine().work(NOW + timedelta(seconds=seconds))
        assert states() == {"planned": 15, "sent": 10}
        engine().work(NOW + timedelta(seconds=60))
        assert states() == {"planned": 5, "sent": 20}


def test_transactional_mail_ignores_unsubscribing_but_no_blacklist(tmp_path):
    with running_sink(tmp_path, "--bodies") as sink:
        connection(sink.port)
        ids = people(2)
        Address.objects.filter(value="p0@example.com").update(status="unsubscribed")
        blacklist_address(kind="email", value="p1@example.com", reason="", actor="test", now=NOW)
        plan(message(is_transactional=True), ids, kind="workflow")
        engine().work(NOW)
        [letter] = sink.received()
    assert letter["to"] == "p0@example.com"
    headers = dict(letter["headers"])
    assert "List-Unsubscribe" not in headers
    assert headers["Auto-Submitted"] == "auto-generated"
    assert "Unsubscribe" not in letter["parts"]["text/html"]


def test_a_lease_that_ran_out(tmp_path):
    connection(1)
    plan(message(), people(3))
    plan(message(is_transactional=True), [person("t@example.com")], kind="workflow")
    Delivery.objects.filter(endpoint="p0@example.com").update(state="claimed", lease_until=NOW)
    Delivery.objects.filter(endpoint__in=["p1@example.com", "t@example.com"]).update(
        state="sending", lease_until=NOW
    )
    Connection.objects.update(is_enabled=False)
    engine().work(NOW + timedelta(seconds=1))
    found = dict(Delivery.objects.values_list("endpoint", "state"))
    assert found == {
        "p0@example.com": "planned", "p1@example.com": "unknown", "p2@example.com": "planned", "t@example.com": "planned",
    }  # fmt: skip
    assert Activity.objects.get().reason == "unknown"


def test_rendering_faults_fail_one_and_no_other(tmp_path):
    source = "<p>{% if contact.first_name == 'Name 1' %}{{ event.nothing }}{% endif %}{% if contact.first_name == 'Name 2' %}{% abort 'no stock' %}{% endif %}x</p>"
    with running_sink(tmp_path) as sink:
        connection(sink.port)
        ids = people(4)
        plan(message(source), ids)
        engine().work(NOW)
        assert sorted(sink.counts()) == ["p0@example.com", "p3@example.com"]
    failed = Delivery.objects.get(contact_id=ids[1])
    assert (failed.state, failed.reason) == ("failed", "rendering")
    assert "event.nothing is undefined" in failed.last_error
    assert "line 1, column 43" in failed.last_error
    aborted = Delivery.objects.get(contact_id=ids[2])
    assert (aborted.state, aborted.reason, aborted.last_error) == (
        "skipped",
        "aborted_by_template",
        "no stock",
    )
