"""Requests of providers to our webhooks, signed as each of them does, with keys made for the tests."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from messaging.models import Connection
from messaging.secrets import encrypt

HOOK = "s3cret-of-the-webhook"
PASSWORD = "passw0rd-of-the-webhook"
API_KEY = "key-of-the-shop"
SVIX_KEY = "whsec_" + base64.b64encode(b"a secret of svix").decode()
BASE = "http://testserver"


@cache
def _postal() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@cache
def _sendgrid() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _public(key: Any) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    text = key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()
    return "".join(text.splitlines()[1:-1])


def signing_key(provider: str) -> str:
    """What an administrator copies from the provider; empty where there is nothing to copy."""
    kept = {
        "mailersend": "ms-key",
        "mailgun": "mg-key",
        "mailtrap": "mt-key",
        "mandrill": "md-key",
        "resend": SVIX_KEY,
    }
    if provider == "postal":
        return _public(_postal())
    return _public(_sendgrid()) if provider == "sendgrid" else kept.get(provider, "")


def hooked(provider: str, **values: Any) -> Connection:
    """A connection whose webhook has an address, a password and the provider's key."""
    return Connection.objects.create(
        name=f"hook {provider}", kind="anymail", options={"provider": provider}, secret=encrypt(API_KEY),
        webhook_secret=encrypt(f"{HOOK} {PASSWORD}"), webhook_key=encrypt(signing_key(provider)), **values,
    )  # fmt: skip


def path_of(connection: Connection) -> str:
    return f"/hooks/mail/{connection.pk}/{HOOK}"


def basic(password: str = PASSWORD, user: str = "cdp") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def prepared(provider: str, body: str) -> str:
    """The body as the provider sends it: of some the signature is a part."""
    if provider == "mailgun":
        token = hashlib.sha256(body.encode()).hexdigest()
        signature = hmac.new(b"mg-key", f"1{token}".encode(), hashlib.sha256).hexdigest()
        return json.dumps(
            json.loads(body) | {"signature": {"timestamp": "1", "token": token, "signature": signature}}
        )
    if provider == "unisender_go":
        whole = json.dumps(json.loads(body) | {"auth": API_KEY})
        return whole.replace(API_KEY, hashlib.md5(whole.encode()).hexdigest())
    return body


def proof(provider: str, path: str, body: str, at: datetime) -> dict[str, str]:
    """Headers that prove where a request comes from."""
    data = body.encode()
    if provider in ("mailersend", "mailtrap"):
        key = signing_key(provider).encode()
        name = {"mailersend": "Signature", "mailtrap": "Mailtrap-Signature"}[provider]
        return {name: hmac.new(key, data, hashlib.sha256).hexdigest()}
    if provider == "mandrill":
        signed = f"{BASE}{path}mandrill_events{body}"
        return {"X-Mandrill-Signature": _base64(hmac.new(b"md-key", signed.encode(), hashlib.sha1).digest())}
    if provider == "postal":
        return {"X-Postal-Signature": _base64(_postal().sign(data, padding.PKCS1v15(), hashes.SHA1()))}
    if provider == "sendgrid":
        signature = _base64(_sendgrid().sign(b"1" + data, ec.ECDSA(hashes.SHA256())))
        name = "X-Twilio-Email-Event-Webhook"
        return {f"{name}-Timestamp": "1", f"{name}-Signature": signature}
    if provider == "resend":
        seconds = int(at.timestamp())
        digest = hmac.new(b"a secret of svix", f"m1.{seconds}.".encode() + data, hashlib.sha256).digest()
        signature = f"v1a,AAAA v1,{_base64(digest)}"
        return {"svix-id": "m1", "svix-timestamp": str(seconds), "svix-signature": signature}
    return {} if provider in ("mailgun", "unisender_go") else basic()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def post(client: Any, connection: Connection, body: str, headers: dict[str, str] | None = None) -> Any:
    """Post a body as the provider of the connection does; `headers` in place of its proof."""
    provider, path = connection.options["provider"], path_of(connection)
    body = prepared(provider, body)
    shown = proof(provider, path, body, datetime.now().astimezone()) if headers is None else headers
    if provider == "mandrill":
        text, kind = urlencode({"mandrill_events": body}), "application/x-www-form-urlencoded"
        return client.post(path, text, content_type=kind, headers=shown)
    return client.post(path, body, content_type="application/json", headers=shown)
