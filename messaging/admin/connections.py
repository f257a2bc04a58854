"""Connections and senders, and the mailbox on disk that a fresh installation sends to."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cdp.ui.admin import Empty, ListAdmin, Order
from cdp.ui.formatting import moment
from cdp.ui.status import status_pill
from messaging.admin.connection_form import OF_PROVIDERS, ConnectionForm
from messaging.admin.frames import framed
from messaging.channels.email import mailbox
from messaging.models import Connection, ConnectionKind, Sender
from messaging.services.connections import (
    make_default,
    make_default_sender,
    verify_connection,
)
from messaging.services.webhooks import renew_webhook, webhook_address

SEE_PERSONAL = "contacts.view_personal_data"


@admin.register(Connection)
class ConnectionAdmin(ListAdmin):
    form = ConnectionForm
    list_display = ("connection", "state", "rates", "checked", "words")
    orders = (Order("", "", ("id",)),)
    change_form_template = "messaging/connection.html"
    empty = Empty(
        gettext_lazy("No connections yet"),
        gettext_lazy("Without one, mail is written to the development mailbox."),
        "hub",
        ((gettext_lazy("Add connection"), "admin:messaging_connection_add", "messaging.add_connection"),),
    )
    fieldsets = (
        (None, {"fields": ("name", "kind", "is_enabled")}),
        (
            gettext_lazy("SMTP server"),
            {
                "fields": ("host", "port", "tls", "verify_certificate", "user", "messages_per_line"),
                "classes": ("ui-for-smtp",),
            },
        ),
        (
            gettext_lazy("Provider's API"),
            {
                "fields": ("provider", *OF_PROVIDERS, "new_webhook_key"),
                "classes": ("ui-for-anymail",),
            },
        ),
        (gettext_lazy("Secret"), {"fields": ("new_secret",), "classes": ("ui-for-smtp", "ui-for-anymail")}),
        (gettext_lazy("Bounces"), {"fields": ("bounce_domain", "return_path")}),
        (
            gettext_lazy("Limits"),
            {"fields": ("per_second", "per_minute", "per_hour", "per_day", "pool_size")},
        ),
    )

    @admin.display(description=gettext_lazy("Connection"))
    def connection(self, row: Connection) -> SafeString:
        note = _("default") if row.is_default else ""
        return format_html('<span class="ui-strong">{}</span><br><span class="ui-meta">{} {}</span>', row.name,
                           row.get_kind_display(), note)  # fmt: skip

    @admin.display(description=gettext_lazy("State"))
    def state(self, row: Connection) -> SafeString:
        return status_pill("switch", "on" if row.is_enabled else "off")

    @admin.display(description=gettext_lazy("At most"))
    def rates(self, row: Connection) -> str:
        words = (
            (row.per_second, _("s")),
            (row.per_minute, _("min")),
            (row.per_hour, _("h")),
            (row.per_day, _("day")),
        )
        return ", ".join(f"{count}/{unit}" for count, unit in words if count) or "—"

    @admin.display(description=gettext_lazy("Checked"))
    def checked(self, row: Connection) -> SafeString:
        return moment(row.verified_at)

    @admin.display(description=gettext_lazy("Last answer"))
    def words(self, row: Connection) -> str:
        return row.last_error[:120] or "—"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Connections are switched off: deliveries name them."""
        return False

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/test/", wrap(self.test), name="messaging_connection_test"),
            path("<int:pk>/default/", wrap(self.choose), name="messaging_connection_default"),
            path("<int:pk>/webhook/", wrap(self.webhook), name="messaging_connection_webhook"),
            path("mailbox/", wrap(self.letters), name="messaging_connection_mailbox"),
            path("mailbox/<str:name>/", wrap(self.letter), name="messaging_connection_letter"),
            path("mailbox/<str:name>/html/", wrap(self.letter_html), name="messaging_connection_letter_html"),
        ]
        return [*own, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.backs_off_until, obj.failures = None, 0
        obj.save()

    def _changing(self, request: HttpRequest, pk: int) -> Connection:
        if not self.has_change_permission(request):
            raise PermissionDenied
        row = Connection.objects.filter(pk=pk).first()
        if row is None:
            raise Http404
        return row

    def test(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Log in and hang up; shows the server's own words. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self._changing(request, pk)
        verdict = verify_connection(connection=row, now=datetime.now(UTC))
        tell = messages.success if verdict.is_good else messages.error
        tell(request, _("%(name)s answers: %(words)s") % {"name": row.name, "words": verdict.words})
        return HttpResponseRedirect(reverse("admin:messaging_connection_change", args=[pk]))

    def choose(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make it the default. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        make_default(self._changing(request, pk))
        messages.success(request, _("New messages go by this connection unless their sender says otherwise."))
        own = Sender.objects.filter(connection__isnull=False).exclude(connection_id=pk).order_by("name")
        if names := [
            f"{sender.name} ({sender.connection})" for sender in own.select_related("connection")[:5]
        ]:
            text = _("These senders keep a connection of their own: %(names)s")
            messages.warning(request, text % {"names": ", ".join(names)})
        return HttpResponseRedirect(reverse("admin:messaging_connection_change", args=[pk]))

    def webhook(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a new address for the provider's webhook and show it, once. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self._changing(request, pk)
        if row.kind != ConnectionKind.ANYMAIL:
            raise Http404
        address = webhook_address(row.pk, renew_webhook(connection=row))
        text = _(
            "Enter this address at the provider, for deliveries, bounces and complaints. It is shown only now: %(address)s"
        )
        messages.success(request, text % {"address": address})
        return HttpResponseRedirect(reverse("admin:messaging_connection_change", args=[pk]))

    # The mailbox on disk

    def _may_read(self, request: HttpRequest) -> None:
        user: Any = request.user
        if not (user.has_perm("messaging.view_delivery") and user.has_perm(SEE_PERSONAL)):
            raise PermissionDenied(SEE_PERSONAL)

    def letters(self, request: HttpRequest) -> HttpResponse:
        self._may_read(request)
        found = mailbox.list_letters(before=request.GET.get("before", ""))
        more = found[-1].name if len(found) == mailbox.PAGE else ""
        return self._render(
            request,
            "messaging/mailbox.html",
            {"title": _("Development mailbox"), "letters": found, "more": more},
        )

    def letter(self, request: HttpRequest, name: str) -> HttpResponse:
        self._may_read(request)
        return self._render(
            request, "messaging/letter.html", {"letter": self._letter(name), "title": _("Letter")}
        )

    def letter_html(self, request: HttpRequest, name: str) -> HttpResponse:
        self._may_read(request)
        return framed(self._letter(name).html)

    def _letter(self, name: str) -> mailbox.Letter:
        letter = mailbox.read_letter(name)
        if letter is None:
            raise Http404
        return letter

    def _render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return render(
            request, template, self.admin_site.each_context(request) | {"opts": self.opts} | context
        )


@admin.register(Sender)
class SenderAdmin(ListAdmin):
    list_display = ("sender", "state_pill", "connection", "default")
    fields = ("name", "address", "reply_to", "connection", "state")
    orders = (Order("", "", ("id",)),)
    empty = Empty(
        gettext_lazy("No senders yet"),
        gettext_lazy("A sender is the name and address that messages come from."),
        "alternate_email",
        ((gettext_lazy("Add sender"), "admin:messaging_sender_add", "messaging.add_sender"),),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("connection")

    @admin.display(description=gettext_lazy("Sender"))
    def sender(self, row: Sender) -> SafeString:
        return format_html(
            '<span class="ui-strong">{}</span><br><span class="ui-meta">{}</span>', row.name, row.address
        )

    @admin.display(description=gettext_lazy("State"))
    def state_pill(self, row: Sender) -> SafeString:
        return status_pill("sender", row.state)

    @admin.display(description=gettext_lazy("Default"))
    def default(self, row: Sender) -> str:
        return _("yes") if row.is_default else "—"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.is_default)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.save()
        if not Sender.objects.filter(is_default=True).exists():
            make_default_sender(obj)
