"""Forms of the message editor and of campaigns."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import SubscriptionCategory
from messaging.audiences import registry as audiences
from messaging.models import Campaign, Message, MessageState, Sender

LANGUAGE = RegexValidator(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$", gettext_lazy("Use a tag such as en or pt-BR."))
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
