"""Additional fields: made, changed, deleted. What touches the values of all contacts is a job."""

from datetime import datetime

from django.db import transaction

from contacts.field_uses import Use, uses_of
from contacts.models import AuditAction, ContactField, FieldType, IndexState, MergeStrategy
from contacts.services import audit
from contacts.services.field_index import drop_index
from contacts.services.jobs import convert_field, forget_field, index_field

# A value of the first is a value of the second as well (contacts spec 5.3).
WIDER: dict[str, str] = {
    FieldType.TEXT: FieldType.TEXTAREA,
    FieldType.INTEGER: FieldType.DECIMAL,
    FieldType.DATE: FieldType.DATETIME,
    FieldType.SELECT: FieldType.MULTISELECT,
}
NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
ORDERED = NUMBERS | {FieldType.DATE, FieldType.DATETIME}
DATES = frozenset({FieldType.DATE, FieldType.DATETIME})
OPTIONS = frozenset({FieldType.SELECT, FieldType.MULTISELECT})


class FieldInUse(ValueError):
    """A field cannot go: `uses` says who needs it."""

    def __init__(self, uses: list[Use]) -> None:
        super().__init__(", ".join(f"{use.kind} {use.name}" for use in uses))
        self.uses = uses


def allowed_types(kind: str) -> list[str]:
    """The types a field of this type may have from now on."""
    found = [kind]
    while found[-1] in WIDER:
        found.append(WIDER[found[-1]])
    return found


def strategies_of(kind: str) -> list[str]:
    """The merge strategies that make sense for a type."""
    found = [MergeStrategy.NEWEST, MergeStrategy.OLDEST]
    if kind in ORDERED:
        found += [MergeStrategy.MOST, MergeStrategy.LEAST]
    if kind in NUMBERS:
        found.append(MergeStrategy.SUM)
    if kind == FieldType.MULTISELECT:
        found.append(MergeStrategy.UNION)
    return [str(one) for one in found]


def check_field(field: ContactField, before: ContactField | None) -> dict[str, str]:
    """Faults of a field as it is to be saved, by column: codes that the form puts into words."""
    faults: dict[str, str] = {}
    if before is not None and field.type not in allowed_types(before.type):
        faults["type"] = "type_change"
    if field.type in OPTIONS and not field.options:
        faults["options"] = "no_options"
    if len({option.casefold() for option in field.options}) < len(field.options):
        faults["options"] = "same_options"
    if any("," in option for option in field.options):
        faults["options"] = "comma"
    if field.least is not None and field.most is not None and field.least > field.most:
        faults["most"] = "below_least"
    if field.type not in NUMBERS and (field.least is not None or field.most is not None):
        faults["least"] = "not_a_number"
    if field.is_regular and field.type not in DATES:
        faults["is_regular"] = "not_a_date"
    if field.merge_strategy not in strategies_of(field.type):
        faults["merge_strategy"] = "strategy"
    return faults


def save_field(field: ContactField, *, actor: str, now: datetime) -> None:
    """Save a checked field. A former key stays an alias; a wider type converts the values in the background."""
    with transaction.atomic():
        before = ContactField.objects.select_for_update().filter(pk=field.pk).first() if field.pk else None
        if before is not None and before.key != field.key:
            kept = [key for key in field.former_keys if key not in (before.key, field.key)]
            field.former_keys = [*kept, before.key]
        is_wider = before is not None and before.type != field.type
        was_indexed = is_wider and field.index_state == IndexState.READY
        if was_indexed:
            field.index_state = IndexState.BUILDING
        field.save()
        details = {"field": field.pk, "key": field.key, "type": field.type}
        audit.keep([(0, details)], action=AuditAction.FIELD, actor=actor, now=now)
        if is_wider:
            convert_field(field.pk, actor=actor, now=now)
        if was_indexed:
            index_field(field.pk, actor=actor, now=now)


def start_index(field_id: int, *, actor: str, now: datetime) -> None:
    """Ask for the index of a field."""
    with transaction.atomic():
        ContactField.objects.filter(pk=field_id).update(index_state=IndexState.BUILDING)
        index_field(field_id, actor=actor, now=now)


def remove_index(field_id: int) -> None:
    with transaction.atomic():
        drop_index(field_id)
        ContactField.objects.filter(pk=field_id).update(index_state=IndexState.NONE)


def delete_field(field_id: int, *, actor: str, now: datetime) -> None:
    """Delete a field nobody uses; its values are wiped from the contacts in the background.

    Raises:
        FieldInUse: something needs it; nothing was deleted.
    """
    with transaction.atomic():
        field = ContactField.objects.select_for_update().get(pk=field_id)
        uses = uses_of([field_id]).get(field_id, [])
        if uses:
            raise FieldInUse(uses)
        if field.index_state != IndexState.NONE:
            drop_index(field_id)
        details = {"field": field_id, "key": field.key, "deleted": True}
        field.delete()
        audit.keep([(0, details)], action=AuditAction.FIELD, actor=actor, now=now)
        forget_field(field_id, actor=actor, now=now)
