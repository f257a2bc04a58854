"""The contact list, the card with its tabs, and what a colleague does to a contact."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cdp.api.moments import zone_of
from cdp.models import Account
from contacts.admin import actions, blocks, columns, identity
from contacts.admin.activity import read_activity
from contacts.admin.forms import ContactForm, NewContactForm
from contacts.admin.listing import SEE_PERSONAL, ContactListAdmin
from contacts.card import read_card, sections
from contacts.models import Contact, ContactState, MergeRecord
from contacts.services.manual import ManualRefused, create_contact, edit_contact
from contacts.services.person_export import export_person
from contacts.tabs import actions_for, tabs_for

EXPORT = ("contacts.export_contact", SEE_PERSONAL)


@admin.register(Contact)
class ContactAdmin(ContactListAdmin):
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by Django's own page, which would drop the row: `actions` call the services."""
        return False

    def get_urls(self) -> list[Any]:
        own = [
            *self.list_urls(),
            path(
                "<int:contact_id>/activity/", self._guarded(self.activity), name="contacts_contact_activity"
            ),
            path(
                "<int:contact_id>/identity/", self._guarded(self.identity), name="contacts_contact_identity"
            ),
            path("<int:contact_id>/merge/", self._guarded(self.merge), name="contacts_contact_merge"),
            path(
                "<int:contact_id>/undo/<int:record_id>/",
                self._guarded(self.undo),
                name="contacts_contact_undo",
            ),
            path("<int:contact_id>/export/", self._guarded(self.export), name="contacts_contact_export"),
            path("<int:contact_id>/edit/", self._guarded(self.edit), name="contacts_contact_edit"),
            path(
                "<int:contact_id>/block/<slug:block>/",
                self._guarded(self.block),
                name="contacts_contact_block",
            ),
            path("<int:contact_id>/do/<slug:action>/", self._guarded(self.act), name="contacts_contact_act"),
        ]
        return [*own, *super().get_urls()]

    # The card

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The first tab of the card."""
        if request.method != "GET":
            raise PermissionDenied
        contact = self.contact_of(request, object_id)
        if contact.state in (ContactState.MERGED, ContactState.ERASED):
            return self._gone(request, contact)
        card = read_card(contact, now=timezone.now())
        user: Any = request.user
        boxes = [(box, box.read(contact)) for box in sections.values() if user.has_perm(box.permission)]
        context = {"card": card, "tab": "information", "boxes": boxes}
        return self._render(request, contact, "contacts/information.html", context)

    def activity(self, request: HttpRequest, contact_id: int) -> Any:
        """The second tab: what happened, newest first, paged by key."""
        contact = self.contact_of(request, contact_id)
        if contact.state in (ContactState.MERGED, ContactState.ERASED):
            return self._gone(request, contact)
        context = read_activity(contact, request.GET.dict(), now=timezone.now())
        status = 400 if context["asked"].faults else 200
        return self._render(request, contact, "contacts/activity.html", context, status=status)

    def identity(self, request: HttpRequest, contact_id: int) -> Any:
        """The tab of identifiers over time, merges, and who did what."""
        contact = self.contact_of(request, contact_id)
        if contact.state in (ContactState.MERGED, ContactState.ERASED):
            return self._gone(request, contact)
        may_merge = request.user.has_perm(identity.MERGE)
        context = identity.read_identity(contact, may_merge=may_merge, now=timezone.now())
        return self._render(request, contact, "contacts/identity.html", context | {"tab": "identity"})

    def merge(self, request: HttpRequest, contact_id: int) -> Any:
        contact = self.contact_of(request, contact_id)
        if not request.user.has_perm(identity.MERGE):
            raise PermissionDenied
        if contact.state in (ContactState.MERGED, ContactState.ERASED):
            return self._gone(request, contact)
        frame = self.admin_site.each_context(request) | {"opts": self.opts}
        return identity.merge_view(request, contact, frame=frame, may_see=request.user.has_perm(SEE_PERSONAL))

    def undo(self, request: HttpRequest, contact_id: int, record_id: int) -> Any:
        contact = self.contact_of(request, contact_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(identity.MERGE):
            raise PermissionDenied
        if not MergeRecord.objects.filter(pk=record_id, winner_id=contact.pk).exists():
            raise Http404(f"no merge {record_id} of contact {contact.pk}")
        return identity.undo_view(request, contact, record_id)

    def export(self, request: HttpRequest, contact_id: int) -> Any:
        """Everything held about the person, as a file. POST only: it is kept in the audit."""
        contact = self.contact_of(request, contact_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perms(EXPORT):
            raise PermissionDenied
        if contact.state in (ContactState.MERGED, ContactState.ERASED):
            return self._gone(request, contact)
        file = export_person(contact.pk, actor=self._actor(request), now=datetime.now(UTC))
        return FileResponse(file, as_attachment=True, filename=f"contact-{contact.pk}.json")

    def contact_of(self, request: HttpRequest, object_id: Any) -> Contact:
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = str(object_id)
        known = text.isascii() and text.isdigit() and len(text) < 19
        contact = Contact.objects.filter(pk=int(text)).first() if known else None
        if contact is None:
            raise Http404(f"no contact {text[:20]}")
        return contact

    def _gone(self, request: HttpRequest, contact: Contact) -> HttpResponse:
        if contact.state == ContactState.MERGED and contact.merged_into:
            messages.info(request, _("Contact %(id)s was merged into this one.") % {"id": contact.pk})
            return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[contact.merged_into]))
        context = self.admin_site.each_context(request) | {
            "title": _("Erased"),
            "opts": self.opts,
            "contact": contact,
        }
        return render(request, "contacts/gone.html", context, status=410)

    def _render(
        self,
        request: HttpRequest,
        contact: Contact,
        template: str,
        context: dict[str, Any],
        *,
        status: int = 200,
    ) -> HttpResponse:
        user: Any = request.user
        may_see = user.has_perm(SEE_PERSONAL)
        name = columns.name_of(contact, may_see=may_see)
        frame = self.admin_site.each_context(request) | {
            "title": name, "opts": self.opts, "contact": contact, "name": name, "may_see": may_see,
            "initials": columns.initials_of(contact),
            "more_tabs": tabs_for(user, contact.pk),
            "may_change": self.has_change_permission(request), "may_delete": user.has_perm("contacts.delete_contact"),
            "may_merge": user.has_perm(identity.MERGE), "may_export": user.has_perms(EXPORT),
            "may_blacklist": user.has_perm(actions.BLACKLIST), "more_actions": actions_for(user, contact.pk),
            "may_erase": user.has_perm("contacts.delete_contact") and may_see,
        }  # fmt: skip
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return render(request, template, frame | context, status=status)

    def render_tab(
        self,
        request: HttpRequest,
        contact_id: int,
        tab: str,
        template: str,
        read: Callable[[Contact], dict[str, Any]],
        *,
        status: int = 200,
    ) -> HttpResponse:
        """A tab or an action's page that another app adds (`contacts.tabs`); `read` gives what its template needs."""
        contact = self.contact_of(request, contact_id)
        if contact.state in (ContactState.MERGED, ContactState.ERASED):
            return self._gone(request, contact)
        return self._render(request, contact, template, {"tab": tab} | read(contact), status=status)

    # Making and editing

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewContactForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                lists = [int(number) for number in form.cleaned_data["lists"]]
                made = create_contact(
                    form.values(), list_ids=lists, actor=self._actor(request), now=datetime.now(UTC)
                )
            except ManualRefused as refusal:
                self._tell(form, refusal)
            else:
                messages.success(request, _("Contact created."))
                return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[made]))
        return self._render_form(request, form, _("Create contact"), None)

    def edit(self, request: HttpRequest, contact_id: int) -> Any:
        contact = self.contact_of(request, contact_id)
        if not (self.has_change_permission(request) and request.user.has_perm(SEE_PERSONAL)):
            raise PermissionDenied
        if contact.state != ContactState.ACTIVE:
            return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[contact.pk]))
        zone = zone_of(Account.objects.get(pk=1).time_zone)
        form = ContactForm(request.POST if request.method == "POST" else None, contact=contact, zone=zone)
        if request.method == "POST" and form.is_valid():
            try:
                edit_contact(contact.pk, form.values(), actor=self._actor(request), now=datetime.now(UTC))
            except ManualRefused as refusal:
                self._tell(form, refusal)
            else:
                messages.success(request, _("Contact saved."))
                return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[contact.pk]))
        return self._render_form(request, form, _("Edit %(name)s") % {"name": str(contact)}, contact)

    def block(self, request: HttpRequest, contact_id: int, block: str) -> Any:
        """One block of the card, edited in place."""
        contact = self.contact_of(request, contact_id)
        if not (self.has_change_permission(request) and request.user.has_perm(SEE_PERSONAL)):
            raise PermissionDenied
        page = reverse("admin:contacts_contact_change", args=[contact.pk])
        if contact.state != ContactState.ACTIVE:
            return HttpResponseRedirect(page)
        zone = zone_of(Account.objects.get(pk=1).time_zone)
        form = blocks.BlockForm(
            block, request.POST if request.method == "POST" else None, contact=contact, zone=zone
        )
        if request.method == "POST" and form.is_valid() and not form.tell_conflicts():
            try:
                edit_contact(contact.pk, form.values(), actor=self._actor(request), now=datetime.now(UTC))
            except ManualRefused as refusal:
                self._tell(form, refusal)
            else:
                messages.success(request, _("Contact saved."))
                return blocks.saved(request, page)
        frame = self.admin_site.each_context(request) | {"opts": self.opts}
        return blocks.render_block(request, form, contact, frame=frame)

    def _render_form(
        self, request: HttpRequest, form: ContactForm, title: str, contact: Contact | None
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": title, "opts": self.opts, "form": form, "contact": contact, "is_new": contact is None,
        }  # fmt: skip
        return render(request, "contacts/form.html", context, status=400 if form.errors else 200)

    def _tell(self, form: ContactForm, refusal: ManualRefused) -> None:
        for name, text in refusal.errors.items():
            form.add_error(name if name in form.fields else None, text)

    def _actor(self, request: HttpRequest) -> str:
        return request.user.get_username()

    def act(self, request: HttpRequest, contact_id: int, action: str) -> Any:
        """One of `actions`, by POST only."""
        contact = self.contact_of(request, contact_id)
        name = columns.name_of(contact, may_see=request.user.has_perm(SEE_PERSONAL))
        context = self.admin_site.each_context(request) | {"opts": self.opts, "name": name}
        return actions.run(request, contact, action, context=context)
