"""Messages: the list and the editor, with preview and test by the code that sends."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from cdp.ui.admin import Empty, ListAdmin, Order, View
from cdp.ui.formatting import moment, wording
from cdp.ui.status import status_pill
from contacts.models import Contact
from contacts.normalise import normalise_email
from messaging.admin.explained import explained
from messaging.admin.for_contact import test_page
from messaging.admin.forms import MessageForm
from messaging.admin.frames import framed, framed_note, inbox_line
from messaging.models import Message, MessageRevision, MessageState
from messaging.rendering.values import read_field_names
from messaging.services.content import archive_message, restore_revision, save_message, unarchive_message
from messaging.services.previews import TestRefused, preview_message, send_test, trial_faults
from messaging.wording import why_not

REVISIONS_SHOWN = 20


@admin.register(Message)
class MessageAdmin(ListAdmin):
    list_display = ("message", "state_pill", "languages", "changed")
    search_fields = ("name",)
    search_help_text = gettext_lazy("name")
    orders = (Order("", "", ("-updated_at", "-id")),)
    views = (
        View("", gettext_lazy("All"), lambda rows: rows.exclude(state=MessageState.ARCHIVED)),
        View("transactional", gettext_lazy("Transactional"), lambda rows: rows.filter(is_transactional=True)),
        View("draft", gettext_lazy("With faults"), lambda rows: rows.filter(state=MessageState.DRAFT)),
        View("archived", gettext_lazy("Archived"), lambda rows: rows.filter(state=MessageState.ARCHIVED)),
    )
    empty = Empty(
        gettext_lazy("No messages yet"),
        gettext_lazy(
            "A message is what campaigns and workflows send: subject and text, in as many languages as you need."
        ),
        "mail",
        ((gettext_lazy("Create message"), "admin:messaging_message_add", "messaging.add_message"),),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("revision").defer("revision__compiled")

    @admin.display(description=gettext_lazy("Message"))
    def message(self, row: Message) -> SafeString:
        text = (
            (row.revision.content.get(row.default_language) or {}).get("subject", "") if row.revision else ""
        )
        return format_html(
            '<span class="ui-strong">{}</span><br><span class="ui-meta">{}</span>', row.name, wording(text)
        )

    @admin.display(description=gettext_lazy("State"))
    def state_pill(self, row: Message) -> SafeString:
        return status_pill("message", row.state)

    @admin.display(description=gettext_lazy("Languages"))
    def languages(self, row: Message) -> str:
        return ", ".join(row.revision.content) if row.revision else "—"

    @admin.display(description=gettext_lazy("Changed"))
    def changed(self, row: Message) -> SafeString:
        return moment(row.updated_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Messages are archived: what was sent names them."""
        return False

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("preview/", wrap(self.preview), name="messaging_message_preview"),
            path("<int:pk>/preview/", wrap(self.saved_preview), name="messaging_message_saved_preview"),
            path("<int:pk>/test/", wrap(self.test), name="messaging_message_test"),
            path("<int:pk>/restore/<int:number>/", wrap(self.restore), name="messaging_message_restore"),
            path(
                "contact/<int:contact_id>/test/",
                wrap(self.contact_test),
                name="messaging_message_contact_test",
            ),
            path("<int:pk>/archive/", wrap(self.archive), name="messaging_message_archive"),
            path("<int:pk>/unarchive/", wrap(self.unarchive), name="messaging_message_unarchive"),
        ]
        return [*own, *super().get_urls()]

    # The editor

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied("messaging.add_message")
        return self._edit(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        message = self.get_object(request, object_id)
        if not self.has_view_permission(request, message):
            raise PermissionDenied
        if message is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return self._edit(request, message)

    def _edit(self, request: HttpRequest, message: Message | None) -> HttpResponse:
        may_change = self.has_change_permission(request, message) if message else True
        language = request.GET.get("language", "")
        form = MessageForm(request.POST or None, message=message, language=language, user=request.user)
        faults: list[Any] = []
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied("messaging.change_message")
            if form.is_valid():
                saved = self._save(request, form, message)
                faults = saved.faults
                note = (
                    _("Saved. The message is ready to be sent.")
                    if not faults
                    else ngettext(
                        "Saved as a draft: %(count)s fault.",
                        "Saved as a draft: %(count)s faults.",
                        len(faults),
                    )
                    % {"count": len(faults)}
                )
                (messages.warning if faults else messages.success)(request, note)
                if not faults:
                    self._warn_of_trial(request, saved.message, form.cleaned_data["language"])
                    link = reverse("admin:messaging_message_change", args=[saved.message.pk])
                    return HttpResponseRedirect(f"{link}?language={form.cleaned_data['language']}")
                message = saved.message
        return self._render(request, message, form, faults, may_change)

    def _warn_of_trial(self, request: HttpRequest, message: Message, language: str) -> None:
        """A text may be without faults and yet fail for everybody: a loop without an end, a name that nobody has."""
        faults = trial_faults(message, language, now=timezone.now())
        if faults:
            text = _(
                "For a contact of whom only the address is known it cannot be rendered, and is not sent: %(fault)s"
            )
            messages.warning(request, text % {"fault": faults[0]})

    def _save(self, request: HttpRequest, form: MessageForm, message: Message | None) -> Any:
        content = dict(message.revision.content) if message and message.revision else {}
        content[form.cleaned_data["language"]] = form.texts()
        if form.cleaned_data["drop_language"] and len(content) > 1:
            content.pop(form.cleaned_data["language"])
        return save_message(
            message=form.filled(message or Message()), content=content,
            categories=list(form.cleaned_data["categories"]), author=request.user, now=datetime.now(UTC),
        )  # fmt: skip

    def _render(
        self,
        request: HttpRequest,
        message: Message | None,
        form: MessageForm,
        faults: list[Any],
        may_change: bool,
    ) -> HttpResponse:
        user: Any = request.user
        revisions = []
        if message:
            revisions = list(
                message.revisions.select_related("author")
                .defer("content", "compiled")
                .order_by("-number")[:REVISIONS_SHOWN]
            )
        texts = message.revision.content.get(form.chosen, {}) if message and message.revision else {}
        context = self.admin_site.each_context(request) | {
            "title": message.name if message else _("Create message"), "opts": self.opts, "message": message,
            "form": form, "faults": faults, "revisions": revisions, "language": form.chosen,
            "languages": list(message.revision.content) if message and message.revision else [],
            "may_change": may_change, "may_test": bool(message) and user.has_perm("messaging.send_test"),
            "may_imitate": user.has_perm("contacts.view_personal_data"),
            "texts": texts, "subject": wording(texts.get("subject", "")), "preheader": wording(texts.get("preheader", "")),
            "variables": explained(read_field_names()) if may_change else [],
        }  # fmt: skip
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return render(request, "messaging/message.html", context, status=400 if form.errors else 200)

    # Preview, test, revisions

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What the text in the form gives for a contact; nothing is stored. POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = MessageForm(request.POST, message=None, language="", user=request.user)
        if not form.is_valid():
            errors = [(form.fields[name].label, texts) for name, texts in form.errors.items()]
            return framed_note("messaging/preview_faults.html", {"errors": errors})
        message = form.filled(Message())
        language = form.cleaned_data["language"]
        message.default_language = language
        try:
            contact_id = self._contact_id(request)
        except Contact.DoesNotExist:
            return framed_note("messaging/preview_faults.html", {"unknown": request.POST.get("contact", "")})
        return self._framed(request, message, {language: form.texts()}, language, contact_id)

    def saved_preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The message as it is saved, for nobody in particular; what the page shows before anything is tried."""
        message = self._message(request, pk)
        if message.revision is None:
            raise Http404(pk)
        content = message.revision.content
        asked = request.GET.get("language", "")
        language = asked if asked in content else message.default_language
        return self._framed(request, message, content, language, None)

    def _framed(
        self,
        request: HttpRequest,
        message: Message,
        content: dict[str, Any],
        language: str,
        contact_id: int | None,
    ) -> HttpResponse:
        found = preview_message(
            message=message, content=content, language=language, contact_id=contact_id, now=timezone.now()
        )
        if found.rendered is None:
            return framed_note(
                "messaging/preview_faults.html", {"faults": found.faults, "aborted": found.aborted}
            )
        if request.POST.get("part") == "text":
            return framed_note("messaging/preview_text.html", {"rendered": found.rendered})
        return framed(found.rendered.html, inbox=inbox_line(message.sender, found.rendered))

    def _contact_id(self, request: HttpRequest) -> int | None:
        """The contact to imitate, by id or address; whoever may not see personal data imitates nobody.

        Raises:
            Contact.DoesNotExist: none fits.
        """
        user: Any = request.user
        text = request.POST.get("contact", "").strip().replace("\0", "")[:254]
        if not text or not user.has_perm("contacts.view_personal_data"):
            return None
        known = Contact.objects.filter(email_norm=text.lower())
        if text.isascii() and text.isdigit() and len(text) < 19:
            known = Contact.objects.filter(pk=int(text))
        found = known.order_by("-updated_at").values_list("pk", flat=True).first()
        if found is None:
            raise Contact.DoesNotExist
        return int(found)

    def test(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send the saved message to up to ten addresses. POST only."""
        message = self._message(request, pk)
        user: Any = request.user
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not user.has_perm("messaging.send_test"):
            raise PermissionDenied("messaging.send_test")
        words = request.POST.get("addresses", "").replace(",", " ").replace(";", " ").split()
        language = request.POST.get("language", "") or message.default_language
        try:
            addresses = [normalise_email(word)[1] for word in words]
            with transaction.atomic():
                outcomes = send_test(
                    message=message, addresses=addresses, language=language, contact_id=self._contact_id(request),
                    now=datetime.now(UTC),
                )  # fmt: skip
        except (TestRefused, ValueError) as error:
            messages.error(request, _("Not sent: %(reason)s") % {"reason": error})
        except Contact.DoesNotExist:
            messages.error(request, _("Not sent: no contact has this id or address."))
        else:
            sent = sum(outcome.state == "planned" for outcome in outcomes)
            text = ngettext("%(count)s test is on its way.", "%(count)s tests are on their way.", sent)
            messages.success(request, text % {"count": sent})
            for outcome in outcomes:
                if outcome.state == "skipped":
                    messages.warning(
                        request, _("One address is skipped: %(reason)s") % {"reason": why_not(outcome.reason)}
                    )
        link = reverse("admin:messaging_message_change", args=[pk])
        return HttpResponseRedirect(f"{link}?language={language}")

    def contact_test(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        return test_page(self.admin_site.get_model_admin(Contact), request, contact_id)

    @method_decorator(require_POST)
    def restore(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Make an old revision the newest one."""
        message = self._to_change(request, pk)
        revision = (
            MessageRevision.objects.select_related("message").filter(message=message, number=number).first()
        )
        if revision is None:
            raise Http404
        restore_revision(revision=revision, author=request.user, now=datetime.now(UTC))
        messages.success(request, _("Revision %(number)s is the newest again.") % {"number": number})
        return HttpResponseRedirect(reverse("admin:messaging_message_change", args=[pk]))

    @method_decorator(require_POST)
    def archive(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = self._to_change(request, pk)
        archive_message(message=message, now=datetime.now(UTC))
        messages.success(request, _("Message archived."))
        return HttpResponseRedirect(reverse("admin:messaging_message_changelist"))

    @method_decorator(require_POST)
    def unarchive(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = self._to_change(request, pk)
        unarchive_message(message=message, now=datetime.now(UTC))
        messages.success(request, _("The message is out of the archive."))
        return HttpResponseRedirect(reverse("admin:messaging_message_change", args=[pk]))

    def _to_change(self, request: HttpRequest, pk: int) -> Message:
        message = self._message(request, pk)
        if not self.has_change_permission(request, message):
            raise PermissionDenied("messaging.change_message")
        return message

    def _message(self, request: HttpRequest, pk: int) -> Message:
        message = Message.objects.filter(pk=pk).select_related("revision", "sender").first()
        if message is None or not self.has_view_permission(request, message):
            raise Http404 if self.has_view_permission(request) else PermissionDenied
        return message
