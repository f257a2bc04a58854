"""The panels above the contact list: what each shows, and the parameters they hand on."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cdp.ui.seeded import seeded
from contacts import groups
from contacts.admin import list_columns
from contacts.filters import COLUMNS, KINDS, TOKENS
from contacts.models import AddressStatus, ContactField, ContactList, Source
from contacts.services.views import MOST_COLUMNS, views_of

PANELS = {"filters": _("Filters"), "columns": _("Columns"), "views": _("Saved views")}
HANDED_ON = (*KINDS, "view", "q", "sort")
MOST_CHOICES = 200


def clean_params(params: Mapping[str, Any]) -> dict[str, str]:
    """What belongs to the filter, without empty values: neither the place in the list nor the saved view's number."""
    return {name: str(params[name]) for name in HANDED_ON if str(params.get(name) or "").strip()}


def read_panel(panel: str, request: HttpRequest, choice: Any) -> dict[str, Any]:
    params = clean_params(request.GET.dict())
    common = {"panel": panel, "query": urlencode(params), "params": params}
    if panel == "columns":
        return common | _columns(choice)
    return common | (_views(request, choice) if panel == "views" else _filters(params))


def _columns(choice: Any) -> dict[str, Any]:
    known = list_columns.CHOICES | list_columns.field_columns(
        list(ContactField.objects.select_related("group"))
    )
    chosen = choice.columns or list_columns.USUAL
    return {
        "most": MOST_COLUMNS,
        "columns": [(name, column.short_description, name in chosen) for name, column in known.items()],
    }


def _views(request: HttpRequest, choice: Any) -> dict[str, Any]:
    number = request.GET.get("saved", "")
    views = views_of(request.user)
    current = next((view for view in views if str(view.pk) == number), None)
    return {
        "current": current,
        "is_mine": bool(current and current.owner_id == request.user.pk),
        "opens": bool(current and choice.opens_with_id == current.pk),
    }


def _filters(params: dict[str, str]) -> dict[str, Any]:
    """The form's inputs: (name, label, kind, choices with what is chosen)."""
    statuses = [("any", _("has one")), ("none", _("has none")), *AddressStatus.choices]
    lists = [
        (str(pk), name)
        for pk, name in ContactList.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES]
    ]
    segments = [(str(pk), name) for pk, name in groups.choices(most=MOST_CHOICES)]
    pushes = [("any", _("has any")), ("none", _("has none")), *TOKENS.items()]
    fields = [
        (f"field.{pk}", seeded(name))
        for pk, name in ContactField.objects.values_list("pk", "name")[:MOST_CHOICES]
    ]
    values = [*((name, label) for name, label in COLUMNS.items()), *fields]
    inputs = [
        ("email", _("E-mail"), statuses), ("phone", _("Phone"), statuses), ("push", _("Push and messengers"), pushes),
        ("source", _("Source"), Source.choices), ("list", _("On the list"), lists), ("nolist", _("Not on the list"), lists),
        ("segment", _("In the segment"), segments), ("nosegment", _("Not in the segment"), segments),
        ("filled", _("Has a value"), values), ("empty", _("Has no value"), values),
    ]  # fmt: skip
    days = [
        ("created_from", _("Created since")), ("created_to", _("Created until")),
        ("updated_from", _("Changed since")), ("updated_to", _("Changed until")),
    ]  # fmt: skip
    texts = [("language", _("Language"), "uk, en"), ("zone", _("Time zone"), "Europe/Kyiv")]
    names = {name for name, *_rest in (*inputs, *days, *texts)}
    return {
        "choices": [_choice(name, label, options, params.get(name, "")) for name, label, options in inputs],
        "days": [(name, label, params.get(name, "")) for name, label in days],
        "texts": [(name, label, hint, params.get(name, "")) for name, label, hint in texts],
        "others": [(name, value) for name, value in params.items() if name not in names],
    }


def _choice(name: str, label: Any, options: Any, chosen: str) -> dict[str, Any]:
    """A drop-down; several values chosen by hand in the address are one choice of their own."""
    options = list(options)
    if chosen and chosen not in {value for value, _label in options}:
        options.append((chosen, chosen))
    return {"name": name, "label": label, "options": options, "chosen": chosen}
