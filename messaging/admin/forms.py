"""Forms of the message editor, of connections and of campaigns."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.text import capfirst
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

from contacts.models import SubscriptionCategory
from messaging import secrets
from messaging.audiences import registry as audiences
from messaging.bounces.proofs import key_fault
from messaging.channels.email.providers import PROVIDERS
from messaging.channels.email.smtp import TLS_MODES
from messaging.channels.interface import registry as adapters
from messaging.models import Campaign, Connection, ConnectionKind, Message, MessageState, Sender

LANGUAGE = RegexValidator(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$", gettext_lazy("Use a tag such as en or pt-BR."))
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
STARTER = """<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Hello {{ contact.first_name | default: "there" }}!</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


class MessageForm(forms.Form):
    """One language of a message, and what the message is apart from its text."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    language = forms.CharField(
        label=gettext_lazy("Language"), max_length=35, validators=[LANGUAGE],
        help_text=gettext_lazy("Another tag, such as uk, saves this text as a further language."),
    )  # fmt: skip
    default_language = forms.CharField(
        label=gettext_lazy("Default language"), max_length=35, validators=[LANGUAGE]
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=1_000)
    preheader = forms.CharField(
        label=gettext_lazy("Preheader"), required=False, max_length=1_000,
        help_text=gettext_lazy("Mailboxes show it after the subject."),
    )  # fmt: skip
    format = forms.ChoiceField(
        label=gettext_lazy("Format"), choices=[("mjml", "MJML"), ("html", "HTML")],
        help_text=gettext_lazy("MJML fits telephones and old mail programs by itself; HTML is sent as you write it."),
    )  # fmt: skip
    source = forms.CharField(
        label=gettext_lazy("Source"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 24, "spellcheck": "false", "class": "ui-mono"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Text part"), required=False, strip=False, widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy("Empty: made from the source."),
    )  # fmt: skip
    sender = forms.ModelChoiceField(
        label=gettext_lazy("Sender"), queryset=Sender.objects.order_by("name"), required=False,
        empty_label=gettext_lazy("Default sender"),
    )  # fmt: skip
    categories = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Subscription categories"), queryset=SubscriptionCategory.objects.order_by("name"),
        required=False, widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    tags = forms.CharField(
        label=gettext_lazy("Tags"), required=False, help_text=gettext_lazy("Separated by commas.")
    )
    is_transactional = forms.BooleanField(
        label=gettext_lazy("Transactional"), required=False,
        help_text=gettext_lazy(
            "About an order, a password and the like: it is sent to those who unsubscribed, too, and has no unsubscribe link."
        ),
    )  # fmt: skip
    tracks_opens = forms.BooleanField(label=gettext_lazy("Track opens"), required=False)
    tracks_clicks = forms.BooleanField(label=gettext_lazy("Track clicks"), required=False)
    drop_language = forms.BooleanField(label=gettext_lazy("Drop this language"), required=False)

    def __init__(self, data: Any, *, message: Message | None, language: str, user: Any) -> None:
        self.message = message
        self.user = user
        content = message.revision.content if message and message.revision else {}
        default = message.default_language if message else "en"
        self.chosen = language or default
        texts = content.get(self.chosen) or {"format": "mjml", "source": STARTER if not content else ""}
        initial = {
            "language": self.chosen, "default_language": default, "tracks_opens": True, "tracks_clicks": True, **texts,
        }  # fmt: skip
        if message is not None:
            initial |= {
                "name": message.name, "sender": message.sender_id, "is_transactional": message.is_transactional,
                "tracks_opens": message.tracks_opens, "tracks_clicks": message.tracks_clicks,
                "tags": ", ".join(message.tags), "categories": message.categories.all(),
            }  # fmt: skip
        super().__init__(data, initial=initial)

    def clean_is_transactional(self) -> bool:
        wanted = bool(self.cleaned_data["is_transactional"])
        before = self.message.is_transactional if self.message else False
        if wanted and not before and not self.user.has_perm("messaging.mark_transactional"):
            raise forms.ValidationError(_("Your role may not mark messages transactional."))
        return wanted

    def texts(self) -> dict[str, str]:
        return {
            name: self.cleaned_data[name] for name in ("subject", "preheader", "format", "source", "text")
        }

    def filled(self, message: Message) -> Message:
        """The message with the form's values; not saved."""
        for name in (
            "name",
            "default_language",
            "sender",
            "is_transactional",
            "tracks_opens",
            "tracks_clicks",
        ):
            setattr(message, name, self.cleaned_data[name])
        message.tags = [tag.strip()[:100] for tag in self.cleaned_data["tags"].split(",") if tag.strip()]
        return message


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A connection with its options as fields; the secret is written, never shown."""

    host = forms.CharField(label=gettext_lazy("Host"), required=False, widget=UnfoldAdminTextInputWidget)
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
    user = forms.CharField(label=gettext_lazy("User"), required=False, widget=UnfoldAdminTextInputWidget)
    messages_per_line = forms.IntegerField(
        label=gettext_lazy("Messages per session"), required=False, min_value=1, max_value=100_000,
        help_text=gettext_lazy("After so many a new session is opened. Empty: 1000."),
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    provider = forms.ChoiceField(
        label=gettext_lazy("Provider"), required=False, widget=UnfoldAdminSelectWidget,
        choices=[("", "—"), *((name, name.replace("_", " ").title()) for name in sorted(PROVIDERS))],
    )  # fmt: skip
    region = forms.CharField(label=gettext_lazy("Region"), required=False, widget=UnfoldAdminTextInputWidget)
    sender_domain = forms.CharField(
        label=gettext_lazy("Sending domain at the provider"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
    new_webhook_key = forms.CharField(
        label=gettext_lazy("Key that webhooks are signed with"), required=False, max_length=4_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    bounce_domain = forms.CharField(
        label=gettext_lazy("Bounce domain"), required=False, widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Bounces come to an own address of each message there."),
    )  # fmt: skip
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
        ConnectionKind.ANYMAIL: ("provider", "region", "sender_domain", "bounce_domain", "return_path"),
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

    def _take_key(self, provider: str, text: str) -> None:
        fault = key_fault(provider, text)
        if fault:
            self.add_error("new_webhook_key", KEY_FAULTS[fault])
        else:
            self.instance.webhook_key = secrets.encrypt(text.strip())


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]
    included = forms.MultipleChoiceField(
        label=gettext_lazy("Include"), required=False, widget=forms.CheckboxSelectMultiple
    )
    excluded = forms.MultipleChoiceField(
        label=gettext_lazy("Exclude"), required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Campaign
        fields = ("name", "message", "starts_at", "in_contact_zone", "zone_late", "rate", "rate_seconds")
        widgets = {"starts_at": forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        messages: Any = self.fields["message"]
        messages.queryset = Message.objects.filter(state=MessageState.READY).order_by("-updated_at")
        choices = [
            (capfirst(kind.label), [(f"{kind.key}:{pk}", name) for pk, name in kind.choices()])
            for kind in audiences.values()
        ]
        self.fields["starts_at"].help_text = _(
            "Empty: as soon as it is started. The time is that of %(zone)s."
        ) % {"zone": timezone.get_current_timezone_name()}
        for name, parts in (("included", self.instance.include), ("excluded", self.instance.exclude)):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
            self.fields[name].initial = [f"{part['kind']}:{part['id']}" for part in parts or []]

    def clean_starts_at(self) -> datetime | None:
        starts_at: datetime | None = self.cleaned_data["starts_at"]
        if starts_at is not None and starts_at <= timezone.now():
            raise forms.ValidationError(
                _("This time has passed. Choose a later one, or none to start at once.")
            )
        return starts_at

    def parts(self, name: str) -> list[dict[str, Any]]:
        pairs = [value.partition(":") for value in self.cleaned_data[name]]
        return [{"kind": kind, "id": int(pk)} for kind, _colon, pk in pairs]
