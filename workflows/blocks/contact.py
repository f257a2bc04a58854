"""Blocks that change the contact: fields, and lists."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts import field_types
from contacts.models import Contact, ContactField, ContactList, FieldType, ListMember, Source
from contacts.normalise import InvalidValue, normalise_language, normalise_name, normalise_time_zone
from contacts.services.lists import add_to_list, remove_from_list
from contacts.services.upsert import ContactInput, Policy, upsert_contacts
from contacts.wire import Catalogue
from workflows.blocks.base import Batch, Block, Fails, Left, Outcome, Visit, hint, register
from workflows.blocks.conditions import check_reference, resolve
from workflows.definition.conditions import number
from workflows.definition.problems import Problem
from workflows.definition.structure import Part, Reference
from workflows.definition.values import as_text, render, template_fault

COLUMNS = ("first_name", "last_name", "language", "time_zone", "address", "town", "region", "postcode")
LONGEST_PLAIN = 300
NUMBERS = (FieldType.INTEGER, FieldType.DECIMAL)
OPERATORS = Literal["set", "clear", "add", "subtract", "add_item", "remove_item"]


class Change(Part, frozen=True, kw_only=True):
    """One row: a column by name or an additional field; `add` and `subtract` are for numbers, `…_item` for checkboxes."""

    field: Annotated[Reference | str, hint(_("Field"), editor="field")]
    operator: Annotated[OPERATORS, hint(_("Operator"))] = "set"
    value: Annotated[Any, hint(_("Value"), editor="template")] = None


class UpdateParams(Part, frozen=True, kw_only=True):
    changes: Annotated[tuple[Change, ...], hint(_("Updated fields"))]


@register
class UpdateBlock(Block[UpdateParams]):
    type = "contact.update"
    group = "contact"
    label = _("Update contact fields")
    icon = "edit"
    params = UpdateParams
    may_fail = True

    def check(self, params: UpdateParams, path: str) -> Iterable[Problem]:
        if not params.changes:
            yield Problem("E05", gettext("needs at least one field"), f"{path}.changes")
        for place, change in enumerate(params.changes):
            at = f"{path}.changes[{place}]"
            if isinstance(change.field, str):
                if change.field not in COLUMNS:
                    text = gettext("'%(name)s' is none of %(known)s")
                    known = ", ".join(COLUMNS)
                    yield Problem("E06", text % {"name": change.field, "known": known}, f"{at}.field")
                if change.operator not in ("set", "clear"):
                    text = gettext("'%(operator)s' does not fit a text") % {"operator": change.operator}
                    yield Problem("E12", text, f"{at}.operator")
            elif change.field.ref != "field" or not isinstance(change.field.id, int):
                yield Problem("E06", gettext("must be a field"), f"{at}.field")
            if change.operator != "clear" and change.value is None:
                yield Problem("E05", gettext("needs a value"), f"{at}.value")
            if isinstance(change.value, str) and (fault := template_fault(change.value)):
                yield Problem("E13", fault, f"{at}.value")

    def references(self, params: UpdateParams) -> Iterable[tuple[str, Reference]]:
        for place, change in enumerate(params.changes):
            if isinstance(change.field, Reference):
                yield f"changes[{place}].field", change.field

    def execute(self, params: UpdateParams, batch: Batch) -> list[Outcome]:
        """Reads the contacts under lock, so that two launches that add to one number both count."""
        catalogue = Catalogue.load()
        ids = sorted({visit.person_id for visit in batch.visits})
        locked = {
            row.pk: row for row in Contact.objects.filter(pk__in=ids).order_by("pk").select_for_update()
        }
        notes = [
            self._one(params, visit, batch, locked.get(visit.person_id), catalogue) for visit in batch.visits
        ]
        inputs = [
            ContactInput(
                contact_id=pk, restore_deleted=False,
                fields={name: getattr(row, name) for name in COLUMNS}, data=_data(row, catalogue),
            )
            for pk, row in locked.items()
        ]  # fmt: skip
        outcomes = upsert_contacts(
            inputs,
            policy=Policy.MANUAL,
            source=Source.CAMPAIGN,
            actor=f"workflow {batch.workflow_id}",
            now=batch.now,
        )
        failed = {pk for pk, outcome in zip(locked, outcomes, strict=True) if outcome.result == "failed"}
        return [
            Fails("skipped:contact_not_found") if note is None or visit.person_id in failed else _told(note)
            for visit, note in zip(batch.visits, notes, strict=True)
        ]

    def _one(
        self, params: UpdateParams, visit: Visit, batch: Batch, row: Contact | None, catalogue: Catalogue
    ) -> list[dict[str, Any]] | None:
        """Apply the rows to the contact in memory; what changed, or why not."""
        if row is None:
            return None
        notes = []
        variables = batch.variables(visit)
        for change in params.changes:
            value = render(change.value, variables).value
            name = change.field if isinstance(change.field, str) else str(change.field.id)
            note: dict[str, Any] = {"field": name, "operator": change.operator}
            try:
                if isinstance(change.field, str):
                    note["old"] = getattr(row, name)
                    note["new"] = _column(name, change.operator, value)
                    setattr(row, name, note["new"])
                else:
                    note["old"] = row.data.get(name)
                    note["new"] = _field(catalogue, int(change.field.id), change.operator, note["old"], value)
                    row.data[name] = note["new"]
            except InvalidValue as error:
                note["error"] = f"invalid_value: {error.message}"
            notes.append(note)
        return notes


def _told(notes: Sequence[dict[str, Any]]) -> Outcome:
    failed = [note for note in notes if "error" in note]
    return Left("next", "failed:invalid_value" if failed else "ok", {"changes": list(notes)})


def _data(row: Contact, catalogue: Catalogue) -> dict[str, Any]:
    return {name: value for name, value in row.data.items() if int(name) in catalogue.fields}


def _column(name: str, operator: str, value: Any) -> str | None:
    text = "" if operator == "clear" else as_text(value).strip()
    if not text:
        return None
    if name in ("first_name", "last_name"):
        return normalise_name(text, last=name == "last_name")
    if name == "language":
        return normalise_language(text)
    if name == "time_zone":
        return normalise_time_zone(text)
    if len(text) > LONGEST_PLAIN or "\0" in text:
        raise InvalidValue("too_long", f"must be at most {LONGEST_PLAIN} characters")
    return text


def _field(catalogue: Catalogue, number_: int, operator: str, old: Any, value: Any) -> Any:
    field = catalogue.fields.get(number_)
    if field is None:
        raise InvalidValue("unknown_field", "the field was deleted")
    if operator == "clear":
        return None
    if operator in ("add", "subtract"):
        return _sum(field, catalogue, old, value, 1 if operator == "add" else -1)
    if operator in ("add_item", "remove_item"):
        if field.type != FieldType.MULTISELECT:
            raise InvalidValue("bad_value", "items are for checkboxes")
        [item] = field_types.read_value(field, [value], catalogue.rules)
        kept = [one for one in old or [] if one != item]
        kept = [*kept, item] if operator == "add_item" else kept
        return field_types.read_value(field, kept, catalogue.rules)
    return field_types.read_value(field, value, catalogue.rules)


def _sum(field: ContactField, catalogue: Catalogue, old: Any, value: Any, sign: int) -> Any:
    """The present value (none counts 0) and another, cut to the field's range."""
    if field.type not in NUMBERS:
        raise InvalidValue("bad_number", "only numbers are added")
    amount = number(value)
    if amount is None:
        raise InvalidValue("bad_number", f"'{as_text(value)[:40]}' is not a number")
    total = (number(old) or Decimal(0)) + sign * amount
    least, most = field.least, field.most
    if field.type == FieldType.INTEGER:
        least = Decimal(field_types.LEAST_INTEGER) if least is None else least
        most = Decimal(field_types.MOST_INTEGER) if most is None else most
    if least is not None:
        total = max(total, least)
    if most is not None:
        total = min(total, most)
    return field_types.read_value(field, str(total), catalogue.rules)


class ListParams(Part, frozen=True, kw_only=True):
    segment: Annotated[Reference | str | int, hint(_("List"), editor="list")]


class ListBlock(Block[ListParams]):
    """Base of the two blocks that change membership; only lists can be changed."""

    group = "contact"
    params = ListParams
    may_fail = True

    def check(self, params: ListParams, path: str) -> Iterable[Problem]:
        yield from check_reference(params.segment, ("list",), f"{path}.segment")

    def references(self, params: ListParams) -> Iterable[tuple[str, Reference]]:
        if isinstance(params.segment, Reference):
            yield "segment", params.segment
        elif isinstance(params.segment, int):
            yield "segment", Reference(ref="list", id=params.segment)

    def change(self, list_id: int, ids: Sequence[int], batch: Batch) -> None:
        raise NotImplementedError

    def execute(self, params: ListParams, batch: Batch) -> list[Outcome]:
        wanted = [resolve(params.segment, visit, batch, "list") for visit in batch.visits]
        numbers = {int(one.id) for one in wanted if one is not None}
        known = dict(ContactList.objects.filter(pk__in=numbers).values_list("pk", "name"))
        people: dict[int, list[int]] = {}
        for one, visit in zip(wanted, batch.visits, strict=True):
            if one is not None and int(one.id) in known:
                people.setdefault(int(one.id), []).append(visit.person_id)
        held = ListMember.objects.filter(
            list_id__in=list(people), contact_id__in=[v.person_id for v in batch.visits]
        )
        before = set(held.values_list("list_id", "contact_id"))
        for list_id in sorted(people):
            self.change(list_id, sorted(set(people[list_id])), batch)
        found: list[Outcome] = []
        for one, visit in zip(wanted, batch.visits, strict=True):
            if one is None or int(one.id) not in known:
                found.append(Fails("failed:segment_missing", {"list": one and one.id}))
                continue
            was = (int(one.id), visit.person_id) in before
            found.append(Left("next", detail={"list": one.id, "name": known[int(one.id)], "was_member": was}))
        return found


@register
class ListAddBlock(ListBlock):
    type = "contact.segment_add"
    label = _("Add to list")
    icon = "playlist_add"

    def change(self, list_id: int, ids: Sequence[int], batch: Batch) -> None:
        add_to_list(list_id, ids, now=batch.now)


@register
class ListRemoveBlock(ListBlock):
    type = "contact.segment_remove"
    label = _("Remove from list")
    icon = "playlist_remove"

    def change(self, list_id: int, ids: Sequence[int], batch: Batch) -> None:
        remove_from_list(list_id, ids, now=batch.now)
