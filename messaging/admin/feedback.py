"""Bounce mailboxes, and notices of bounces as they came in."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget

from cdp.ui.admin import Empty, ListAdmin, ReadOnlyAdmin, View
from cdp.ui.status import status_pill
from messaging import secrets
from messaging.models import BounceMailbox, InboundNotice
from messaging.wording import what_told


class MailboxForm(forms.ModelForm):
    """The password is write-only: what is stored is shown as its last characters at most."""

    password = forms.CharField(
        label=gettext_lazy("Password"), required=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Leave it empty to keep the one that is stored."),
    )  # fmt: skip

    class Meta:
        model = BounceMailbox
        fields = (
            "name", "protocol", "host", "port", "tls", "user", "password", "folder", "keeps_mail", "every_minutes", "is_enabled",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("protocol") == "pop3" and data.get("keeps_mail"):
            self.add_error(
                "keeps_mail", gettext_lazy("POP3 keeps no note of what was read: mail must be deleted.")
            )
        if not self.instance.pk and not data.get("password"):
            self.add_error("password", gettext_lazy("A new mailbox needs its password."))
        if '"' in data.get("folder", "") or "\\" in data.get("folder", ""):
            self.add_error("folder", gettext_lazy("A folder's name has no quotes or backslashes."))
        return data

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("password"):
            self.instance.secret = secrets.encrypt(self.cleaned_data["password"])
            self.instance.next_poll_at = None
        return super().save(commit)


@admin.register(BounceMailbox)
class BounceMailboxAdmin(ListAdmin):
    form = MailboxForm
    list_display = ("name", "host", "user", "state", "polled_at", "received", "fault")
    readonly_fields = ("password_kept", "polled_at", "received", "fault")
    fieldsets = (
        (None, {"fields": ("name", "is_enabled", "every_minutes")}),
        (
            gettext_lazy("Server"),
            {
                "fields": (
                    "protocol",
                    "host",
                    "port",
                    "tls",
                    "user",
                    "password",
                    "password_kept",
                    "folder",
                    "keeps_mail",
                )
            },
        ),
        (gettext_lazy("What happened"), {"fields": ("polled_at", "received", "fault")}),
    )
    empty = Empty(
        gettext_lazy("No bounce mailbox"),
        gettext_lazy(
            "Mail that cannot be delivered comes back to the bounce domain of a connection. Name the mailbox it arrives in."
        ),
        "mark_email_unread",
        (
            (
                gettext_lazy("Add bounce mailbox"),
                "admin:messaging_bouncemailbox_add",
                "messaging.add_bouncemailbox",
            ),
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new mailbox has no past and no password yet."""
        if obj is not None:
            return super().get_fieldsets(request, obj)
        first, (server, options), *_past = self.fieldsets
        fields = [name for name in options["fields"] if name != "password_kept"]
        return [first, (server, options | {"fields": fields})]

    @admin.display(description=gettext_lazy("State"))
    def state(self, mailbox: BounceMailbox) -> SafeString:
        word = "off" if not mailbox.is_enabled else "failing" if mailbox.failures else "healthy"
        return status_pill("switch" if word == "off" else "engine", word)

    @admin.display(description=gettext_lazy("Error"))
    def fault(self, mailbox: BounceMailbox) -> str:
        """What the server said last time, if it failed; what it said before it worked again is of no use."""
        return mailbox.last_error if mailbox.failures else "—"

    @admin.display(description=gettext_lazy("Stored password"))
    def password_kept(self, mailbox: BounceMailbox) -> str:
        return secrets.hint(mailbox.secret) or "—"


@admin.register(InboundNotice)
class InboundNoticeAdmin(ReadOnlyAdmin):
    """Read only; the raw text is not shown, as it holds addresses and text of people's mail."""

    list_display = ("received_at", "source", "state", "told", "processed_at")
    fields = readonly_fields = ("received_at", "source", "state", "told", "processed_at")
    views = (
        View("", gettext_lazy("All")),
        View("failed", gettext_lazy("Failed"), lambda rows: rows.filter(state="failed")),
        View("waiting", gettext_lazy("Waiting"), lambda rows: rows.filter(state="waiting")),
    )
    empty = Empty(
        gettext_lazy("Nothing came in"),
        gettext_lazy("Bounce mail and webhooks of providers are listed here for a day."),
        "move_to_inbox",
        (
            (
                gettext_lazy("Open bounce mailboxes"),
                "admin:messaging_bouncemailbox_changelist",
                "messaging.view_bouncemailbox",
            ),
            (
                gettext_lazy("Open connections"),
                "admin:messaging_connection_changelist",
                "messaging.view_connection",
            ),
        ),
    )

    @admin.display(description=gettext_lazy("Outcome"))
    def told(self, notice: InboundNotice) -> str:
        return what_told(notice.outcome) or "—"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body", "headers")
