"""Blocks of the card edited in place: a part of the contact's form, and what somebody else changed meanwhile."""

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.admin.forms import ContactForm
from contacts.models import Contact, FieldGroup
from contacts.services.manual import Values

GROUP = "group-"
BLOCKS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "identifiers": (gettext_lazy("Identifiers"), ("email", "phone", "external_id", "contact_key")),
    "personal": (
        gettext_lazy("Personal data"), ("first_name", "last_name", "address", "town", "region", "postcode"),
    ),
    "regional": (gettext_lazy("Regional settings"), ("language", "time_zone")),
}  # fmt: skip


class BlockForm(ContactForm):
    """The fields of one block. `seen`: the values the colleague began with, as JSON.

    Raises:
        Http404: no such block.
    """

    def __init__(self, block: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title, names = _block(block, self)
        self.fields = {name: self.fields[name] for name in self.fields if name in names}
        self.current = {name: self.initial.get(name, "") for name in self.fields}
        self.seen = {**self.current, **_read_seen(self.data.get("seen", ""))}

    def seen_text(self) -> str:
        """What a form drawn now begins with."""
        return json.dumps(self.current)

    def values(self) -> Values:
        """What the colleague changed: a field left as it was seen stays as somebody else has set it."""
        found = super().values()
        touched = {name for name in self.changed_data if not self._is_same(name, self.seen[name])}
        texts = {name: text for name, text in found.texts.items() if name in touched}
        return Values(texts, {pk: value for pk, value in found.data.items() if f"field_{pk}" in touched})

    def tell_conflicts(self) -> bool:
        """Say what was changed meanwhile where the colleague changed it too; tells whether there is anything."""
        names = [
            name for name in self.changed_data
            if self.current[name] != self.seen[name] and not self._is_same(name, self.seen[name])
        ]  # fmt: skip
        for name in names:
            shown = self.current[name] or _("nothing")
            text = ", ".join(shown) if isinstance(shown, list) else str(shown)
            self.add_error(
                name, _("Changed meanwhile to: %(value)s. Save again to overwrite it.") % {"value": text}
            )
        return bool(names)

    def _is_same(self, name: str, value: Any) -> bool:
        return not self.fields[name].has_changed(value, self.cleaned_data.get(name))


def _block(block: str, form: ContactForm) -> tuple[str, set[str]]:
    if block in BLOCKS:
        title, names = BLOCKS[block]
        return str(title), set(names)
    number = block.removeprefix(GROUP)
    group = (
        FieldGroup.objects.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 10 else None
    )
    if group is None:
        raise Http404(block)
    return str(group), {f"field_{field.pk}" for field in form.additional if field.group_id == group.pk}


def _read_seen(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def render_block(
    request: HttpRequest, form: BlockForm, contact: Contact, *, frame: dict[str, Any]
) -> HttpResponse:
    """The block as a form: a part of the card, or a page of its own without scripts."""
    context = {"form": form, "contact": contact, "title": form.title}
    if request.headers.get("HX-Request"):
        return render(request, "contacts/block_form.html", context)  # 200, since errors are to be shown too
    status = 400 if form.errors else 200
    return render(request, "contacts/block.html", frame | context, status=status)


def saved(request: HttpRequest, page: str) -> HttpResponse:
    """Back to the card, which shows the message."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return HttpResponseRedirect(page)
