"""Leaves over rows of what people did: events here, message activity and orders in other apps.

`Rows` describes the table; `windows.Window`, `where` and `measures.Measure` say which rows count and what is measured.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from segments.leaves import operators, wording
from segments.leaves.base import Query, Scope
from segments.leaves.operators import Sql, TextValue, bad_value, range_sql
from segments.leaves.windows import Range, Window, moved_bounds
from segments.leaves.zones import ranges
from segments.rules.errors import BrokenReference, RuleError
from segments.rules.members import Members

PARAM_OPERATORS = tuple(
    dict.fromkeys((*operators.with_negatives(operators.LANGUAGE, operators.NUMBER, operators.TRUTH), "any"))
)
DEEPEST_WHERE = 4
MOST_WHERE = 20
NUMERIC_ONLY = ("gt", "gte", "lt", "lte", "between")


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of activity as a leaf reads it.

    Attributes:
        source: FROM item with an alias, e.g. `events_event e`.
        person, at: its columns, e.g. `e.person_id`, `e.event_at`.
        where: what always holds (SQL with its parameters).
        order: columns that break ties of `at`, e.g. `e.seq`.
        document: SQL of type jsonb that holds all parameters.
        is_indexed: whether equality with a parameter's folded text, and being a list, are each asked of an index.
        figures: aggregates of one's own, as (function's name, SQL over a person's rows); pass their names to `Measure.read`.
    """

    source: str
    person: str
    at: str
    where: str = "true"
    params: tuple[Any, ...] = ()
    order: str = ""
    document: str = "'{}'::jsonb"
    is_indexed: Callable[[str], bool] = bool  # of no name but the empty one, which none has
    figures: tuple[tuple[str, str], ...] = ()

    def param(self, name: str) -> str:
        """A parameter by its name; nested ones use dots."""
        return value_at(self.document, name)

    def plain(self, figure: str, value: str) -> str:
        """A figure of `Measure.figure` over all rows of a group, in the words of this table."""
        found = figure.replace("[filter]", "").replace("[at]", self.at).replace("[order]", self.order)
        return found.replace("[value]", value)


def value_at(document: str, name: str) -> str:
    """SQL of type jsonb of a (nested) member; the name is quoted, so it may be anything."""
    parts = name.split(".")
    if len(parts) == 1:
        return f"({document} -> {quote(name)})"
    return f"({document} #> ARRAY[{', '.join(quote(part) for part in parts)}])"


def quote(text: str) -> str:
    """A text as an SQL literal for use in a statement with parameters; used so that expressions match their indexes."""
    if "\0" in text:
        raise bad_value(_("must not hold the character NUL"))
    escaped = text.replace("'", "''").replace("%", "%%")
    return f"'{escaped}'" if "\\" not in text else "E'" + escaped.replace("\\", "\\\\") + "'"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the parameters of one row: a comparison, a group, or `any` element of a list."""

    param: str = ""
    cmp: str = ""
    value: Any = None
    is_exact: bool = False
    is_negated: bool = False
    op: str = ""
    items: "tuple[Where, ...]" = ()

    @classmethod
    def read(cls, members: Members, *, level: int = 1) -> "Where":
        if level > DEEPEST_WHERE:
            text = _("must be nested at most %(most)s levels") % {"most": DEEPEST_WHERE}
            raise RuleError(members.path, "too_deep", text)

        def inner(part: Members) -> "Where":
            return cls.read(part, level=level + 1)

        is_negated = members.flag("not")
        if "op" in members.data:
            op = members.choice("op", ("and", "or"))
            items = members.parts("items", inner, most=MOST_WHERE)
            if not items:
                raise members.fail("items", _("must hold at least one condition"), "empty_group")
            return cls(op=op, items=items, is_negated=is_negated)
        param = members.text("param", most=200)
        cmp = members.choice("cmp", PARAM_OPERATORS, code="unknown_operator")
        if cmp == "any":
            items = members.parts("where", inner, most=MOST_WHERE)
            if not items:
                raise members.fail("where", _("must hold at least one condition"), "empty_group")
            return cls(param, cmp, op="and", items=items, is_negated=is_negated)
        value = None
        if cmp not in ("is_empty", "not_empty", *operators.TRUTH):
            value = members.keep("value", members.take("value"))
        found = cls(param, cmp, value, members.flag("case"), is_negated)
        try:
            found.predicate("x")
        except BrokenReference as error:
            raise members.fail("value", error.message) from error
        return found

    def sql(self, document: str, *, depth: int = 1) -> Sql:
        """Over a document of type jsonb; true or false, never null."""
        if self.cmp == "any":
            inner, params = join_sql(self.items, f"i{depth}.v", "and", depth=depth + 1)
            own = value_at(document, self.param)
            elements = f"jsonb_array_elements(CASE jsonb_typeof({own}) WHEN 'array' THEN {own} ELSE '[]' END)"
            text = f"EXISTS (SELECT 1 FROM {elements} i{depth}(v) WHERE {inner})"
        elif self.op:
            text, params = join_sql(self.items, document, self.op, depth=depth)
        else:
            text, params = self._compare(document, depth)
        return (f"(({text}) IS NOT TRUE)" if self.is_negated else f"({text})"), params

    @property
    def is_for_index(self) -> bool:
        """Whether rows are found by a parameter's folded text: by the first index, or as lists by the second."""
        is_text = self.cmp in ("eq", "in") and not self.is_exact and not _is_number(self.value)
        return is_text and not self.op and not self.is_negated and "." not in self.param

    def branches(self, document: str) -> tuple[Sql, Sql]:
        """What `sql` says of a single value and of a list, which exclude each other: each for its index."""
        own = value_at(document, self.param)
        inner, params = self.predicate("i1.v")
        listed = f"EXISTS (SELECT 1 FROM jsonb_array_elements({own}) i1(v) WHERE {inner})"
        return self.predicate(own), (f"(jsonb_typeof({own}) = 'array' AND {listed})", params)

    def _compare(self, document: str, depth: int) -> Sql:
        own = value_at(document, self.param)
        positive, is_complement = operators.positive_of(self.cmp)
        if positive == "not_empty":
            text, params = f"segments_filled({own})", ()
        elif "." in self.param:
            inner, params = self.predicate(f"i{depth}.v")
            path = "$" + "".join(f".{json.dumps(part)}" for part in self.param.split(".")) + "[*]"
            found = f"jsonb_path_query({document}, {quote(path)}::jsonpath)"
            text = f"EXISTS (SELECT 1 FROM {found} i{depth}(v) WHERE {inner})"
        else:
            alone, one = self.predicate(own)
            inner, other = self.predicate(f"i{depth}.v")
            text = (
                f"({alone} OR (jsonb_typeof({own}) = 'array' AND EXISTS "
                f"(SELECT 1 FROM jsonb_array_elements({own}) i{depth}(v) WHERE {inner})))"
            )
            params = (*one, *other)
        return (f"({text}) IS NOT TRUE" if is_complement else text), params

    def predicate(self, value: str) -> Sql:
        """The positive comparison of one scalar of type jsonb.

        Raises:
            BrokenReference: the literal does not fit.
        """
        cmp, _is_complement = operators.positive_of(self.cmp)
        if cmp in operators.TRUTH:
            return f"{value} = '{'true' if cmp == 'is_true' else 'false'}'::jsonb", ()
        if cmp == "not_empty":
            return f"segments_filled({value})", ()
        if cmp in NUMERIC_ONLY or _is_number(self.value):
            if cmp not in (*operators.NUMBER, "in"):
                raise bad_value(_("must be text"))
            return operators.number_sql(f"segments_number({value})", cmp, self.value)
        text = TextValue(f"segments_text({value})", f"segments_scalar({value})", f"({value} #>> '{{}}')")
        return operators.text_sql(text, cmp, self.value, exact=self.is_exact)

    def words(self) -> str:
        text = ""
        if self.op and self.cmp != "any":
            text = f" {self.op} ".join(item.words() for item in self.items)
        elif self.cmp == "any":
            text = f"{self.param}: {' and '.join(item.words() for item in self.items)}"
        else:
            text = f"{self.param} {wording.operator(self.cmp)} {wording.values(self.value)}".strip()
        return f"not ({text})" if self.is_negated else text


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_number(one) for one in value)
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def read_where(members: Members) -> tuple[Where, ...]:
    """The member `where` of a leaf: conditions joined by and."""
    return members.parts("where", Where.read, most=MOST_WHERE)


def join_sql(items: Sequence[Where], document: str, op: str, *, depth: int = 1) -> Sql:
    texts: list[str] = []
    params: list[Any] = []
    for item in items:
        text, more = item.sql(document, depth=depth)
        texts.append(text)
        params += more
    return f" {op.upper()} ".join(texts) if texts else "true", tuple(params)


def apart(items: Sequence[Where], rows: Rows) -> list[Sql]:
    """`join_sql` by and, as conditions that exclude each other when an index serves each better than their OR.

    Of an OR the store must look at every row that its indexes found; of a single comparison it need not.
    """
    for place, item in enumerate(items):
        if item.is_for_index and rows.is_indexed(item.param):
            rest, params = join_sql([*items[:place], *items[place + 1 :]], rows.document, "and")
            return [(f"{text} AND {rest}", (*more, *params)) for text, more in item.branches(rows.document)]
    return [join_sql(items, rows.document, "and")]


def window_sql(window: Window, rows: Rows, scope: Scope) -> tuple[Sql, Sql]:
    """FROM items to add, and the condition that a row's time lies in the window at `scope.now`."""
    account = quote(scope.catalogue.account.time_zone)
    if window.is_contact_zone:
        joins, (text, params) = _by_zone(window, rows, scope)
        local = f"({rows.at} AT TIME ZONE coalesce(z.name, {account}))"
    else:
        joins = ("", ())
        text, params = range_sql(rows.at, window.range(scope.now, scope.catalogue.zone))
        local = f"({rows.at} AT TIME ZONE {account})"
    if window.clock is not None:
        first, last = window.clock
        minute = f"(extract(hour FROM {local}) * 60 + extract(minute FROM {local}))"
        glue = "AND" if first <= last else "OR"
        text += f" AND ({minute} >= {first} {glue} {minute} <= {last})"
    if window.weekdays:
        text += f" AND extract(isodow FROM {local}) IN ({', '.join(str(day) for day in window.weekdays)})"
    return joins, (text, params)


def _by_zone(window: Window, rows: Rows, scope: Scope) -> tuple[Sql, Sql]:
    """The window as each contact's own zone has it; the account's for contacts without one."""
    by_zone = ranges(window, scope.now)
    own = window.range(scope.now, scope.catalogue.zone)
    joins = (
        f" JOIN contacts_contact zc ON zc.id = {rows.person} LEFT JOIN "
        "unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) z(name, low, high) ON z.name = zc.time_zone"
    )
    columns = (
        list(by_zone),
        [one.low for one in by_zone.values()],
        [_beyond(one) for one in by_zone.values()],
    )
    text = f"{rows.at} < coalesce(z.high, %s)"
    if own.low is None:
        return (joins, columns), (text, (_beyond(own),))
    return (joins, columns), (f"{text} AND {rows.at} >= coalesce(z.low, %s)", (_beyond(own), own.low))


def _beyond(found: Range) -> datetime | None:
    """The end of a range as the first instant after it."""
    if found.high is None or not found.high_included:
        return found.high
    return found.high + timedelta(microseconds=1)


def window_edges(rows: Rows, window: Window, scope: Scope, since: datetime, until: datetime) -> list[Query]:
    """Persons with a row that a moving window passed over; a row dated ahead counts when its time has come."""
    zone = scope.catalogue.zone
    bounds = moved_bounds(window.range(since, zone), window.range(until, zone))
    if window.is_contact_zone:
        now, then = ranges(window, since), ranges(window, until)
        bounds += [bound for name in now for bound in moved_bounds(now[name], then[name])]
    merged = _merge([*bounds, Range(since, until, True)])
    found = []
    for bound in merged:
        inside, params = range_sql(rows.at, bound)
        sql = f"SELECT {rows.person} AS person_id FROM {rows.source} WHERE {rows.where} AND {inside}"
        found.append(Query(sql, (*rows.params, *params)))
    return found


def _merge(bounds: list[Range]) -> list[Range]:
    """Ranges that touch, as one."""
    found: list[Range] = []
    closed = sorted((one.low, one.high) for one in bounds if one.low is not None and one.high is not None)
    for low, high in closed:
        last = found[-1] if found else None
        if last is not None and last.high is not None and low <= last.high:
            found[-1] = Range(last.low, max(last.high, high), True)
        else:
            found.append(Range(low, high, True))
    return found
