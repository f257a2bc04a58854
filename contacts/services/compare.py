"""Two contacts side by side, and what a merge of them would leave: nothing is written."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from contacts import field_types
from contacts.models import ContactField, ContactList, SubscriptionCategory
from contacts.services import merge_store
from contacts.services.merge_rules import Side, fold, strength


@dataclass(frozen=True, slots=True)
class Line:
    """One value: of the contact kept, of the one merged, and what stays. `kind` says how it is masked."""

    label: str
    kept: str
    merged: str
    stays: str
    kind: str = "text"
    is_personal: bool = True

    @property
    def differs(self) -> bool:
        return bool(self.kept and self.merged and self.kept != self.merged)


@dataclass(slots=True)
class Comparison:
    """`best` is the one that would be kept when nobody says."""

    kept_id: int
    merged_id: int
    best: int
    lines: list[Line]
    has_two_external_ids: bool


def compare_contacts(kept_id: int, merged_id: int, *, zone: Any, now: datetime) -> Comparison | None:
    """The comparison, in seven queries; None when one of them cannot be merged."""
    with connection.cursor() as cursor:
        sides = merge_store.read_sides(cursor, [kept_id, merged_id])
    both = [sides.get(kept_id), sides.get(merged_id)]
    kept, merged = both
    if kept is None or merged is None or kept.id == merged.id:
        return None
    if kept.row["state"] != "active" or merged.row["state"] not in ("active", "deleted"):
        return None
    fields = {str(row.pk): row for row in ContactField.objects.select_related("group")}
    result, loser = deepcopy(kept), deepcopy(merged)
    categories = dict(SubscriptionCategory.objects.values_list("pk", "list_id"))
    fold(result, loser, fields=fields, category_lists=categories, now=now)
    best = min((kept, merged), key=lambda side: strength(side.row, side.id)).id
    lines = [*_columns(kept, merged, result), *_data(kept, merged, result, fields, zone)]
    lines += _counts(kept, merged, result)
    two = kept.row["external_id"] is not None and merged.row["external_id"] is not None
    return Comparison(kept.id, merged.id, best, [line for line in lines if line.kept or line.merged], two)


def _columns(*sides: Side) -> list[Line]:
    names = (
        ("external_id", _("External ID"), "text"), ("email", _("E-mail"), "email"), ("phone", _("Phone"), "phone"),
        ("contact_key", _("Contact key"), "text"), ("first_name", _("First name"), "text"),
        ("last_name", _("Last name"), "text"), ("address", _("Address"), "text"), ("town", _("Town"), "text"),
        ("region", _("Region"), "text"), ("postcode", _("Postcode"), "text"), ("language", _("Language"), "text"),
        ("time_zone", _("Time zone"), "text"),
    )  # fmt: skip
    kept, merged, result = ([str(side.row[name] or "") for name, _label, _kind in names] for side in sides)
    found = zip(names, kept, merged, result, strict=True)
    return [Line(label, mine, theirs, stays, kind) for (_name, label, kind), mine, theirs, stays in found]


def _data(kept: Side, merged: Side, result: Side, fields: dict[str, ContactField], zone: Any) -> list[Line]:
    found = []
    for key, field in fields.items():
        texts = [
            ""
            if (value := side.row["data"].get(key)) is None
            else field_types.write_value(field, value, zone)
            for side in (kept, merged, result)
        ]
        found.append(Line(f"{field.group.name}: {field.name}", texts[0], texts[1], texts[2]))
    return found


def _counts(*sides: Side) -> list[Line]:
    numbers = {number for side in sides for number in side.lists}
    names = dict(ContactList.objects.filter(pk__in=numbers).values_list("pk", "name"))
    lists = [", ".join(sorted(names.get(number, "?") for number in side.lists)) for side in sides]
    keys = [len([key for key in side.keys if key[0] != "ext"]) for side in sides]
    keys[2] = keys[0] + keys[1]
    counts = [str(count or "") for count in keys]
    return [
        Line(_("Lists"), lists[0], lists[1], lists[2], is_personal=False),
        Line(_("Tokens and cookies"), counts[0], counts[1], counts[2], is_personal=False),
    ]
