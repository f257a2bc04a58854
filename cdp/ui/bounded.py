"""Pages by key of a narrowed list, read within bounds: whatever the conditions, a page reads so many rows and no more.

An index gives the order, conditions sieve it; a condition that few rows fit, or two that never meet, would have such a walk
pass the whole table, and the planner, who takes conditions for independent, cannot tell. So a page is read in steps:

1. The first `FIRST` rows of the order, fewer where a row costs more to ask, more where it costs less (`weight`). Most pages
   are full by then, and small tables at their end. They are spared where the conditions look rare and the planner agrees.
2. Where few of them fit, all that fit are found first and ordered then, if the planner has a cheap way to (`MOST_COST`) or
   the caller knows of one, and if they are no more than `MOST_FOUND`.
3. Else the walk goes on until the page is full, up to `MOST_WALKED` rows, or `GIVE_UP` where few fitted, by `weight` too.

Steps read keys only, so that an index alone may answer them; the rows of the page are read whole at the end. A walk that
ends early leaves a page that is not full; `looked` says so, and its cursor goes on after the last row passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from cdp.ui.keyset import KeysetPage, Sieve, beyond, read_cursor, write_cursor

FIRST = 500
FEW = 4  # of the first rows: where fewer fit, all that fit are likely few too
GIVE_UP = 2_200  # rows passed, where few fit
MOST_WALKED = 6_000  # where more do
LIGHTEST = (
    0.25  # by which walks are lengthened at most: rows changed lately are read, whatever the index holds
)
MOST_FOUND = 5_000
MOST_COST = 8_000  # of a plan that finds all that fit, in costs of a random page


@dataclass(slots=True)
class Ask:
    """What is read: `base` gives the order by an index of its own, `narrowed` are the rows of it that fit.

    `walked` are rows of any that fit, told of those of `base` one by one: without what `base` asks, and without joins that
    the planner could turn around. `weight`: what that costs a row, beside a usual one. `sieve` keeps some of the ids.
    `is_whole`: bounds are off. `finds_cheaply`: an index is known to find all that fit, whatever the planner believes;
    `is_guessed`: the planner cannot tell how many fit, so all are found only where none of the first did, and the walk goes
    on longer where some did; `look_rare`: they ask for what few are known to have, so the planner is asked before anything is
    walked; `are_few`: they are known to be few, so nothing is walked first.
    """

    base: Any
    narrowed: Any
    order: Sequence[str]
    size: int
    sieve: Sieve | None = None
    walked: Any = None
    weight: float = 1.0
    is_whole: bool = False
    finds_cheaply: bool = False
    is_guessed: bool = False
    look_rare: bool = False
    are_few: bool = False


@dataclass(slots=True)
class _Walk:
    """Where a walk stands: the keys (those of the order, then the primary one) found, how many rows were passed, the key of
    the last one passed.
    """

    key: Sequence[Any] | None
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
    rows = reader.whole([found[-1] for found in walk.found[: ask.size]])
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
        self.keys = [f"key_{place}" for place in range(len(names))]

    def read(self, key: list[Any] | None, wanted: int) -> _Walk:
        walk = _Walk(key)
        if self.ask.sieve is None and (self.ask.is_whole or self.ask.are_few):
            if self._find_all(walk, key, wanted, most=None if self.ask.is_whole else MOST_FOUND):
                return walk
            walk = _Walk(key)
        is_asked = self.ask.look_rare and not self.ask.is_guessed
        if is_asked and (found := self._find_cheaply(walk, key, wanted)):
            return found
        self._pass(walk, max(int(FIRST / self.ask.weight), 1), wanted, is_first=True)
        is_rare = walk.share < FEW / FIRST
        if is_rare and not walk.is_over and not is_asked and (found := self._find_cheaply(walk, key, wanted)):
            return found
        most = GIVE_UP if is_rare else MOST_WALKED
        if is_rare and self.ask.is_guessed and walk.fits:
            most = (GIVE_UP + MOST_WALKED) // 2
        most = int(most / max(self.ask.weight, LIGHTEST))
        while len(walk.found) < wanted and not walk.is_over:
            left = most - walk.passed
            if left <= 0 and not self.ask.is_whole:
                break
            due = int((wanted - len(walk.found)) / (walk.share or 1 / FIRST) * 1.3) + 100
            self._pass(walk, walk.passed * 10 if self.ask.is_whole else min(due, left), wanted)
        return walk

    def whole(self, ids: Sequence[Any]) -> list[Any]:
        """The rows of these ids, in their order."""
        if not ids:
            return []
        rows = self.model._default_manager.raw(
            f"SELECT * FROM {self.table} WHERE {self._key_column} = ANY(%s) LIMIT {len(ids)}", [list(ids)]
        )
        found = {row.pk: row for row in rows}
        return [found[pk] for pk in ids if pk in found]

    def _pass(self, walk: _Walk, number: int, wanted: int, *, is_first: bool = False) -> None:
        """Pass up to `number` rows in one statement, no further than the page takes.

        The first are all looked at, so that the share of those that fit is known. No index but that of the order is used.
        """
        missing = wanted - len(walk.found)
        coming = self.ask.base
        if walk.key is not None:
            coming = beyond(coming, self.names, walk.key, down=self.down)
        coming = coming.order_by(*self._order())
        walked = self.ask.narrowed if self.ask.walked is None else self.ask.walked
        fitting = walked.order_by() if is_first else walked.order_by(*self._order())
        is_cut = self.ask.sieve is None
        try:
            window, window_params = coming[:number].query.sql_with_params()
            edge, edge_params = coming.values_list(*self.names)[number - 1 : number].query.sql_with_params()
            inner, inner_params = fitting.values_list(*self.names, "pk").query.sql_with_params()
        except EmptyResultSet:
            walk.is_over = True
            return
        keys = ", ".join(self.keys)
        page = f"ORDER BY {self._key_order()} LIMIT {missing}" if is_cut else ""
        is_due = "true" if is_first or not is_cut else f"(SELECT count(*) FROM fitting) < {missing}"
        sql = (
            f"WITH fitting ({keys}, found_id) AS MATERIALIZED (WITH {self.table} AS NOT MATERIALIZED ({window}) {inner} "
            f"{f'LIMIT {missing}' if is_cut and not is_first else ''}), "
            f"edge ({keys}) AS (SELECT * FROM ({edge}) AS last WHERE {is_due}), "
            f"page AS (SELECT * FROM fitting {page}) "
            f"SELECT fits.fits, {', '.join(f'edge.{key}' for key in self.keys)}, page.* "
            "FROM (SELECT count(*) AS fits FROM fitting) AS fits LEFT JOIN edge ON true LEFT JOIN page ON true"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, [*window_params, *inner_params, *edge_params])
            told = cursor.fetchall()
        size = len(self.names)
        kept, fits = self._kept([row[size + 1 :] for row in told if row[-1] is not None])
        walk.fits += told[0][0] if is_cut else fits
        walk.passed += number
        if is_first:
            walk.share = walk.fits / number
        walk.found += kept[:missing]
        last = told[0][1 : size + 1]
        if len(kept) < missing or is_first:
            walk.is_over = last[0] is None
            walk.key = walk.key if walk.is_over else last

    def _kept(self, keys: list[Any]) -> tuple[list[Any], int]:
        """Of rows' keys those that the sieve keeps, in the direction's order, no more than a page takes; how many there were."""
        keys.sort(reverse=self.down)
        if self.ask.sieve is None:
            return keys, len(keys)
        kept = set(self.ask.sieve([key[-1] for key in keys]))
        stay = [key for key in keys if key[-1] in kept]
        return stay[: self.ask.size + 1], len(stay)

    def _find_cheaply(self, walk: _Walk, key: list[Any] | None, wanted: int) -> _Walk | None:
        """All that fit, where that is cheap and they are no more than `MOST_FOUND`."""
        found = _Walk(key)
        if self._finds_all(walk) and self._find_all(found, key, wanted, most=MOST_FOUND):
            return found
        return None

    def _finds_all(self, walk: _Walk) -> bool:
        """Whether all that fit may be found at once."""
        if self.ask.finds_cheaply:
            return True
        if self.ask.is_guessed and walk.fits:
            return False
        try:
            sql, params = self._all_keys()
        except EmptyResultSet:
            return False
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON, SETTINGS) {sql}", params)
            [told] = cursor.fetchone()[0]
        page_cost = float(told.get("Settings", {}).get("random_page_cost", 4))
        return float(told["Plan"]["Total Cost"]) <= MOST_COST * page_cost

    def _all_keys(self) -> tuple[str, Any]:
        found = self.ask.narrowed.order_by().values_list(*self.names, "pk")
        return found.query.sql_with_params()  # type: ignore[no-any-return]

    def _find_all(self, walk: _Walk, key: Sequence[Any] | None, wanted: int, *, most: int | None) -> bool:
        """Find all that fit, then order; False when they are more than `most`.

        The CTE is planned for all its rows, by the conditions and not by the order; it is read no further than `most`.
        """
        walk.is_over = True
        try:
            sql, params = self._all_keys()
        except EmptyResultSet:
            walk.count = 0
            return True
        keys = ", ".join(self.keys)
        limit = "" if most is None else f"LIMIT {most + 1}"
        marks = ", ".join(["%s"] * len(self.keys))
        past = f"WHERE ({keys}) {'<' if self.down else '>'} ({marks})" if key else ""
        page = "" if self.ask.sieve is not None else f"LIMIT {wanted}"
        text = (
            f"WITH found ({keys}, found_id) AS MATERIALIZED ({sql}), "
            f"few AS MATERIALIZED (SELECT * FROM found {limit}), "
            f"page AS (SELECT * FROM few {past} ORDER BY {self._key_order()} {page}) "
            "SELECT counted.counted, page.* FROM (SELECT count(*) AS counted FROM few) AS counted LEFT JOIN page ON true"
        )
        with connection.cursor() as cursor:
            cursor.execute(text, [*params, *(key or ())])
            told = cursor.fetchall()
        walk.count = told[0][0]
        if most is not None and walk.count is not None and walk.count > most:
            return False
        kept, fits = self._kept([row[1:] for row in told if row[-1] is not None])
        walk.found = kept[:wanted]
        if self.ask.sieve is not None:
            walk.count = None if key else fits
        return True

    @property
    def _key_column(self) -> str:
        return connection.ops.quote_name(self.model._meta.pk.column)

    def _order(self) -> list[str]:
        return [f"-{name}" if self.down else name for name in self.names]

    def _key_order(self) -> str:
        return ", ".join(f"{key} {'DESC' if self.down else 'ASC'}" for key in self.keys)
