"""Columns of the contact list: the usual ones, and those a colleague may choose besides, additional fields too."""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from cdp.ui.formatting import mask_email, mask_phone, mask_text, moment
from contacts.admin import columns
from contacts.field_types import write_value
from contacts.models import ContactField

USUAL = ("channels", "lists", "updated")
LONGEST = 60


class Column:
    """A column as the theme calls it: a callable with a name and a heading."""

    def __init__(self, name: str, heading: Any, cell: Callable[[Any], Any]) -> None:
        self.name = name
        self.__name__ = name.replace(".", "_")
        self.short_description = heading
        self.cell = cell

    def __call__(self, row: Any) -> Any:
        return self.cell(row)


def _text(name: str, *, mask: Callable[[str], str] | None = mask_text) -> Callable[[Any], str]:
    def cell(row: Any) -> str:
        value = getattr(row, name)
        if not value:
            return "—"
        text = str(value)
        return _short(text if row.may_see or mask is None else mask(text))

    return cell


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


CONTACT = Column("contact", _("Contact"), lambda row: columns.name_cell(row, row.extras))
# fmt: off
CHOICES: dict[str, Column] = {
    column.name: column
    for column in (
        Column("channels", _("Channels"), lambda row: columns.channels_cell(row.extras)),
        Column("lists", _("Lists"), lambda row: columns.lists_cell(row.extras)),
        Column("email", _("E-mail"), _text("email", mask=mask_email)),
        Column("phone", _("Phone"), _text("phone", mask=mask_phone)),
        Column("external_id", _("External ID"), _text("external_id")),
        Column("contact_key", _("Contact key"), _text("contact_key")),
        Column("language", _("Language"), _text("language", mask=None)),
        Column("time_zone", _("Time zone"), _text("time_zone", mask=None)),
        Column("town", _("Town"), _text("town")),
        Column("region", _("Region"), _text("region")),
        Column("source", pgettext_lazy("of a contact", "Source"), lambda row: row.get_source_display()),
        Column("created", _("Created"), lambda row: moment(row.created_at)),
        Column("updated", _("Changed"), lambda row: moment(row.updated_at)),
    )
}
# fmt: on


def field_columns(fields: Sequence[ContactField]) -> dict[str, Column]:
    """A column for each additional field, by the name it is kept under."""
    return {
        f"field.{field.pk}": Column(f"field.{field.pk}", str(field), _of_field(field)) for field in fields
    }


def _of_field(field: ContactField) -> Callable[[Any], str]:
    def cell(row: Any) -> str:
        value = row.data.get(str(field.pk))
        if value is None or value in ("", []):
            return "—"
        text = write_value(field, value, UTC)
        return _short(text if row.may_see else mask_text(text))

    return cell


def chosen_columns(names: Sequence[str]) -> list[Column]:
    """The columns of these names, the contact first; a field that is gone is passed over. At most one query."""
    wanted = names or USUAL
    numbers = [int(name.removeprefix("field.")) for name in wanted if name.startswith("field.")]
    known = CHOICES | (field_columns(list(ContactField.objects.filter(pk__in=numbers))) if numbers else {})
    return [CONTACT, *(known[name] for name in wanted if name in known)]
