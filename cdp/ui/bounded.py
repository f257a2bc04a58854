"""Pages by key of a narrowed list, read within bounds: whatever the conditions, a page reads so many rows and no more.

An index gives the order, conditions sieve it; a condition that few rows fit, or two that never meet, would have such a walk
pass the whole table, and the planner, who takes conditions for independent, cannot tell. So a page is read in steps:

1. The first `FIRST` rows of the order. Most pages are full by then, and small tables at their end.
2. Where few of them fit, all that fit are found first and ordered then, if the planner has a cheap way to (`MOST_COST`) or
   the caller knows of one, and if they are no more than `MOST_FOUND`.
3. Else the walk goes on until the page is full, up to `MOST_WALKED` rows, or `GIVE_UP` where few fitted.

A walk that ends there leaves a page that is not full; `looked` says so, and its cursor goes on after the last row passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from cdp.ui.keyset import KeysetPage, Sieve, beyond, read_cursor, write_cursor

FIRST = 500
FEW = 4  # of the first rows: where fewer fit, all that fit are likely few too
GIVE_UP = 2_500  # rows passed, where few fit
MOST_WALKED = 6_000  # where more do
MOST_FOUND = 5_000
MOST_COST = 8_000  # of a plan that finds all that fit, in costs of a random page


@dataclass(slots=True)
class Ask:
    """What is read: `base` gives the order by an index of its own, `narrowed` are the rows of it that fit.

    `sieve` keeps some of the ids of those. `is_whole`: bounds are off. `finds_cheaply`: an index is known to find all that
    fit, whatever the planner believes; `are_few`: they are known to be few, so nothing is walked first.
    """

    base: Any
    narrowed: Any
    order: Sequence[str]
    size: int
    sieve: Sieve | None = None
    is_whole: bool = False
    finds_cheaply: bool = False
    are_few: bool = False


@dataclass(slots=True)
class _Walk:
    """Where a walk stands: rows found, how many were passed, the key of the last one passed."""

    key: list[Any] | None
    found: list[Any] = field(default_factory=list)
    passed: int = 0
    fits: int = 0  # of those passed, as far as is known
    share: float = 0.0  # of the first that were passed
    is_over: bool = False
    count: int | None = None


def read_bounded(ask: Ask, *, after: str = "", before: str = "") -> KeysetPage:
    """Read the page after or before a cursor, as `keyset.read_page` does."""
    names = [name.removeprefix("-") for name in ask.order]
    backwards = bool(before) and not after
    cursor = read_cursor(ask.base.model, names, after or before)
    reader = _Reader(ask, names, down=ask.order[0].startswith("-") != backwards)
    walk = reader.read(cursor, ask.size + 1)
    more = len(walk.found) > ask.size
    if backwards and cursor is not None and walk.is_over and not more:
        return read_bounded(ask)  # the first page, full also when rows have come since
    rows = walk.found[: ask.size]
    is_given_up = not (more or walk.is_over)
    last = write_cursor(rows[-1], names) if rows else ""
    if is_given_up:
        last = write_cursor(ask.base.model(**dict(zip(names, walk.key or (), strict=True))), names)
    if backwards:
        rows.reverse()
    first = write_cursor(rows[-1 if backwards else 0], names) if rows else (after or before) * is_given_up
    further, back = (last if more or is_given_up else ""), (first if cursor is not None else "")
    newer, older = (further, back) if backwards else (back, further)
    looked = walk.passed if is_given_up else 0
    return KeysetPage(rows, newer, older, walk.count, looked, walk.share, walk.fits)


class _Reader:
    """The statements of one direction. A CTE of the table's own name stands for it: the conditions are asked of that."""

    def __init__(self, ask: Ask, names: Sequence[str], *, down: bool) -> None:
        self.ask, self.names, self.down = ask, names, down
        self.model = ask.base.model
        self.table = connection.ops.quote_name(self.model._meta.db_table)
        self.key_column = connection.ops.quote_name(self.model._meta.pk.column)
        self.columns = [connection.ops.quote_name(self.model._meta.get_field(name).column) for name in names]

    def read(self, key: list[Any] | None, wanted: int) -> _Walk:
        walk = _Walk(key)
        if self.ask.sieve is None and (self.ask.is_whole or self.ask.are_few):
            if self._find_all(walk, key, wanted, most=None if self.ask.is_whole else MOST_FOUND):
                return walk
            walk = _Walk(key)
        self._pass(walk, FIRST, wanted)
        is_rare = walk.fits < FEW
        if is_rare and not walk.is_over and self._finds_all():
            found = _Walk(key)
            if self._find_all(found, key, wanted, most=MOST_FOUND):
                return found
        while len(walk.found) < wanted and not walk.is_over:
            left = (GIVE_UP if is_rare else MOST_WALKED) - walk.passed
            if left <= 0 and not self.ask.is_whole:
                break
            due = int((wanted - len(walk.found)) / (walk.share or 1 / FIRST) * 1.3) + 100
            self._go_on(walk, walk.passed * 10 if self.ask.is_whole else min(due, left), wanted)
        return walk

    def _pass(self, walk: _Walk, number: int, wanted: int) -> None:
        """Pass the first `number` rows, in one statement; each is looked at, so that the share of those that fit is known."""
        window = (
            self.ask.base if walk.key is None else beyond(self.ask.base, self.names, walk.key, down=self.down)
        )
        window = window.order_by(*self._order(self.down))[:number]
        missing = wanted - len(walk.found)
        fitting = self.ask.narrowed.order_by()
        fitting = fitting if self.ask.sieve is None else fitting.only(*self.names, "pk")
        try:
            inner, inner_params = window.query.sql_with_params()
            outer, outer_params = fitting.query.sql_with_params()
        except EmptyResultSet:
            walk.is_over = True
            return
        keys = ", ".join(f"{column} AS edge_{place}" for place, column in enumerate(self.columns))
        page = f"LIMIT {missing}" if self.ask.sieve is None else ""
        sql = (
            f"WITH {self.table} AS MATERIALIZED ({inner}), passed AS (SELECT count(*) AS passed FROM {self.table}), "
            f"edge AS (SELECT {keys} FROM {self.table} ORDER BY {self._order_sql(not self.down)} LIMIT 1), "
            f"fitting AS MATERIALIZED ({outer}), fits AS (SELECT count(*) AS fits FROM fitting), "
            f"page AS (SELECT * FROM fitting ORDER BY {self._order_sql(self.down)} {page}) "
            "SELECT page.*, passed.passed, fits.fits, edge.* FROM passed CROSS JOIN fits LEFT JOIN edge ON true "
            "LEFT JOIN page ON true"
        )
        rows = list(self.model._default_manager.raw(sql, [*inner_params, *outer_params]))
        walk.passed += rows[0].passed
        walk.is_over = rows[0].passed < number
        if rows[0].passed:
            walk.key = [getattr(rows[0], f"edge_{place}") for place in range(len(self.names))]
        kept, fits = self._kept([row for row in rows if row.pk is not None])
        walk.fits += rows[0].fits if self.ask.sieve is None else fits
        walk.share = walk.fits / max(walk.passed, 1)
        walk.found += kept[:missing]

    def _go_on(self, walk: _Walk, number: int, wanted: int) -> None:
        """Pass up to `number` rows more, no further than the page takes. No index but that of the order can be used."""
        coming = beyond(self.ask.base, self.names, walk.key or (), down=self.down).order_by(
            *self._order(self.down)
        )
        missing = wanted - len(walk.found)
        fitting = self.ask.narrowed.order_by(*self._order(self.down))
        fitting = fitting[:missing] if self.ask.sieve is None else fitting.only(*self.names, "pk")
        window, window_params = coming[:number].query.sql_with_params()
        text, params = fitting.query.sql_with_params()
        sql = f"WITH {self.table} AS NOT MATERIALIZED ({window}) {text}"
        kept, fits = self._kept(list(self.model._default_manager.raw(sql, [*window_params, *params])))
        walk.found += kept[:missing]
        walk.fits += fits
        walk.passed += number
        if len(kept) < missing:
            edge = coming.values_list(*self.names)[number - 1 : number].first()
            walk.is_over = edge is None
            walk.key = walk.key if edge is None else list(edge)

    def _kept(self, rows: list[Any]) -> tuple[list[Any], int]:
        """Rows in the direction's order, no more than a page takes, and how many there were; sieved ones are read whole now."""
        rows.sort(key=lambda row: [getattr(row, name) for name in self.names], reverse=self.down)
        if self.ask.sieve is None:
            return rows, len(rows)
        kept = list(self.ask.sieve([row.pk for row in rows]))
        some = kept[: self.ask.size + 1]
        whole = self.model._default_manager.in_bulk(some)
        return [whole[pk] for pk in some if pk in whole], len(kept)

    def _finds_all(self) -> bool:
        """Whether all that fit may be found at once."""
        if self.ask.finds_cheaply:
            return True
        try:
            sql, params = self._all_ids()
        except EmptyResultSet:
            return False
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON, SETTINGS) {sql}", params)
            [told] = cursor.fetchone()[0]
        page_cost = float(told.get("Settings", {}).get("random_page_cost", 4))
        return float(told["Plan"]["Total Cost"]) <= MOST_COST * page_cost

    def _all_ids(self) -> tuple[str, Any]:
        return self.ask.narrowed.order_by().values_list("pk", *self.names).query.sql_with_params()  # type: ignore[no-any-return]

    def _find_all(self, walk: _Walk, key: list[Any] | None, wanted: int, *, most: int | None) -> bool:
        """Find all that fit, then order; False when they are more than `most`.

        The CTE is planned for all its rows, by the conditions and not by the order; it is read no further than `most`.
        """
        walk.is_over = True
        try:
            sql, params = self._all_ids()
        except EmptyResultSet:
            walk.count = 0
            return True
        names = [f"key_{place}" for place in range(len(self.names))]
        limit = "" if most is None else f"LIMIT {most + 1}"
        past = (
            f"WHERE ({', '.join(names)}) {'<' if self.down else '>'} ({', '.join(['%s'] * len(names))})"
            if key
            else ""
        )
        page = "" if self.ask.sieve is not None else f"LIMIT {wanted}"
        order = ", ".join(f"{name} {'DESC' if self.down else 'ASC'}" for name in names)
        text = (
            f"WITH found (found_id, {', '.join(names)}) AS MATERIALIZED ({sql}), "
            f"few AS MATERIALIZED (SELECT * FROM found {limit}), "
            f"page AS MATERIALIZED (SELECT found_id FROM few {past} ORDER BY {order} {page}) "
            f"SELECT whole.*, counted.counted FROM (SELECT count(*) AS counted FROM few) AS counted "
            f"LEFT JOIN page ON true LEFT JOIN {self.table} AS whole ON whole.{self.key_column} = page.found_id"
        )
        rows = list(self.model._default_manager.raw(text, [*params, *(key or ())]))
        walk.count = rows[0].counted
        if most is not None and walk.count is not None and walk.count > most:
            return False
        kept, fits = self._kept([row for row in rows if row.pk is not None])
        walk.found = kept[:wanted]
        if self.ask.sieve is not None:
            walk.count = None if key else fits
        return True

    def _order(self, down: bool) -> list[str]:
        return [f"-{name}" if down else name for name in self.names]

    def _order_sql(self, down: bool) -> str:
        return ", ".join(f"{column} {'DESC' if down else 'ASC'}" for column in self.columns)
