"""A webhook counts only when it shows that it is the provider's: by a signature, or by the password of its address."""

import json
import re

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from messaging.admin.connection_form import ConnectionForm
from messaging.bounces.proofs import SIGNED_BY_API_KEY, SIGNING
from messaging.bounces.providers import CLASSES
from messaging.models import Connection, InboundNotice
from messaging.secrets import decrypt, encrypt
from tests.messaging.webhooks import API_KEY, BASE, HOOK, basic, hooked, path_of, post, signing_key

pytestmark = pytest.mark.django_db
PASSWORDS = sorted(CLASSES.keys() - SIGNING)
BODIES = {"mandrill": "[]", "sendgrid": "[]", "sparkpost": "[]"}


@pytest.fixture(autouse=True)
def address(settings):
    settings.CDP_PUBLIC_URL = BASE


def body_of(provider: str) -> str:
    return BODIES.get(provider, '{"event": "nothing that matters"}')


def kept() -> int:
    return InboundNotice.objects.count()


def test_it_works(client):
    made = hooked("sendgrid")
    assert (post(client, made, "[]").status_code, kept()) == (200, 1)


@pytest.mark.parametrize("provider", sorted(CLASSES))
def test_every_provider_proves_itself(client, provider):
    assert (post(client, hooked(provider), body_of(provider)).status_code, kept()) == (200, 1)


@pytest.mark.parametrize("provider", sorted(SIGNING - {"mailgun", "unisender_go"}))
def test_without_its_signature_a_request_is_refused_in_words(client, provider):
    reply = post(client, hooked(provider), body_of(provider), headers={})
    assert (reply.status_code, kept()) == (403, 0)
    assert reply.content.decode().startswith("Signature refused: ")
    assert reply["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("provider", sorted(SIGNING))
def test_a_changed_body_is_refused(client, provider):
    made = hooked(provider)
    path, body = path_of(made), body_of(provider)
    sent = {}

    class Recorder:
        def post(self, _path, data=None, **rest):
            sent.update(rest, data=data)

    post(Recorder(), made, body)
    data, rest = sent.pop("data"), sent
    if provider == "mandrill":
        data += "%20"
    elif provider == "mailgun":
        whole = json.loads(data)
        whole["signature"]["token"] = "another"  # the body itself is not signed, the token is
        data = json.dumps(whole)
    else:
        data = data.replace("matters", "MATTERS").replace("[]", "[{}]")
    reply = client.post(path, data, **rest)
    assert (reply.status_code, kept()) == (403, 0)
    assert "incorrect signature" in reply.content.decode()


@pytest.mark.parametrize("provider", sorted(SIGNING))
def test_another_key_is_refused(client, provider):
    made = hooked(provider)
    other = {"resend": "whsec_AAAA", "postal": signing_key("sendgrid"), "sendgrid": signing_key("postal")}
    made.webhook_key = encrypt(other.get(provider, "another key"))
    made.save()
    assert (post(client, made, body_of(provider)).status_code, kept()) == (403, 0)


@pytest.mark.parametrize("provider", sorted(SIGNING - set(SIGNED_BY_API_KEY)))
def test_without_a_key_nothing_is_taken_and_the_reply_says_where_to_enter_it(client, provider):
    made = hooked(provider)
    Connection.objects.update(webhook_key=b"")
    reply = post(client, made, body_of(provider))
    assert (reply.status_code, kept()) == (403, 0)
    assert "enter it on the connection's page" in reply.content.decode()


def test_mailgun_signs_with_the_api_key_when_there_is_no_other(client):
    made = hooked("mailgun")
    Connection.objects.update(webhook_key=b"", secret=made.webhook_key)
    assert (post(client, made, "{}").status_code, kept()) == (200, 1)


def test_resend_is_not_heard_again_later(client):
    made = hooked("resend")
    old = {"svix-id": "m1", "svix-timestamp": "1000", "svix-signature": "v1,AAAA"}
    reply = post(client, made, "{}", headers=old)
    assert (reply.status_code, kept()) == (403, 0)
    assert "not now" in reply.content.decode()
    for odd in ("9" * 30, "-1", "٣"):
        assert post(client, made, "{}", headers=old | {"svix-timestamp": odd}).status_code == 403


@pytest.mark.parametrize("provider", PASSWORDS)
@pytest.mark.parametrize(
    "headers",
    [{}, basic("another"), basic(user="root"), {"authorization": "Bearer x"}, {"authorization": "Basic é"}],
)
def test_without_the_password_of_the_address_a_request_is_refused(client, provider, headers):
    reply = post(client, hooked(provider), body_of(provider), headers=headers)
    assert (reply.status_code, reply["WWW-Authenticate"], kept()) == (401, 'Basic realm="webhook"', 0)
    assert "name and password" in reply.content.decode()


def test_a_wrong_address_says_nothing_of_the_connection(client):
    made = hooked("postmark")
    replies = [client.post(f"/hooks/mail/{pk}/{'x' * 32}", "{}", content_type="application/json", headers=basic())
               for pk in (made.pk, made.pk + 1)]  # fmt: skip
    assert [(reply.status_code, reply.content) for reply in replies] == [
        (404, b"No webhook has this address.\n")
    ] * 2


def test_a_look_at_the_address_is_answered(client):
    path = path_of(hooked("unisender_go"))
    assert [client.get(path).status_code, client.head(path).status_code, client.put(path).status_code] == [
        200,
        200,
        405,
    ]


@pytest.mark.parametrize(("provider", "has_password"), [("postmark", True), ("sendgrid", False)])
def test_the_address_to_enter_has_the_password_where_there_is_no_signature(
    client, admin_user, provider, has_password
):
    made = hooked(provider)
    client.force_login(admin_user)
    page = client.post(reverse("admin:messaging_connection_webhook", args=[made.pk]), follow=True)
    [address] = re.findall(r"http://\S*/hooks/mail/[^\s<]+", page.content.decode())
    assert bool(re.match(r"http://cdp:[\w-]{32}@testserver/", address)) is has_password
    made.refresh_from_db()
    assert HOOK not in decrypt(made.webhook_secret)


# Keys as they are entered


def form(provider: str, key: str, **rest) -> ConnectionForm:
    data = {"name": "esp", "kind": "anymail", "provider": provider, "pool_size": 1, "new_webhook_key": key,
            "new_secret": API_KEY, "api_url": "https://postal.shop.example/api/v1"} | rest  # fmt: skip
    return ConnectionForm(data)


@pytest.mark.parametrize("provider", sorted(SIGNING - {"unisender_go"}))
def test_the_key_is_kept_encrypted_and_shown_to_nobody(provider):
    filled = form(provider, signing_key(provider))
    assert filled.is_valid(), filled.errors
    made = filled.save()
    assert decrypt(made.webhook_key) == signing_key(provider)
    assert signing_key(provider).encode() not in bytes(made.webhook_key)
    again = ConnectionForm(instance=made)
    assert signing_key(provider) not in str(again["new_webhook_key"])
    kept_key = bytes(made.webhook_key)
    unchanged = ConnectionForm(form(provider, "").data, instance=made)
    assert unchanged.is_valid()
    assert bytes(unchanged.save().webhook_key) == kept_key


@pytest.mark.parametrize(
    ("provider", "key", "words"),
    [("postmark", "abc", "does not sign"), ("sendgrid", "abc", "no key of this provider"),
     ("postal", "MIIB", "no key of this provider"), ("resend", "whsec_%", "no key of this provider"),
     ("mailgun", "ключ", "no key of this provider")],
)  # fmt: skip
def test_a_key_that_is_none_is_refused_when_it_is_entered(provider, key, words):
    filled = form(provider, key)
    assert not filled.is_valid()
    assert words in str(filled.errors["new_webhook_key"])
    with pytest.raises(ValidationError):
        filled.fields["new_webhook_key"].clean("x" * 4_001)
