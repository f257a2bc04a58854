"""E-mail providers by their APIs, through django-anymail. The provider's own tracking is switched off: ours is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from time import monotonic
from typing import Any

import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from anymail.message import AnymailMessage
from django.utils.translation import gettext as _

from cdp.crash import crash_point
from messaging.channels.email.mime import encode_mailbox
from messaging.channels.interface import Access, Handover, HandoverState, Parcel, Verdict


@dataclass(frozen=True, slots=True)
class Provider:
    """What a connection to a provider holds. `secret`: the library's name of the key; `needs`, `takes`: options beside it."""

    name: str
    secret: str = "api_key"  # noqa: S105 - the name of a setting
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


# By the name of the library's module. Amazon SES is not one of them: its API would need boto3, and it takes mail by SMTP.
PROVIDERS: dict[str, Provider] = {
    "brevo": Provider("Brevo"),
    "mailersend": Provider("MailerSend", "api_token"),
    "mailgun": Provider("Mailgun", takes=("region", "sender_domain")),
    "mailjet": Provider("Mailjet", "secret_key", needs=("api_key",)),
    "mailtrap": Provider("Mailtrap", "api_token"),
    "mandrill": Provider("Mandrill"),
    "postal": Provider("Postal", needs=("api_url",)),
    "postmark": Provider("Postmark", "server_token"),
    "resend": Provider("Resend"),
    "scaleway": Provider("Scaleway", "secret_key", needs=("project_id",)),
    "sendgrid": Provider("SendGrid"),
    "sparkpost": Provider("SparkPost", takes=("region",)),
    "unisender_go": Provider("Unisender Go", needs=("region",)),
}
# (Provider, region) → where its API is; without a region it is where the library knows it.
ADDRESSES: dict[tuple[str, str], str] = {
    ("mailgun", "eu"): "https://api.eu.mailgun.net/v3",
    ("sparkpost", "eu"): "https://api.eu.sparkpost.com/api/v1",
    ("unisender_go", "go1"): "https://go1.unisender.ru/ru/transactional/api/v1/",
    ("unisender_go", "go2"): "https://go2.unisender.ru/ru/transactional/api/v1/",
}
OF_LIBRARY = ("sender_domain", "api_key", "project_id", "api_url")  # options that are settings of the library
OPTIONS = {"provider", "region", "bounce_domain", "return_path", *OF_LIBRARY}
TIMEOUT = 30


class ProviderAdapter:
    kind = "anymail"

    def validate(self, options: Mapping[str, Any]) -> dict[str, str]:
        faults = {key: _("This option is unknown.") for key in options if key not in OPTIONS}
        faults |= {key: _("This must be a text.") for key in options if not isinstance(options[key], str)}
        provider = str(options.get("provider"))
        if provider not in PROVIDERS:
            return faults | {"provider": _("Use one of %(words)s.") % {"words": ", ".join(PROVIDERS)}}
        faults |= {
            key: _("This provider needs it.") for key in PROVIDERS[provider].needs if not options.get(key)
        }
        regions = sorted(region for name, region in ADDRESSES if name == provider)
        if options.get("region") and options["region"] not in regions:
            words = _("Use one of %(words)s.") % {"words": ", ".join(regions)}
            faults["region"] = words if regions else _("This provider has one region: leave it empty.")
        if not str(options.get("api_url") or "https://").startswith("https://"):
            faults["api_url"] = _("Use an address that begins with https://")
        return faults

    def verify(self, access: Access) -> Verdict:
        """Opens the provider's session; only sending shows whether the key is accepted."""
        try:
            backend = _backend(access)
            backend.open()
            backend.close()
        except (AnymailError, requests.RequestException, ImportError, ValueError) as error:
            return Verdict(False, _words(error))
        return Verdict(
            True, _("the settings are complete; send a test to see whether the provider accepts the key")
        )

    def prepare(self, parcel: Parcel, *, now: datetime) -> None:  # noqa: ARG002
        message = AnymailMessage(
            subject=parcel.subject,
            body=parcel.text,
            from_email=encode_mailbox(parcel.sender_name, parcel.sender_address).replace("\r\n ", " "),
            to=[encode_mailbox(parcel.to_name, parcel.to_address).replace("\r\n ", " ")],
            reply_to=[parcel.reply_to] if parcel.reply_to else None,
            headers={**parcel.headers, **parcel.own_headers, "Message-ID": parcel.message_id},
            metadata={"delivery": str(parcel.delivery_id), "month": f"{parcel.cause_month:%Y%m}"},
            track_opens=False,
            track_clicks=False,
        )
        message.attach_alternative(parcel.html, "text/html")
        parcel.prepared = message

    def send_batch(self, access: Access, parcels: Sequence[Parcel], *, seconds: float) -> list[Handover]:
        deadline = monotonic() + seconds
        answers: list[Handover] = []
        try:
            backend = _backend(access)
            backend.open()
        except (AnymailError, ImportError, ValueError) as error:
            answers.append(Handover(HandoverState.AWAY, text=_words(error)))
            return answers + [Handover(HandoverState.UNTOUCHED) for _ in parcels[1:]]
        for parcel in parcels:
            if monotonic() > deadline:
                break
            answers.append(self._send_one(backend, parcel))
            if answers[-1].state is HandoverState.AWAY:
                break
        backend.close()
        return answers + [Handover(HandoverState.UNTOUCHED) for _ in parcels[len(answers) :]]

    def _send_one(self, backend: Any, parcel: Parcel) -> Handover:
        message = parcel.prepared
        try:
            backend.send_messages([message])
        except AnymailRecipientsRefused as error:
            return Handover(HandoverState.REJECTED, text=_words(error))
        except AnymailAPIError as error:
            return _refusal(error)
        except AnymailError as error:  # the message does not fit what the provider can do
            return Handover(HandoverState.REJECTED, text=_words(error))
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:  # an answer the library cannot read
            return Handover(HandoverState.UNKNOWN, text=f"{type(error).__name__}: {_words(error)}")
        crash_point("provider_after_message")
        return _acceptance(message.anymail_status)


def _backend(access: Access) -> Any:
    provider = str(access.options["provider"])
    if provider not in PROVIDERS:
        raise ValueError(f"the provider {provider!r} is unknown")
    settings: dict[str, Any] = {"fail_silently": False, PROVIDERS[provider].secret: access.secret}
    for name in OF_LIBRARY:
        if access.options.get(name):
            settings.setdefault(name, access.options[name])
    address = ADDRESSES.get((provider, str(access.options.get("region") or "")))
    if address:
        settings["api_url"] = address
    backend = import_module(f"anymail.backends.{provider}").EmailBackend(**settings)
    backend.timeout = TIMEOUT
    # All of them carry headers and reply addresses; what some lack is metadata (webhooks are then matched by message
    # and recipient) and a switch for their own tracking.
    backend.ignore_unsupported_features = True
    return backend


def _acceptance(status: Any) -> Handover:
    """An answer without a fault: it names the message, or says nothing of the recipient, or that it is refused."""
    found, provider_id = status.status or {"unknown"}, str(status.message_id or "")
    if found <= {"failed", "invalid", "rejected"}:
        return Handover(HandoverState.REJECTED, provider_id=provider_id, text=", ".join(sorted(found)))
    if found == {"unknown"} and not provider_id:
        return Handover(
            HandoverState.UNKNOWN, text="the provider's answer does not say whether the message was taken"
        )
    return Handover(HandoverState.ACCEPTED, provider_id=provider_id)


def _refusal(error: AnymailAPIError) -> Handover:
    """401, 403, 429 and 5xx: the provider must rest. No status: the line died, before or after the request left."""
    status = getattr(error, "status_code", None)
    words = _words(error)
    if status is None:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, requests.RequestException):
            cause = cause.__cause__ or cause.__context__
        is_before = isinstance(cause, (requests.ConnectTimeout, requests.exceptions.SSLError)) or (
            isinstance(cause, requests.ConnectionError) and "refused" in str(cause).lower()
        )
        return Handover(HandoverState.AWAY if is_before else HandoverState.UNKNOWN, text=words)
    if status in (401, 403, 429) or status >= 500:
        return Handover(HandoverState.AWAY, code=str(status), text=words, retry_after=_pause_of(error))
    state = (
        HandoverState.REJECTED if status >= 400 else HandoverState.UNKNOWN
    )  # taken, with an answer nobody can read
    return Handover(state, code=str(status), text=words)


def _pause_of(error: AnymailAPIError) -> float | None:
    """Seconds that `Retry-After` asks for."""
    said = (getattr(error.response, "headers", None) or {}).get("Retry-After", "")
    return float(said) if said.isdecimal() else None


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]
