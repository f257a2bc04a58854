"""The form of connections."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from messaging import secrets
from messaging.bounces.proofs import key_fault
from messaging.channels.email.providers import PROVIDERS
from messaging.channels.email.smtp import TLS_MODES
from messaging.channels.interface import registry as adapters
from messaging.models import Connection, ConnectionKind

OF_PROVIDERS = ("region", "sender_domain", "api_key", "project_id", "api_url")  # each of some only
TLS_WORDS = {
    "implicit": gettext_lazy("From the first byte (TLS)"),
    "starttls": gettext_lazy("After a greeting (STARTTLS)"),
    "none": gettext_lazy("Not encrypted"),
}
WHO_SIGNS = gettext_lazy(
    "MailerSend, Mailtrap, Mandrill, Postal, Resend and SendGrid sign with a key of their own: without it their webhooks are "
    "refused. Mailgun: its webhook signing key; empty: the API key."
)
KEY_FAULTS = {
    "unsigned": gettext_lazy(
        "This provider does not sign: its webhook address holds a password instead. Leave it empty."
    ),
    "unreadable": gettext_lazy(
        "This is no key of this provider: copy it as a whole, without the lines around it."
    ),
}


def _text(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=False, widget=UnfoldAdminTextInputWidget
    )


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A connection with its options as fields; the secret is written, never shown."""

    host = _text(gettext_lazy("Host"))
    port = forms.IntegerField(
        label=gettext_lazy("Port"),
        required=False,
        min_value=1,
        max_value=65_535,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    tls = forms.ChoiceField(
        label=gettext_lazy("TLS"), required=False, choices=[(mode, TLS_WORDS[mode]) for mode in TLS_MODES],
        initial="starttls", widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    verify_certificate = forms.BooleanField(
        label=gettext_lazy("Check the server's certificate"), required=False, initial=True,
        widget=UnfoldBooleanSwitchWidget,
    )  # fmt: skip
    user = _text(gettext_lazy("User"))
    messages_per_line = forms.IntegerField(
        label=gettext_lazy("Messages per session"), required=False, min_value=1, max_value=100_000,
        help_text=gettext_lazy("After so many a new session is opened. Empty: 1000."),
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    provider = forms.ChoiceField(
        label=gettext_lazy("Provider"), required=False, widget=UnfoldAdminSelectWidget,
        choices=[("", "—"), *((key, provider.name) for key, provider in PROVIDERS.items())],
    )  # fmt: skip
    region = _text(
        gettext_lazy("Region"), gettext_lazy("Mailgun and SparkPost: eu, or empty; Unisender Go: go1 or go2.")
    )
    api_key = _text(
        gettext_lazy("Public API key"),
        gettext_lazy("Mailjet has two keys. The private one is entered below."),
    )
    project_id = _text(gettext_lazy("Project ID"))
    api_url = _text(
        gettext_lazy("Address of the API"),
        gettext_lazy("Of your Postal server: https://postal.example.com/api/v1"),
    )
    sender_domain = _text(gettext_lazy("Sending domain at the provider"))
    new_webhook_key = forms.CharField(
        label=gettext_lazy("Key that webhooks are signed with"), required=False, max_length=4_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    bounce_domain = _text(
        gettext_lazy("Bounce domain"), gettext_lazy("Bounces come to an own address of each message there.")
    )
    return_path = forms.EmailField(
        label=gettext_lazy("Return path"),
        required=False,
        widget=UnfoldAdminEmailInputWidget,
        help_text=gettext_lazy("One address that all bounces come to; a bounce domain goes before it."),
    )
    new_secret = forms.CharField(
        label=gettext_lazy("Password or API key"), required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    OWN = {
        ConnectionKind.SMTP: (
            "host",
            "port",
            "tls",
            "verify_certificate",
            "user",
            "messages_per_line",
            "bounce_domain",
            "return_path",
        ),
        ConnectionKind.ANYMAIL: ("provider", *OF_PROVIDERS, "bounce_domain", "return_path"),
        ConnectionKind.FILE: ("bounce_domain", "return_path"),
    }

    class Meta:
        model = Connection
        fields = (
            "name",
            "kind",
            "per_second",
            "per_minute",
            "per_hour",
            "per_day",
            "pool_size",
            "is_enabled",
        )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for name, value in (self.instance.options or {}).items():
            if name in self.fields:
                self.fields[name].initial = value
        kept = secrets.hint(self.instance.secret)
        if kept:
            self.fields["new_secret"].help_text = _("Set: %(hint)s. Empty keeps it.") % {"hint": kept}
        kept = secrets.hint(self.instance.webhook_key)
        self.fields["new_webhook_key"].help_text = (
            _("Set: %(hint)s. Empty keeps it.") % {"hint": kept} if kept else WHO_SIGNS
        )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        kind = found.get("kind")
        names = self.OWN.get(kind, ()) if kind else ()
        shown = {name for own in self.OWN.values() for name in own}
        kept = {key: value for key, value in (self.instance.options or {}).items() if key not in shown}
        options = kept | {name: found[name] for name in names if found.get(name) not in (None, "")}
        if kind == ConnectionKind.ANYMAIL and (provider := PROVIDERS.get(found.get("provider", ""))):
            others = set(OF_PROVIDERS) - {
                *provider.needs,
                *provider.takes,
            }  # filled in for another one before
            options = {name: value for name, value in options.items() if name not in others}
            if not (found.get("new_secret") or self._has_key_for(options)):
                self.add_error("new_secret", _("Enter the key that the provider gave you."))
        if options.get("verify_certificate"):
            del options["verify_certificate"]  # which is what happens without it
        if kind:
            for name, text in adapters[kind].validate(options).items():
                self.add_error(name if name in self.fields else None, text)
        self.instance.options = options
        if found.get("new_secret"):
            self.instance.secret = secrets.encrypt(found["new_secret"])
        if found.get("new_webhook_key"):
            self._take_key(found.get("provider", ""), found["new_webhook_key"])
        return found

    def _has_key_for(self, options: dict[str, Any]) -> bool:
        """Whether the stored key is for the place it would be sent to: no provider is shown the key of another."""
        before = self.instance.options or {}
        is_same = all(options.get(name) == before.get(name) for name in ("provider", "api_url"))
        return bool(self.instance.secret) and self.instance.kind == ConnectionKind.ANYMAIL and is_same

    def _take_key(self, provider: str, text: str) -> None:
        fault = key_fault(provider, text)
        if fault:
            self.add_error("new_webhook_key", KEY_FAULTS[fault])
        else:
            self.instance.webhook_key = secrets.encrypt(text.strip())
