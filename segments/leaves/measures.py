"""What is measured over the rows that count, and how the figure is compared (segments document, 4.2 and 5).

A figure that nobody without rows can have is asked of those with rows; where having no rows satisfies the comparison
(count and sum of nothing are 0), the complement is asked: so "never" costs what "at least once" does.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from segments.leaves import operators, wording
from segments.leaves.activity import Rows, Where, apart, join_sql, quote, window_edges, window_sql
from segments.leaves.base import Figured, Query, Scope, fetch_one
from segments.leaves.moments import range_of
from segments.leaves.operators import Sql, TextValue, range_sql
from segments.leaves.windows import Window
from segments.rules.errors import BrokenReference
from segments.rules.members import Members

FUNCTIONS = (
    "count", "sum", "avg", "min", "max", "first", "last", "distinct", "distinct_days", "first_at", "last_at",
)  # fmt: skip
NEED_PARAM = ("sum", "avg", "min", "max", "first", "last", "distinct")
ZERO_WITHOUT_ROWS = ("count", "sum", "distinct", "distinct_days", "messages")
TIMES = ("first_at", "last_at")
NUMBER_OPERATORS = operators.with_negatives(operators.NUMBER)
TEXT_OPERATORS = operators.with_negatives(operators.TEXT, operators.NUMBER)
TIME_OPERATORS = operators.with_negatives(operators.MOMENT)
ALL_OPERATORS = tuple(dict.fromkeys((*NUMBER_OPERATORS, *TEXT_OPERATORS, *TIME_OPERATORS)))
PROBE = datetime(2026, 1, 1, tzinfo=UTC)  # only to see that a literal can be read


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure and its comparison: `fn` of `param`, `cmp`, `value` or, for times, `within` a window."""

    fn: str = "count"
    param: str = ""
    cmp: str = "gte"
    value: Any = 1
    within: Window | None = None

    @classmethod
    def read(cls, members: Members, *, functions: Sequence[str] = FUNCTIONS) -> "Measure":
        """The members `measure`, `cmp` and `value` of a leaf; none of them means at least once."""
        fn, param = members.part("measure", lambda part: _read_function(part, functions), ("count", ""))
        if not members.has("cmp") and not members.has("value"):
            members.take("cmp", None)
            members.take("value", None)
            return cls(fn, param)
        cmp = members.choice("cmp", operators_of(fn), code="unknown_operator")
        if cmp in ("is_empty", "not_empty"):
            return cls(fn, param, cmp, None)
        if cmp in ("within", "not_within"):
            return cls(fn, param, cmp, None, members.part("value", Window.read))
        found = cls(fn, param, cmp, members.keep("value", members.take("value")))
        try:
            found.check()
        except BrokenReference as error:
            raise members.fail("value", error.message) from error
        return found

    def check(self) -> None:
        """Raises: BrokenReference: the literal does not fit the figure."""
        cmp, _is_complement = operators.positive_of(self.cmp)
        if self.fn in TIMES:
            range_of(cmp, self.value, self.within, PROBE, UTC)
        elif self.fn in ("first", "last") and not self._is_numeric:
            operators.text_sql(_TEXT, cmp, self.value, exact=False)
        else:
            operators.number_sql("x", cmp, self.value)

    @property
    def _is_numeric(self) -> bool:
        """Whether a first or last value is compared as a number: by the operator, or a literal that is one."""
        cmp, _is_complement = operators.positive_of(self.cmp)
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return is_number or cmp in ("gt", "gte", "lt", "lte", "between")

    def query(
        self, rows: Rows, window: Window, where: Sequence[Where], scope: Scope, *, more: Sql = ("true", ())
    ) -> Query:
        """Persons whose figure satisfies the comparison. `more`: another condition on the rows."""
        cmp, is_complement = operators.positive_of(self.cmp)
        without_rows = self.fn in ZERO_WITHOUT_ROWS and operators.holds(Decimal(0), cmp, self.value)
        joins, condition = self._counted(rows, window, where, scope, more)
        figure, value = self.figure(rows, scope)
        if self._is_at_least_one(cmp) or (without_rows and self._is_none(cmp)):
            verdict: Sql = ("true", ())
        else:
            text, values = self.having(cmp, scope)
            verdict = (f"NOT ({text})" if without_rows else text), values
        source, params = self._source(rows, joins, condition, window, where, scope, more)
        sql = f"SELECT {rows.person} AS person_id FROM {source}"
        if verdict[0] != "true":
            sql += (
                f" GROUP BY {rows.person} HAVING {verdict[0].replace('[figure]', rows.plain(figure, value))}"
            )
        plain = Query(sql, (*params, *verdict[1]), is_complement != without_rows)
        if joins[0] or "[filter]" not in figure:
            return plain
        return Figured(
            plain.sql, plain.params, plain.is_complement, source=rows.source, person=rows.person, at=rows.at,
            order=rows.order, base=(rows.where, rows.params), counted=condition, value=value, figure=figure,
            low=window.range(scope.now, scope.catalogue.zone).low, verdict=verdict,
        )  # fmt: skip

    def _source(
        self,
        rows: Rows,
        joins: Sql,
        condition: Sql,
        window: Window,
        where: Sequence[Where],
        scope: Scope,
        more: Sql,
    ) -> Sql:
        """FROM and WHERE of the rows that count; of everybody and by an index, as the union of what excludes each other."""
        parts = apart(where, rows) if scope.among is None and not joins[0] else []
        if len(parts) < 2:
            narrow, ids = scope.narrow(rows.person)
            text = f"{rows.source}{joins[0]} WHERE {rows.where} AND {condition[0]}{narrow}"
            return text, (*joins[1], *rows.params, *condition[1], *ids)
        alias = rows.source.rpartition(" ")[2]
        _joins, (inside, inside_params) = window_sql(window, rows, scope)
        texts: list[str] = []
        params: list[Any] = []
        for text, some in parts:
            texts.append(
                f"SELECT {alias}.* FROM {rows.source} WHERE {rows.where} AND {inside} AND {text} AND {more[0]}"
            )
            params += (*rows.params, *inside_params, *some, *more[1])
        return f"({' UNION ALL '.join(texts)}) {alias}", tuple(params)

    def _is_at_least_one(self, cmp: str) -> bool:
        """Any row decides: nothing has to be counted."""
        if self.fn not in ("count", "first_at", "last_at", "distinct_days"):
            return False
        if self.fn in TIMES:
            return cmp == "not_empty"
        number = None if cmp in ("not_empty", "between") else operators.number_literal(self.value)
        return (cmp == "gte" and number == 1) or (cmp == "gt" and number == 0)

    def _is_none(self, cmp: str) -> bool:
        if self.fn not in ("count", "distinct_days") or cmp in ("not_empty", "between"):
            return False
        number = operators.number_literal(self.value)
        return (cmp in ("eq", "lte") and number == 0) or (cmp == "lt" and number == 1)

    def _counted(
        self, rows: Rows, window: Window, where: Sequence[Where], scope: Scope, more: Sql
    ) -> tuple[Sql, Sql]:
        """Joins, and the condition on the subject's rows that count."""
        joins, (inside, inside_params) = window_sql(window, rows, scope)
        text, text_params = join_sql(where, rows.document, "and")
        return joins, (f"{inside} AND {text} AND {more[0]}", (*inside_params, *text_params, *more[1]))

    def having(self, cmp: str, scope: Scope) -> Sql:
        """The positive comparison of `[figure]`, which is over a person's rows."""
        figure = "[figure]"
        if self.fn in TIMES:
            if cmp == "not_empty":
                return f"{figure} IS NOT NULL", ()
            zone = scope.catalogue.zone
            text, params = range_sql(figure, range_of(cmp, self.value, self.within, scope.now, zone))
            return (text, params) if self.within is None else self._clocked(text, params, figure, scope)
        if self.fn in ("first", "last") and not self._is_numeric:
            text_value = TextValue(
                f"segments_text({figure})", f"segments_scalar({figure})", f"({figure} #>> '{{}}')"
            )
            return operators.text_sql(text_value, cmp, self.value, exact=False)
        return operators.number_sql(
            f"segments_number({figure})" if self.fn in ("first", "last") else figure, cmp, self.value
        )

    def _clocked(self, text: str, params: tuple[Any, ...], figure: str, scope: Scope) -> Sql:
        """Time of day and weekdays of the window the time must lie in."""
        assert self.within is not None
        rows = Rows(source="", person="", at=figure)
        window = Window(clock=self.within.clock, weekdays=self.within.weekdays)
        _joins, (more, values) = window_sql(window, rows, scope)
        return (f"({text} AND {more})", (*params, *values)) if window.filters_clock else (text, params)

    def figure(self, rows: Rows, scope: Scope) -> tuple[str, str]:
        """The aggregate over one person's rows, and the value of a row it is over: see `Figured`."""
        own_figures = dict(rows.figures)
        if self.fn in own_figures:
            return own_figures[self.fn], ""
        own = rows.param(self.param) if self.param else ""
        if self.fn in ("sum", "avg", "min", "max"):
            text = f"{self.fn}([value])[filter]"
            return (f"coalesce({text}, 0)" if self.fn == "sum" else text), f"segments_number({own})"
        if self.fn in ("first", "last"):
            way = "DESC" if self.fn == "last" else "ASC"
            ties = f", [order] {way}" if rows.order else ""
            return f"(array_agg([value] ORDER BY [at] {way}{ties})[filter])[1]", own
        zone = quote(scope.catalogue.account.time_zone)
        if self.fn == "distinct" and own:
            return "count(DISTINCT [value])[filter]", f"segments_scalar({own})"
        return {
            "count": ("count(*)[filter]", ""), "distinct": ("count(*)[filter]", ""),
            "distinct_days": ("count(DISTINCT [value])[filter]", f"({rows.at} AT TIME ZONE {zone})::date"),
            "first_at": ("min([at])[filter]", ""), "last_at": ("max([at])[filter]", ""),
        }[self.fn]  # fmt: skip

    def edges(
        self, rows: Rows, window: Window, scope: Scope, since: datetime, until: datetime
    ) -> list[Query]:
        """Persons whose figure, or the verdict on it, the clock can have changed."""
        found = window_edges(rows, window, scope, since, until)
        if self.within is not None:
            found += window_edges(rows, self.within, scope, since, until)
        return found

    def seen(
        self, rows: Rows, window: Window, where: Sequence[Where], scope: Scope, person_id: int, *,
        more: Sql = ("true", ()),
    ) -> str:  # fmt: skip
        """The figure of one person, in words."""
        one = Scope(scope.now, scope.catalogue, (person_id,))
        joins, (condition, params) = self._counted(rows, window, where, one, more)
        narrow, ids = one.narrow(rows.person)
        figure = rows.plain(*self.figure(rows, scope))
        sql = f"SELECT {figure} FROM {rows.source}{joins[0]} WHERE {rows.where} AND {condition}{narrow}"
        value = fetch_one(sql, [*joins[1], *rows.params, *params, *ids])
        if self.fn in ("first", "last") and value is not None:
            value = json.loads(value)  # a parameter's value, of type jsonb
        if value is None:
            return _("none")
        if isinstance(value, datetime):
            return value.astimezone(scope.catalogue.zone).strftime("%Y-%m-%d %H:%M")
        return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)

    def words(self, thing: str, window: Window, where: Sequence[Where]) -> str:
        """`Purchase happened at least 2 times in the last 30 days where category is cat3`."""
        when = f" {window.words()}" if window.words() else ""
        which = " ".join([" where", " and ".join(item.words() for item in where)]) if where else ""
        if self.fn == "count" and (self.cmp, self.value) == ("gte", 1):
            return f"{thing} {_('happened')}{when}{which}"
        if self.fn == "count" and self._is_none(operators.positive_of(self.cmp)[0]):
            return f"{thing} {_('never happened')}{when}{which}"
        label = {
            "count": _("number of"), "sum": _("sum of"), "avg": _("average of"), "min": _("least of"),
            "max": _("most of"), "first": _("first value of"), "last": _("last value of"),
            "distinct": _("different values of"), "distinct_days": _("different days of"), "first_at": _("first"),
            "last_at": _("last"),
        }.get(self.fn, self.fn)  # fmt: skip
        of = f"{self.param} of {thing}" if self.param else thing
        value = self.within.words() if self.within is not None else wording.values(self.value)
        return f"{label} {of}{when}{which} {wording.operator(self.cmp)} {value}".strip()


_TEXT = TextValue("x", "x", "x")


def operators_of(fn: str) -> tuple[str, ...]:
    if fn in TIMES:
        return TIME_OPERATORS
    return TEXT_OPERATORS if fn in ("first", "last") else NUMBER_OPERATORS


def _read_function(members: Members, functions: Sequence[str]) -> tuple[str, str]:
    fn = members.choice("fn", functions, "count", code="unknown_measure")
    param = members.text("param", "", most=200)
    if fn in NEED_PARAM and not param:
        raise members.fail("param", _("is required for %(name)s") % {"name": fn}, "required")
    if param and fn not in NEED_PARAM:
        raise members.fail("param", _("does not belong to %(name)s") % {"name": fn})
    return fn, param
