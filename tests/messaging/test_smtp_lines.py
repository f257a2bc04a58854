"""SMTP with TLS and login against a real server: certificates, wrong passwords, lines that stay open, refusals."""

from datetime import timedelta

import pytest

from messaging.channels.email.smtp import IDLE_SECONDS, SmtpAdapter
from messaging.channels.interface import Access
from messaging.engines import Sending
from messaging.models import Connection, Delivery
from messaging.secrets import encrypt
from messaging.services.connections import read_email_url, verify_connection
from tests.contacts.people import NOW
from tests.messaging.mail import connection, message, people, plan, states
from tests.messaging.secure_sink import PASSWORD, USER, Certificates, secure_sink

pytestmark = pytest.mark.django_db


@pytest.fixture
def certificates(tmp_path, monkeypatch) -> Certificates:
    """The authority is one that this machine trusts."""
    made = Certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


def relay(port: int, tls: str, *, secret: str = PASSWORD, **options) -> Connection:
    own = {"host": "127.0.0.1", "port": port, "tls": tls, "user": USER} | options
    return connection(port, options=own, secret=encrypt(secret))


def send_all(count: int) -> None:
    plan(message(), people(count))
    work()


def work(now=NOW) -> None:
    engine = Sending("sending", "bulk", (0, 1, 2), 100)
    while engine.work(now):
        pass


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_it_works(certificates, tls):
    with secure_sink(certificates, tls) as (server, its):
        made = relay(its.port, tls)
        verdict = verify_connection(connection=made, now=NOW)
        assert verdict.is_good, verdict.words
        send_all(30)
    assert sorted(server.received) == sorted(f"p{n}@example.com" for n in range(30))
    assert all(server.were_encrypted)
    assert len(server.sessions) == 1, "the line stays open"
    assert states() == {"sent": 30}


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_wrong_password_rests_the_connection_and_blames_no_delivery(certificates, tls):
    with secure_sink(certificates, tls) as (server, its):
        made = relay(its.port, tls, secret="wrong secret")
        verdict = verify_connection(connection=made, now=NOW)
        send_all(3)
    made.refresh_from_db()
    assert not verdict.is_good
    assert verdict.words.startswith("535")
    assert "wrong secret" not in verdict.words + made.last_error
    assert (made.failures, states(), server.received) == (1, {"planned": 3}, [])
    assert not Delivery.objects.exclude(attempts=0).exists()


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_certificate_nobody_trusts_is_refused_unless_it_need_not_be_checked(tmp_path, tls):
    with secure_sink(Certificates(tmp_path), tls) as (server, its):
        made = relay(its.port, tls)
        verdict = verify_connection(connection=made, now=NOW)
        assert not verdict.is_good
        assert "certificate verify failed" in verdict.words
        send_all(2)
        assert (states(), server.received) == ({"planned": 2}, [])
        made.options |= {"verify_certificate": False}
        made.save()
        assert verify_connection(connection=made, now=NOW).is_good, "which ends its rest as well"
        work(NOW + timedelta(seconds=1))
    assert states() == {"sent": 2}


def test_the_certificate_of_another_server_is_refused(tmp_path, monkeypatch):
    other = Certificates(tmp_path, name="mail.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.authority))
    with secure_sink(other, "implicit") as (_server, its):
        verdict = verify_connection(connection=relay(its.port, "implicit"), now=NOW)
    assert not verdict.is_good
    assert "IP address mismatch" in verdict.words


def test_nothing_is_sent_in_the_clear_to_a_server_without_starttls(certificates):
    with secure_sink(certificates, "none", needs_login=False) as (server, its):
        made = relay(its.port, "starttls", user="")
        verdict = verify_connection(connection=made, now=NOW)
        send_all(2)
    assert not verdict.is_good
    assert "STARTTLS" in verdict.words
    assert (states(), server.received) == ({"planned": 2}, [])


@pytest.mark.parametrize(
    ("options", "secret"),
    [({"user": "крамниця"}, PASSWORD), ({}, "пароль"), ({"host": "mail..example"}, PASSWORD)],
)
def test_what_a_server_cannot_be_asked_is_said_and_stops_no_engine(certificates, options, secret):
    with secure_sink(certificates, "starttls") as (server, its):
        made = relay(its.port, "starttls", secret=secret, **options)
        assert not verify_connection(connection=made, now=NOW).is_good
        send_all(2)
    made.refresh_from_db()
    assert (made.failures, states(), server.received) == (1, {"planned": 2}, [])
    assert made.last_error


def test_a_login_beyond_ascii(certificates):
    with secure_sink(certificates, "starttls") as (_server, its):
        made = relay(its.port, "starttls", user="крамниця", secret="пароль")
        assert verify_connection(connection=made, now=NOW).is_good


def test_a_line_carries_as_many_messages_as_it_may(certificates):
    with secure_sink(certificates, "implicit") as (server, its):
        relay(its.port, "implicit", messages_per_line=10)
        send_all(30)
    assert (len(server.received), len(server.sessions)) == (30, 3)


def test_a_line_the_server_closed_meanwhile_is_opened_again(certificates):
    with secure_sink(certificates, "starttls") as (server, its):
        relay(its.port, "starttls")
        plan(message(), people(4))
        chosen = Delivery.objects.order_by("pk")
        later = [row.pk for row in chosen[2:]]
        Delivery.objects.filter(pk__in=later).update(not_before=NOW + timedelta(minutes=1))
        work()
        server.hang_up(its)
        work(NOW + timedelta(minutes=1))
    assert len(server.received) == len(set(server.received)) == 4
    assert set(Delivery.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_a_line_that_idled_too_long_is_not_used(certificates):
    with secure_sink(certificates, "implicit") as (_server, its):
        options = {"host": "127.0.0.1", "port": its.port, "tls": "implicit", "user": USER}
        access, adapter = Access(1, "smtp", options, PASSWORD), SmtpAdapter()
        line = adapter._take(access)
        adapter._give_back(access, line)
        assert adapter._take(access) is line
        adapter._give_back(access, line)
        line.used_at -= IDLE_SECONDS
        assert adapter._take(access) is not line


@pytest.mark.parametrize(
    ("answer", "state", "attempts"),
    [
        ("451 4.3.0 local error", "planned", 1),
        ("452 4.2.2 mailbox full", "planned", 1),
        ("552 5.3.4 too large", "failed", 1),
        ("554 5.7.1 refused", "failed", 1),
        ("421 4.7.0 closing", "planned", 0),
        ("454 4.7.0 throttled", "planned", 0),
    ],
)
def test_refusals_of_the_whole_letter(certificates, answer, state, attempts):
    with secure_sink(certificates, "implicit") as (server, its):
        made = relay(its.port, "implicit")
        server.data_answer = answer
        send_all(1)
    row = Delivery.objects.get()
    made.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == (state, attempts, answer[4:])
    assert made.failures == (0 if attempts else 1)


def test_the_address_of_the_settings():
    kind, options, secret = read_email_url("smtps://shop:p%40ss@mail.example.com?verify_certificate=no")
    assert (kind, secret) == ("smtp", "p@ss")
    assert options == {
        "host": "mail.example.com", "port": 465, "tls": "implicit", "user": "shop", "verify_certificate": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "127.0.0.1", "port": 1}, "Nothing answers at this host and port: "),
        ({"host": "no-such-host.invalid", "port": 25}, "There is no server of this name: "),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_in_words(options, words):
    verdict = SmtpAdapter().verify(Access(1, "smtp", {"tls": "none", **options}, ""))
    assert not verdict.is_good
    assert verdict.words.startswith(words)
