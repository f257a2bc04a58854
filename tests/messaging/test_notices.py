"""Bounce mail and webhooks become activity and address states: stored first, once, in any order, only with proof."""

import json
import re
import socketserver
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from contacts.models import Address
from messaging.models import Activity, BounceMailbox, Connection, Delivery, InboundNotice
from messaging.secrets import encrypt
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.mailboxes import poll_mailboxes
from messaging.services.notices import forget_notices, keep_mails, process_notices
from messaging.tracking.tokens import TokenKind, bounce_address, make_token, unsubscribe_address
from tests.messaging.sent import NOW, sent
from tests.messaging.test_bounce_mail import SAMPLES
from tests.messaging.webhooks import PASSWORD, basic

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)
SECRET = "s3cret-of-the-webhook"


def mail(name: str, row: Delivery) -> bytes:
    text = (SAMPLES / f"{name}.eml").read_text()
    text = text.replace(
        "bounce+TOKEN@bounce.example.com", bounce_address(row.pk, row.cause_month, "b.example.com")
    )
    text = text.replace("SENDID", make_token(TokenKind.BOUNCE, row.pk, row.cause_month))
    return text.replace("ann@example.net", row.endpoint).replace("\n", "\r\n").encode()


def take_in(*mails: bytes) -> int:
    keep_mails(1, mails, now=LATER)
    return process_notices(now=LATER)


def status(row: Delivery) -> str:
    return Address.objects.get(value=row.endpoint).status


def connection(provider: str = "postmark") -> Connection:
    return Connection.objects.create(
        name="esp",
        kind="anymail",
        options={"provider": provider},
        webhook_secret=encrypt(f"{SECRET} {PASSWORD}"),
    )


def postmark(row: Delivery, kind: str = "Bounce", **rest) -> str:
    event = {
        "RecordType": kind, "ID": 42, "Type": "HardBounce", "MessageID": "pm-1", "Email": row.endpoint, "Recipient": row.endpoint,
        "BouncedAt": "2026-06-15T12:03:00Z",
        "Details": "smtp;550 5.1.1 user unknown", "Metadata": {"delivery": str(row.pk), "month": "202606"},
    }  # fmt: skip
    return json.dumps(event | rest)


def test_it_works() -> None:
    row, _ = sent()
    assert take_in(mail("invalid_address", row)) == 1
    [found] = Activity.objects.all()
    assert (found.kind, found.reason, found.details["status"]) == ("error", "invalid_address", "5.1.1")
    row.refresh_from_db()
    assert (row.failed_at, status(row)) == (LATER, "blacklisted")
    assert InboundNotice.objects.get().outcome == "bounce"


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("mailbox_full", "blocked"), ("inactive", "blocked"), ("policy_relay", "blocked"), ("temporary", "active"),
        ("message_too_large", "active"), ("blocked_list", "active"), ("unrecognised", "active"), ("delayed", "active"),
        ("out_of_office", "active"), ("a_person_writes", "active"), ("complaint", "spam"), ("plain_qmail", "blacklisted"),
    ],
)  # fmt: skip
def test_the_address_follows_the_table(name: str, becomes: str) -> None:
    row, _ = sent()
    take_in(mail(name, row))
    assert status(row) == becomes


def test_the_same_mail_again_changes_nothing() -> None:
    row, _ = sent()
    for _again in range(3):
        take_in(mail("mailbox_full", row), mail("mailbox_full", row))
    assert Activity.objects.count() == 1
    assert Address.objects.get(value=row.endpoint).soft_errors == 1


def test_without_proof_nothing_happens() -> None:
    row, _ = sent()
    take_in(mail("forged", row), mail("complaint_by_message_id", row))
    assert (Activity.objects.count(), status(row)) == (0, "active")


def test_a_message_id_counts_with_the_recipient_it_went_to() -> None:
    row, _ = sent(message_id_header="<d1.202606@shop.example.com>")
    other, _ = sent("bob")
    take_in(mail("complaint_by_message_id", other))
    assert (status(row), status(other)) == ("active", "active")
    take_in(mail("complaint_by_message_id", row))
    assert status(row) == "spam"


def test_a_bounce_after_a_human_opened_is_recorded_and_takes_nothing_back() -> None:
    row, _ = sent()
    seen = ActivityRow(row.pk, row.cause_month, "campaign", 1, row.contact_id, row.message_id, "opened", NOW)
    record_activity([seen], now=NOW)
    take_in(mail("mailbox_full", row))
    row.refresh_from_db()
    assert (row.failed_at, row.opened_at, Activity.objects.filter(kind="error").count()) == (None, NOW, 1)


def test_a_mail_to_the_address_of_the_header_unsubscribes() -> None:
    row, _ = sent()
    address = unsubscribe_address(row.pk, row.cause_month, "b.example.com")
    take_in(f"From: {row.endpoint}\r\nTo: {address}\r\nSubject: unsubscribe\r\n\r\n".encode())
    assert (status(row), Activity.objects.get().details["way"]) == ("unsubscribed", "mail")


@pytest.mark.parametrize("more", ["Auto-Submitted: auto-replied\r\n", "Subject: Out of office\r\n"])
def test_an_automatic_reply_to_that_address_does_not(more: str) -> None:
    row, _ = sent()
    address = unsubscribe_address(row.pk, row.cause_month, "b.example.com")
    take_in(f"From: {row.endpoint}\r\nTo: {address}\r\n{more}\r\nI am away.".encode())
    take_in(f"From: {row.endpoint}\r\nTo: un{address}\r\n\r\n".replace("+c", "+d").encode())
    assert (status(row), Activity.objects.count()) == ("active", 0)


def test_what_the_database_cannot_hold_is_left_out() -> None:
    row, _ = sent()
    take_in(mail("invalid_address", row).replace(b"virtual", b"vir\x00tu\xffal"))
    assert Activity.objects.get().kind == "error"


def test_a_webhook_is_stored_answered_and_worked_later(client) -> None:
    row, _ = sent()
    path = f"/hooks/mail/{connection().pk}/{SECRET}"
    reply = client.post(path, postmark(row), content_type="application/json", headers=basic())
    assert (reply.status_code, InboundNotice.objects.get().state, Activity.objects.count()) == (
        200,
        "waiting",
        0,
    )
    process_notices(now=LATER)
    [found] = Activity.objects.all()
    assert (found.kind, found.reason, found.at.minute) == ("error", "invalid_address", 3)
    assert (status(row), InboundNotice.objects.get().state) == ("blacklisted", "done")


def test_webhooks_in_any_order_and_twice_end_alike(client) -> None:
    row, _ = sent()
    path = f"/hooks/mail/{connection().pk}/{SECRET}"
    for body in (
        postmark(row, "SpamComplaint", Type="SpamComplaint"),
        *[postmark(row, "Delivery", DeliveredAt="2026-06-15T12:01:00Z")] * 2,
    ):
        client.post(path, body, content_type="application/json", headers=basic())
    process_notices(now=LATER)
    row.refresh_from_db()
    assert sorted(found.kind for found in Activity.objects.all()) == ["delivered", "spam"]
    assert (row.delivered_at.minute, status(row)) == (1, "spam")


def test_a_webhook_names_its_delivery_or_message_and_recipient(client) -> None:
    row, _ = sent(provider_id="pm-1")
    path = f"/hooks/mail/{connection().pk}/{SECRET}"
    client.post(path, postmark(row, Metadata={}), content_type="application/json", headers=basic())
    process_notices(now=LATER)
    assert status(row) == "blacklisted"


@pytest.mark.parametrize("secret", ["s3cret-of-the-webhooK", "x" * 20])
def test_a_webhook_with_another_secret_is_not_kept(client, secret: str) -> None:
    row, _ = sent()
    reply = client.post(
        f"/hooks/mail/{connection().pk}/{secret}",
        postmark(row),
        content_type="application/json",
        headers=basic(),
    )
    assert (reply.status_code, InboundNotice.objects.count()) == (404, 0)


def test_the_webhook_address_is_made_in_the_admin_and_shown_once(client, admin_user) -> None:
    made = Connection.objects.create(name="esp", kind="anymail", options={"provider": "postmark"})
    client.force_login(admin_user)
    page = f"/admin/messaging/connection/{made.pk}/"
    assert client.get(f"{page}webhook/").status_code == 405
    shown = client.post(f"{page}webhook/", follow=True).content.decode()
    [(password, path)] = re.findall(rf"//cdp:([\w-]+)@[^/\s]+(/hooks/mail/{made.pk}/[\w-]+)", shown)
    again = client.get(f"{page}change/").content.decode()
    assert path not in again
    assert password not in again
    row, _ = sent()
    shown = {"content_type": "application/json", "headers": basic(password)}
    assert client.post(path, postmark(row), **shown).status_code == 200
    client.post(f"{page}webhook/")
    assert client.post(path, postmark(row), **shown).status_code == 404


def test_a_connection_without_a_secret_takes_no_webhooks(client) -> None:
    made = Connection.objects.create(name="esp", kind="anymail", options={"provider": "postmark"})
    assert (
        client.post(
            f"/hooks/mail/{made.pk}/{'x' * 20}", "{}", content_type="application/json", headers=basic()
        ).status_code
        == 404
    )


def test_a_webhook_that_cannot_be_read_is_set_aside_with_its_reason(client) -> None:
    path = f"/hooks/mail/{connection().pk}/{SECRET}"
    client.post(path, "[1, 2", content_type="application/json", headers=basic())
    row, _ = sent()
    client.post(path, postmark(row), content_type="application/json", headers=basic())
    assert process_notices(now=LATER) == 2
    bad, good = InboundNotice.objects.order_by("pk")
    assert (bad.state, good.state) == ("failed", "done")
    assert bad.outcome


def test_notices_are_forgotten_after_a_day() -> None:
    row, _ = sent()
    take_in(mail("delayed", row))
    assert forget_notices(now=LATER + timedelta(hours=22)) == 0
    assert forget_notices(now=LATER + timedelta(hours=24)) == 1


class Pop3(socketserver.StreamRequestHandler):
    """As much of a POP3 server as a client needs."""

    def handle(self) -> None:
        doomed: set[int] = set()
        mails = self.server.mails
        self.say("+OK ready")
        while line := self.rfile.readline():
            word, *rest = line.decode().split()
            if word == "PASS" and rest != ["sesame"]:
                self.say("-ERR no such login")
            elif word == "LIST":
                self.say("+OK", *[f"{n} {len(mail)}" for n, mail in enumerate(mails, 1)], ".")
            elif word == "RETR":
                self.say("+OK", *mails[int(rest[0]) - 1].decode().split("\r\n"), ".")
            elif word == "DELE":
                doomed.add(int(rest[0]))
                self.say("+OK")
            elif word == "QUIT":
                self.server.mails = [mail for n, mail in enumerate(mails, 1) if n not in doomed]
                self.say("+OK bye")
                return
            else:
                self.say("+OK")

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def pop3_server(*mails: bytes):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pop3) as server:
        server.mails = list(mails)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def mailbox(port: int, secret: str = "sesame", **rest) -> BounceMailbox:
    values = {
        "name": "bounces",
        "protocol": "pop3",
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "user": "b",
    }
    return BounceMailbox.objects.create(**(values | rest), secret=encrypt(secret))


def test_a_mailbox_is_emptied_into_notices() -> None:
    row, _ = sent()
    with pop3_server(mail("invalid_address", row), mail("delayed", row)) as server:
        made = mailbox(server.server_address[1])
        assert poll_mailboxes(now=NOW) == 2
        assert server.mails == []
        assert poll_mailboxes(now=NOW) == 0
    made.refresh_from_db()
    assert (made.received, made.polled_at, made.next_poll_at) == (2, NOW, NOW + timedelta(minutes=2))
    process_notices(now=LATER)
    assert status(row) == "blacklisted"


def test_mail_stays_on_the_server_when_it_could_not_be_stored(monkeypatch) -> None:
    row, _ = sent()

    def full(*_args, **_named):
        raise OSError("the disk is full")

    monkeypatch.setattr("messaging.services.mailboxes.keep_mails", full)
    with pop3_server(mail("invalid_address", row)) as server:
        mailbox(server.server_address[1])
        assert poll_mailboxes(now=NOW) == 0
        assert len(server.mails) == 1


def test_a_mailbox_that_fails_says_why_and_waits_longer_each_time() -> None:
    with pop3_server() as server:
        made = mailbox(server.server_address[1], secret="wrong")
        at = NOW
        waits = []
        for _again in range(3):
            poll_mailboxes(now=at)
            made.refresh_from_db()
            waits.append((made.next_poll_at - at).total_seconds() / 60)
            at = made.next_poll_at
    assert (waits, made.failures) == ([2, 4, 8], 3)
    assert "no such login" in made.last_error
    assert "wrong" not in made.last_error


def test_the_list_tells_in_words_what_came_in_and_only_faults_that_last(admin_client):
    now = NOW
    for outcome, state in (
        ("bounce", "done"),
        ("delivered, error", "done"),
        ("JSONDecodeError: line 1", "failed"),
    ):
        InboundNotice.objects.create(source="mail", body=b"", state=state, outcome=outcome, received_at=now)
    text = admin_client.get("/admin/messaging/inboundnotice/").text
    assert all(
        words in text for words in (">Bounce<", ">Delivered, Not delivered<", "JSONDecodeError: line 1")
    )
    row = mailbox(1, name="mended", last_error="It was away", failures=0)
    page = "/admin/messaging/bouncemailbox/"
    assert "It was away" not in admin_client.get(page).text
    BounceMailbox.objects.filter(pk=row.pk).update(failures=1)
    assert "It was away" in admin_client.get(page).text
    assert "It was away" in admin_client.get(f"{page}{row.pk}/change/").text
