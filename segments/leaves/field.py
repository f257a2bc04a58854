"""The kind `field`: system fields and additional fields of a contact, every type and operator."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from contacts.models import ContactField, FieldType
from contacts.normalise import InvalidValue, normalise_email, normalise_phone
from segments.catalogue import Catalogue
from segments.leaves import operators, wording
from segments.leaves.anniversary import Anniversary
from segments.leaves.base import Leaf, Query, Scope, fetch_one
from segments.leaves.moments import days_of, range_of
from segments.leaves.operators import Sql, TextValue, bad_value
from segments.leaves.windows import Window, local_day
from segments.rules.members import Members

TABLE = "contacts_contact"


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field lies and how it is compared. `type`: text, language, number, date, moment, kept_moment, truth, several."""

    type: str
    sql: str
    source: str
    label: str
    field: ContactField | None = None

    @property
    def text(self) -> TextValue:
        return TextValue(f"segments_fold({self.sql})", f"btrim({self.sql})", self.sql)


# Key → (type, SQL, what a change of it is called, label).
SYSTEM: dict[str, tuple[str, str, str, str]] = {
    "contact_id": ("number", "id", "created", "Contact ID"),
    "external_id": ("text", "external_id", "external_id", "External ID"),
    "contact_key": ("text", "contact_key", "contact_key", "Contact key"),
    "email": ("text", "email_norm", "email", "E-mail"),
    "phone": ("text", "phone", "phone", "Phone"),
    "first_name": ("text", "first_name", "first_name", "First name"),
    "last_name": ("text", "last_name", "last_name", "Last name"),
    "address.region": ("text", "region", "region", "Region"),
    "address.town": ("text", "town", "town", "Town"),
    "address.address": ("text", "address", "address", "Address"),
    "address.postcode": ("text", "postcode", "postcode", "Postcode"),
    "location.country": ("text", "(location ->> 'country')", "location", "Country"),
    "location.region": (
        "text",
        "(location ->> 'region')",
        "location",
        gettext_noop("Region of the location"),
    ),
    "location.city": ("text", "(location ->> 'city')", "location", "City"),
    "language": ("language", "language", "language", "Language"),
    "time_zone": ("text", "time_zone", "time_zone", "Time zone"),
    "source": ("text", "source", "created", "Source"),
    "created_at": ("moment", "created_at", "created", "Created"),
    "updated_at": ("moment", "updated_at", "updated_at", "Changed"),
}
TYPES = {
    FieldType.INTEGER: "number", FieldType.DECIMAL: "number", FieldType.DATE: "date", FieldType.DATETIME: "kept_moment",
    FieldType.BOOLEAN: "truth", FieldType.MULTISELECT: "several", FieldType.JSON: "json",
}  # fmt: skip
OPERATORS = {
    "text": operators.with_negatives(operators.TEXT),
    "language": operators.with_negatives(operators.LANGUAGE),
    "number": operators.with_negatives(operators.NUMBER, ("in",)),
    "date": (*operators.with_negatives(operators.MOMENT), "anniversary"),
    "moment": operators.with_negatives(operators.MOMENT),
    "kept_moment": operators.with_negatives(operators.MOMENT),
    "truth": operators.with_negatives(operators.TRUTH),
    "several": operators.with_negatives(operators.SEVERAL),
    "json": operators.with_negatives(),
}
ALL_OPERATORS = tuple(dict.fromkeys(cmp for group in OPERATORS.values() for cmp in group))
EXACT_FIELDS = ("external_id", "contact_key")


def column_of(key: str, catalogue: Catalogue) -> Column:
    """Raises: BrokenReference: no field has the key."""
    if key in SYSTEM:
        return Column(SYSTEM[key][0], *SYSTEM[key][1:])
    field = catalogue.field_of(key)
    kind = TYPES.get(FieldType(field.type), "text")
    text = f"data ->> '{field.pk}'"
    return Column(kind, f"({text})", f"data.{field.pk}", field.name, field)


@dataclass(frozen=True, slots=True)
class FieldLeaf(Leaf):
    kind = "field"

    field: str
    cmp: str
    value: Any = None
    window: Window | None = None
    anniversary: Anniversary | None = None
    is_exact: bool = False

    @classmethod
    def read(cls, members: Members) -> Self:
        field = members.text("field", most=120)
        cmp = members.choice("cmp", ALL_OPERATORS, code="unknown_operator")
        is_exact = members.flag("case")
        if cmp in ("is_empty", "not_empty", *operators.TRUTH):
            return cls(field, cmp, is_exact=is_exact)
        if cmp in ("within", "not_within"):
            return cls(field, cmp, window=members.part("value", Window.read))
        if cmp == "anniversary":
            return cls(field, cmp, anniversary=members.part("value", Anniversary.read))
        value = members.take("value")
        if isinstance(value, dict):
            raise members.fail("value", _("must be a value or a list of values"))
        if isinstance(value, list) and not 1 <= len(value) <= operators.MOST_VALUES:
            text = _("must be a list of 1 to %(most)s values") % {"most": operators.MOST_VALUES}
            raise members.fail("value", text)
        is_set = isinstance(value, list) and cmp not in ("between", "not_between")
        kept = members.keep("value", _sorted(value) if is_set else value)
        return cls(field, cmp, kept, is_exact=is_exact)

    def check(self, catalogue: Catalogue) -> None:
        self._positive(Scope(datetime(2026, 1, 1, tzinfo=catalogue.zone), catalogue))

    def reads(self, catalogue: Catalogue) -> frozenset[str]:
        needs_zone = (self.window and self.window.is_contact_zone) or (
            self.anniversary and self.anniversary.is_contact_zone
        )
        return frozenset({column_of(self.field, catalogue).source} | ({"time_zone"} if needs_zone else set()))

    def query(self, scope: Scope) -> Query:
        (sql, params), is_complement = self._positive(scope)
        return scope.row_test(sql, params, is_complement=is_complement)

    def edges(self, scope: Scope, since: datetime, until: datetime) -> Sequence[Query]:
        if self.window is None and self.anniversary is None:
            return ()
        before, after = self.query(scope.moved(since)), self.query(scope.moved(until))
        if before == after:
            return ()
        return (_either_only(before, after),)

    def _positive(self, scope: Scope) -> tuple[Sql, bool]:
        """SQL of the positive operator, and whether the condition is its complement.

        Raises:
            BrokenReference: no such field, an operator its type does not have, or a literal that does not fit.
        """
        column = column_of(self.field, scope.catalogue)
        if self.cmp not in OPERATORS[column.type]:
            text = _("the field %(field)s is compared by one of %(known)s, not %(given)s")
            known = ", ".join(OPERATORS[column.type])
            raise bad_value(text % {"field": self.field, "known": known, "given": self.cmp})
        cmp, is_complement = operators.positive_of(self.cmp)
        return _SQL[column.type](self, column, cmp, scope), is_complement

    def words(self, catalogue: Catalogue) -> str:
        label = column_of(self.field, catalogue).label
        if self.anniversary is not None:
            return f"{_(label)} {self.anniversary.words()}"
        value = self.window.words() if self.window is not None else wording.values(self.value)
        return f"{_(label)} {wording.operator(self.cmp)} {value}".strip()

    def seen(self, scope: Scope, person_id: int) -> str:
        column = column_of(self.field, scope.catalogue)
        found = fetch_one(f"SELECT ({column.sql})::text FROM {TABLE} WHERE id = %s", [person_id])
        return str(found) if found not in (None, "") else _("empty")


def _sorted(value: list[Any]) -> list[Any]:
    return sorted(value, key=lambda one: (str(type(one)), str(one)))


def _either_only(before: Query, after: Query) -> Query:
    """Persons that one of the queries yields and the other does not."""
    sql = (
        f"SELECT person_id FROM (({before.sql}) UNION ALL ({after.sql})) both_times "
        "GROUP BY person_id HAVING count(*) = 1"
    )
    return Query(sql, (*before.params, *after.params))


def _text(leaf: FieldLeaf, column: Column, cmp: str, scope: Scope) -> Sql:
    is_option = column.field is not None and column.field.type == FieldType.SELECT and cmp in ("eq", "in")
    is_exact = leaf.is_exact or leaf.field in EXACT_FIELDS or is_option  # options are kept as declared
    return operators.text_sql(column.text, cmp, _literal(leaf, column, scope), exact=is_exact)


def _literal(leaf: FieldLeaf, column: Column, scope: Scope) -> Any:
    """Literals of identifiers and options as they are kept."""
    cmp, _is_complement = operators.positive_of(leaf.cmp)
    if cmp not in ("eq", "in"):
        return leaf.value
    kind = column.field.type if column.field is not None else leaf.field
    read = {
        "email": lambda v: normalise_email(str(v))[1],
        "phone": lambda v: normalise_phone(str(v), scope.catalogue.account.default_region).digits,
        FieldType.SELECT: lambda v: _option(column, v),
    }.get(kind)
    if read is None:
        return leaf.value
    try:
        found = operators.literals(leaf.value, read)
    except InvalidValue as error:
        raise bad_value(error.explanation) from error
    return found if cmp == "in" else found[0]


def _option(column: Column, value: Any) -> str:
    assert column.field is not None
    for option in column.field.options:
        if isinstance(value, str) and option.casefold() == value.strip().casefold():
            return option
    text = _("'%(value)s' is not an option of %(field)s: %(known)s")
    known = ", ".join(column.field.options[:20])
    raise bad_value(text % {"value": value, "field": _(column.label), "known": known})


def _number(leaf: FieldLeaf, column: Column, cmp: str, scope: Scope) -> Sql:  # noqa: ARG001
    sql = column.sql if column.field is None else f"segments_number(data -> '{column.field.pk}')"
    return operators.number_sql(sql, cmp, leaf.value)


def _truth(leaf: FieldLeaf, column: Column, cmp: str, scope: Scope) -> Sql:  # noqa: ARG001
    return (
        _filled(column)
        if cmp == "not_empty"
        else (f"{column.sql} = %s", ("true" if cmp == "is_true" else "false",))
    )


def _several(leaf: FieldLeaf, column: Column, cmp: str, scope: Scope) -> Sql:  # noqa: ARG001
    if cmp == "not_empty":
        return _filled(column)
    options = operators.literals(leaf.value, lambda v: _option(column, v))
    assert column.field is not None
    own = f"data -> '{column.field.pk}'"
    if cmp == "has_only":
        return f"({own} <@ %s::jsonb AND {own} <> '[]')", (json.dumps(options),)
    return f"{own} {'?|' if cmp == 'has_any' else '?&'} %s", (options,)


def _json(leaf: FieldLeaf, column: Column, cmp: str, scope: Scope) -> Sql:  # noqa: ARG001
    return _filled(column)


def _filled(column: Column) -> Sql:
    assert column.field is not None
    return f"segments_filled(data -> '{column.field.pk}')", ()


def _date(leaf: FieldLeaf, column: Column, cmp: str, scope: Scope) -> Sql:
    if cmp == "not_empty":
        return f"{column.sql} <> ''", ()
    if leaf.anniversary is not None:
        assert column.field is not None
        if not column.field.is_regular:
            raise bad_value(_("the field %(field)s does not repeat every year") % {"field": leaf.field})
        return leaf.anniversary.sql(column.sql, scope)
    if leaf.window is not None and (leaf.window.filters_clock or leaf.window.is_contact_zone):
        text = _("a date has no time: a time of day, weekdays and the contact's zone do not apply")
        raise bad_value(text)
    today = local_day(scope.now, scope.catalogue.zone)
    days = days_of(cmp, leaf.value, leaf.window, today, scope.catalogue.zone)
    parts, params = [f"{column.sql} <> ''"], []
    for bound, sign in ((days.low, ">="), (days.high, "<=")):
        if bound is not None:
            parts.append(f'{column.sql} COLLATE "C" {sign} %s')
            params.append(bound.isoformat())
    return f"({' AND '.join(parts)})", tuple(params)


def _moment(leaf: FieldLeaf, column: Column, cmp: str, scope: Scope) -> Sql:
    if cmp == "not_empty":
        return f"{column.sql} IS NOT NULL", ()
    if leaf.window is not None and (leaf.window.filters_clock or leaf.window.is_contact_zone):
        text = _("for a field, a time of day, weekdays and the contact's zone are not supported")
        raise bad_value(text)
    found = range_of(cmp, leaf.value, leaf.window, scope.now, scope.catalogue.zone)
    return operators.range_sql(column.sql, found, "text" if column.type == "kept_moment" else "timestamptz")


_SQL = {
    "text": _text, "language": _text, "number": _number, "truth": _truth, "several": _several, "json": _json,
    "date": _date, "moment": _moment, "kept_moment": _moment,
}  # fmt: skip
