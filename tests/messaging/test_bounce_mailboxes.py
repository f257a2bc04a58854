"""Bounce mailboxes of real servers: IMAP with and without TLS, mail deleted or left as read, POP3 behind TLS."""

from datetime import timedelta

import pytest

from messaging.models import BounceMailbox, InboundNotice
from messaging.secrets import encrypt
from messaging.services.mailboxes import poll_mailboxes
from messaging.services.notices import process_notices
from tests.messaging.imap_server import FOLDER, PASSWORD, USER, imap_server, tls_door
from tests.messaging.secure_sink import Certificates
from tests.messaging.sent import NOW, sent
from tests.messaging.test_notices import mail, pop3_server, status

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


@pytest.fixture
def certificates(tmp_path, monkeypatch) -> Certificates:
    made = Certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


def mailbox(port: int, *, secret: str = PASSWORD, **rest) -> BounceMailbox:
    values = {
        "name": "bounces", "protocol": "imap", "host": "127.0.0.1", "port": port, "tls": "none", "user": USER,
        "folder": FOLDER, "secret": encrypt(secret),
    }  # fmt: skip
    return BounceMailbox.objects.create(**(values | rest))


def look(made: BounceMailbox, minutes: int = 0) -> int:
    """Poll, and the mailbox as it is after."""
    count = poll_mailboxes(now=NOW + timedelta(minutes=minutes))
    made.refresh_from_db()
    return count


def test_it_works():
    row, _ = sent()
    with imap_server() as server:
        made = mailbox(server.port)
        assert look(made) == 0
        server.put(mail("invalid_address", row), mail("out_of_office", row))
        assert look(made, 2) == 2
        assert server.flags() == []
        assert look(made, 4) == 0
    assert (made.received, made.failures, made.last_error) == (2, 0, "")
    process_notices(now=NOW + timedelta(minutes=5))
    assert status(row) == "blacklisted"


def test_mail_may_stay_and_is_read_once():
    row, _ = sent()
    with imap_server() as server:
        made = mailbox(server.port, keeps_mail=True)
        server.put(mail("invalid_address", row))
        assert look(made) == 1
        assert server.flags() == [{r"\Seen"}]
        server.put(mail("mailbox_full", row))
        assert look(made, 2) == 1
        assert look(made, 4) == 0
        assert server.flags() == [{r"\Seen"}] * 2
    assert InboundNotice.objects.count() == 2


def test_what_could_not_be_stored_stays_unread(monkeypatch):
    def full(*_args, **_named):
        raise OSError("the disk is full")

    row, _ = sent()
    with imap_server() as server:
        made = mailbox(server.port)
        server.put(mail("invalid_address", row))
        with monkeypatch.context() as patch:
            patch.setattr("messaging.services.mailboxes.keep_mails", full)
            assert look(made) == 0
        assert server.flags() == [set()]
        assert made.failures == 1
        assert look(made, 10) == 1


def test_a_wrong_password_or_folder_is_told_in_the_servers_words():
    with imap_server() as server:
        wrong = mailbox(server.port, secret="wrong secret")
        look(wrong)
        elsewhere = mailbox(server.port, name="other", folder="No such folder")
        look(elsewhere)
    for made in (wrong, elsewhere):
        assert (made.failures, made.next_poll_at) == (1, NOW + timedelta(minutes=2))
        assert made.last_error
        assert "wrong secret" not in made.last_error
    assert "AUTHENTICATIONFAILED" in wrong.last_error
    assert "not exist" in elsewhere.last_error


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_imap_with_tls(certificates, tmp_path, tls):
    if tls == "starttls":
        with imap_server(tmp_path / "server.pem") as server:
            made = mailbox(server.port, tls=tls, folder="INBOX")
            assert look(made) == 4, "the mails that the server begins with"
    else:
        with imap_server() as server, tls_door(server.port, certificates.context) as port:
            server.put(b"Subject: hello\r\n\r\nhello\r\n")
            made = mailbox(port, tls=tls)
            assert look(made) == 1
    assert made.failures == 0


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_certificate_nobody_trusts_is_refused(tmp_path, protocol):
    untrusted = Certificates(tmp_path)
    with pop3_server() as server, tls_door(server.server_address[1], untrusted.context) as port:
        made = mailbox(port, protocol=protocol, tls="implicit")
        look(made)
    assert "certificate verify failed" in made.last_error


def test_pop3_with_tls(certificates):
    row, _ = sent()
    with pop3_server(mail("invalid_address", row)) as server:
        with tls_door(server.server_address[1], certificates.context) as port:
            assert look(mailbox(port, protocol="pop3", tls="implicit")) == 1
        assert server.mails == []
