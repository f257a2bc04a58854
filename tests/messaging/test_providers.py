"""Providers by their APIs: what is asked of them over HTTP, and what their answers mean; their webhooks as they come."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from contacts.models import Address
from messaging.channels.email import providers
from messaging.engines import Sending
from messaging.models import Activity, Connection, Delivery, InboundNotice, Sender, SenderState
from messaging.secrets import encrypt
from messaging.services.connections import make_default, make_default_sender
from messaging.services.notices import process_notices
from tests.contacts.people import NOW
from tests.messaging.mail import message, people, plan, states
from tests.messaging.webhooks import API_KEY, HOOK, PASSWORD, post, signing_key

pytestmark = pytest.mark.django_db
SECRET = API_KEY
LATER = NOW + timedelta(hours=1)


class Api(http.server.ThreadingHTTPServer):
    """A provider: keeps requests, answers as it is told; `None` hangs up without a word."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: tuple[int, dict[str, str], object] | None = (200, {}, {})


class Request(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server: Api = self.server
        server.requests.append((self.path, dict(self.headers), body))
        if server.answer is None:
            self.connection.close()
            return
        status, headers, value = server.answer
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words) -> None:
        """Quiet."""


@contextmanager
def provider(name: str, monkeypatch) -> Iterator[tuple[Api, Connection]]:
    """The default connection to a provider whose API is served here."""
    with Api() as api:
        threading.Thread(target=api.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setitem(providers.ADDRESSES, (name, "here"), f"http://127.0.0.1:{api.server_address[1]}/")
        options = {"provider": name, "region": "here", "sender_domain": "shop.example"}
        options |= {"api_key": "public"} if name == "mailjet" else {}
        options |= {"project_id": "p1"} if name == "scaleway" else {}
        made = Connection.objects.create(
            name=name,
            kind="anymail",
            options=options,
            secret=encrypt(SECRET),
            webhook_secret=encrypt(f"{HOOK} {PASSWORD}"),
            webhook_key=encrypt(signing_key(name)),
        )
        make_default(made)
        sender = Sender.objects.create(
            name="Shop", address="news@shop.example", reply_to="ask@shop.example", state=SenderState.CONFIRMED
        )
        make_default_sender(sender)
        yield api, made
        api.shutdown()


def send_all(count: int = 1, **rest) -> None:
    plan(message(**rest), people(count))
    work()


def work(now=NOW) -> None:
    engine = Sending("sending", "bulk", (0, 1, 2), 100)
    while engine.work(now):
        pass


def test_it_works(monkeypatch):
    with provider("postmark", monkeypatch) as (api, _made):
        api.answer = (200, {}, {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-7", "To": "p0@example.com"})
        send_all()
    row = Delivery.objects.get()
    assert (row.state, row.provider_id, row.attempts) == ("sent", "pm-7", 1)
    [(path, headers, body)] = api.requests
    asked = json.loads(body)
    assert (path, headers["X-Postmark-Server-Token"]) == ("/email", SECRET)
    assert (asked["From"], asked["ReplyTo"]) == ("Shop <news@shop.example>", "ask@shop.example")
    assert asked["To"] == '"Name 0" <p0@example.com>' or asked["To"] == "Name 0 <p0@example.com>"
    assert (asked["TrackOpens"], asked["TrackLinks"]) == (False, "None"), "our own tracking counts"
    assert asked["Metadata"] == {"delivery": str(row.pk), "month": f"{row.cause_month:%Y%m}"}
    names = {header["Name"]: header["Value"] for header in asked["Headers"]}
    assert names["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert names["Message-ID"] == row.message_id_header
    assert "/c/" in asked["HtmlBody"]


@pytest.mark.parametrize("name", sorted(providers.PROVIDERS))
def test_every_provider_is_asked(monkeypatch, name):
    """Not all of them carry metadata or can switch their tracking off: that stops no mail."""
    with provider(name, monkeypatch) as (api, _made):
        send_all()
    [(_path, headers, body)] = api.requests
    assert "p0@example.com" in body.decode().replace("%40", "@")
    assert "List-Unsubscribe" in body.decode()
    secrets = (SECRET, "public")
    told = str(headers) + body.decode()
    assert any(secret in told for secret in secrets) or "Authorization" in headers


def test_a_provider_that_is_no_more_says_so_and_blames_no_delivery(monkeypatch):
    with provider("postmark", monkeypatch) as (_api, made):
        made.options |= {"provider": "gone"}
        made.save()
        send_all()
    made.refresh_from_db()
    assert "'gone' is unknown" in made.last_error
    assert states() == {"planned": 1}


@pytest.mark.parametrize(
    ("status", "state", "attempts", "rests"),
    [(400, "failed", 1, 0), (401, "planned", 0, 1), (403, "planned", 0, 1), (429, "planned", 0, 1), (503, "planned", 0, 1)],
)  # fmt: skip
def test_what_a_refusal_means(monkeypatch, status, state, attempts, rests):
    with provider("sendgrid", monkeypatch) as (api, made):
        api.answer = (status, {}, {"errors": [{"message": "words of the provider"}]})
        send_all()
    row = Delivery.objects.get()
    made.refresh_from_db()
    assert (row.state, row.attempts, made.failures) == (state, attempts, rests)
    assert "words of the provider" in (made.last_error if rests else row.last_error)
    assert SECRET not in made.last_error + row.last_error


def test_a_provider_is_left_alone_for_as_long_as_it_asks(monkeypatch):
    with provider("sendgrid", monkeypatch) as (api, made):
        api.answer = (429, {"Retry-After": "90"}, {})
        send_all()
        made.refresh_from_db()
        assert made.backs_off_until >= NOW + timedelta(seconds=90)
        api.answer = (202, {}, {})
        work(NOW + timedelta(seconds=89))
        assert states() == {"planned": 1}
        work(NOW + timedelta(seconds=100))
    assert states() == {"sent": 1}


def test_an_address_the_provider_will_not_write_to_fails_alone(monkeypatch):
    with provider("postmark", monkeypatch) as (api, made):
        words = "You tried to send to a recipient that has been marked as inactive. Found inactive addresses: p0@example.com. "
        words += "Inactive recipients are ones that have generated a hard bounce or a spam complaint."
        api.answer = (422, {}, {"ErrorCode": 406, "Message": words})
        send_all()
    made.refresh_from_db()
    assert (states(), made.failures) == ({"failed": 1}, 0)


@pytest.mark.parametrize("answer", [None, (200, {}, {"what": "is this"}), (200, {}, ["?"])])
@pytest.mark.parametrize(("is_transactional", "state"), [(False, "unknown"), (True, "planned")])
def test_an_answer_that_is_lost_or_unreadable_is_never_taken_for_a_no(
    monkeypatch, answer, is_transactional, state
):
    with provider("mailgun", monkeypatch) as (api, _made):
        api.answer = answer
        send_all(is_transactional=is_transactional)
    assert states() == {state: 1}
    assert Delivery.objects.get().attempts == 1


def test_a_provider_that_is_away_blames_no_delivery(monkeypatch):
    with provider("mailgun", monkeypatch) as (api, made):
        api.shutdown()
        api.server_close()
        send_all(3)
    made.refresh_from_db()
    assert (states(), made.failures) == ({"planned": 3}, 1)
    assert not Delivery.objects.exclude(attempts=0).exists()


# Webhooks, as the providers send them


def mailgun(row: Delivery, event: str, **rest) -> str:
    data = {
        "event": event, "id": f"mg-{event}", "timestamp": LATER.timestamp() - 60, "recipient": row.endpoint,
        "message": {"headers": {"message-id": "20260301.1@shop.example", "to": row.endpoint}},
        "user-variables": {"delivery": str(row.pk), "month": f"{row.cause_month:%Y%m}"}, "tags": [],
    }  # fmt: skip
    return json.dumps({"event-data": data | rest})


def mailgun_failure(row: Delivery, severity: str, code: int, words: str) -> str:
    status = {"code": code, "message": words, "description": ""}
    return mailgun(row, "failed", severity=severity, reason="bounce", **{"delivery-status": status})


def brevo(row: Delivery, event: str, **rest) -> str:
    metadata = json.dumps({"delivery": str(row.pk), "month": f"{row.cause_month:%Y%m}"})
    found = {
        "event": event, "email": row.endpoint, "ts_epoch": int(LATER.timestamp() * 1000) - 60_000,
        "message-id": "<202603@smtp-relay.example>", "X-Mailin-custom": metadata, "subject": "Hi",
    }  # fmt: skip
    return json.dumps(found | rest)


def sendgrid(row: Delivery, *events: tuple[str, dict]) -> str:
    return json.dumps(
        [
            {"event": event, "email": row.endpoint, "timestamp": int(LATER.timestamp()) - 60, "sg_event_id": f"sg-{event}",
             "anymail_id": "sg-1", "delivery": str(row.pk), "month": f"{row.cause_month:%Y%m}"} | more
            for event, more in events
        ]
    )  # fmt: skip


GONE = "550 5.1.1 The email account that you tried to reach does not exist"
FULL = "552 5.2.2 mailbox full"
HOOKS = {
    "mailgun delivered": ("mailgun", lambda row: mailgun(row, "delivered"), ["delivered"], "active"),
    "mailgun bounce": ("mailgun", lambda row: mailgun_failure(row, "permanent", 550, GONE), ["error"], "blacklisted"),
    "mailgun mailbox full": (
        "mailgun", lambda row: mailgun_failure(row, "permanent", 552, FULL), ["error"], "blocked",
    ),
    "mailgun later": ("mailgun", lambda row: mailgun_failure(row, "temporary", 451, "451 4.7.1 greylisted"), [], "active"),
    "mailgun complaint": ("mailgun", lambda row: mailgun(row, "complained"), ["spam"], "spam"),
    "mailgun unsubscribed": ("mailgun", lambda row: mailgun(row, "unsubscribed"), ["unsubscribed"], "unsubscribed"),
    "mailgun opened": ("mailgun", lambda row: mailgun(row, "opened", ip="192.0.2.1"), [], "active"),
    "mailgun clicked": ("mailgun", lambda row: mailgun(row, "clicked", url="https://shop.example"), [], "active"),
    "brevo delivered": ("brevo", lambda row: brevo(row, "delivered"), ["delivered"], "active"),
    "brevo bounce": ("brevo", lambda row: brevo(row, "hard_bounce", reason=GONE), ["error"], "blacklisted"),
    "brevo complaint": ("brevo", lambda row: brevo(row, "spam"), ["spam"], "spam"),
    "brevo opened": ("brevo", lambda row: brevo(row, "unique_opened"), [], "active"),
    "brevo clicked": ("brevo", lambda row: brevo(row, "click", link="https://shop.example"), [], "active"),
    "sendgrid, many at once": (
        "sendgrid",
        lambda row: sendgrid(row, ("processed", {}), ("delivered", {"response": "250 OK"}), ("open", {}), ("click", {}),
                             ("spamreport", {})),
        ["delivered", "spam"], "spam",
    ),
    "sendgrid bounce": ("sendgrid", lambda row: sendgrid(row, ("bounce", {"reason": GONE})), ["error"], "blacklisted"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("times", [1, 2])
def test_webhooks(client, monkeypatch, name, times):
    esp, body, kinds, becomes = HOOKS[name]
    with provider(esp, monkeypatch) as (_api, made):
        plan(message(), people(1))
        Delivery.objects.update(state="sent", handed_at=NOW, sent_at=NOW)
    row = Delivery.objects.get()
    for _ in range(times):
        answer = post(client, made, body(row))
        assert answer.status_code == 200
    assert (
        client.post(
            f"/hooks/mail/{made.pk}/{'x' * 21}", body(row), content_type="application/json"
        ).status_code
        == 404
    )
    process_notices(now=LATER)
    assert set(InboundNotice.objects.values_list("state", flat=True)) == {"done"}
    assert sorted(Activity.objects.values_list("kind", flat=True)) == kinds
    assert status_of(row) == becomes


def status_of(row: Delivery) -> str:
    return Address.objects.filter(value=row.endpoint).values_list("status", flat=True).first()


def test_without_metadata_message_and_recipient_show_whose_it_is(client, monkeypatch):
    with provider("mailgun", monkeypatch) as (api, made):
        api.answer = (200, {}, {"id": "<20260301.1@shop.example>", "message": "Queued"})
        send_all(2)
        assert states() == {"sent": 2}
    first, second = Delivery.objects.order_by("pk")
    body = json.loads(mailgun_failure(first, "permanent", 550, GONE))
    del body["event-data"]["user-variables"]
    post(client, made, json.dumps(body))
    process_notices(now=LATER)
    assert (status_of(first), status_of(second)) == ("blacklisted", "active")
