"""Asks many leaves in few statements: those over contacts' own rows in one scan of these persons, those over the same
rows of activity in one scan of these rows, the rest by one `UNION ALL` for some of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db import connection
from pyroaring import BitMap64

from segments.leaves.base import Figured, Query, RowTest, Scope
from segments.services import packing

Key = tuple[str, str]
Kind = TypeVar("Kind", bound=Query)
TOGETHER = 40  # unlike queries asked in one statement
COLUMNS = 200  # leaves asked in one scan; a row of a statement has at most 1 600 columns
OWN_ROWS = "SELECT id AS person_id, [tests] FROM contacts_contact WHERE true[narrow]"
# The fence (OFFSET 0) has each condition and each value worked out once a row.
FIGURES = """
SELECT person_id, [verdicts] FROM (
    SELECT person_id, [figures] FROM (
        SELECT [person] AS person_id, [at] AS at, [order] AS tie, [columns] FROM [source] WHERE ([bases])[since][narrow] OFFSET 0
    ) counted GROUP BY person_id
) measured
"""


def ask_together(queries: Iterable[Query], scope: Scope) -> dict[Key, BitMap64]:
    """The persons each query yields (not its complement), by its key; for a scope of some persons."""
    tests: list[RowTest] = []
    figured: dict[tuple[str, str], list[Figured]] = defaultdict(list)
    others: list[Query] = []
    for query in queries:
        if isinstance(query, RowTest):
            tests.append(query)
        elif isinstance(query, Figured):
            figured[(query.source, query.person)].append(query)
        else:
            others.append(query)
    found: dict[Key, BitMap64] = {}
    for some in _cut(tests, COLUMNS):
        found |= _ask_tests(some, scope)
    for same in figured.values():
        if len(same) == 1:
            others += same
            continue
        for few in _cut(same, COLUMNS):
            found |= _ask_figures(few, scope)
    for rest in _cut(others, TOGETHER):
        found |= _ask_others(rest)
    return found


def _cut(queries: Sequence[Kind], size: int) -> list[Sequence[Kind]]:
    return [queries[start : start + size] for start in range(0, len(queries), size)]


def _ask_tests(queries: Sequence[RowTest], scope: Scope) -> dict[Key, BitMap64]:
    narrow, ids = scope.narrow("id")
    tests = ", ".join(f"({query.test}) AS t{place}" for place, query in enumerate(queries))
    text = OWN_ROWS.replace("[narrow]", narrow).replace("[tests]", tests)
    params = [param for query in queries for param in query.test_params]
    return _columns(queries, text, [*params, *ids])


class _Columns:
    """Distinct columns of a statement, named by their place."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.names: dict[Any, str] = {}
        self.texts: list[str] = []
        self.params: list[Any] = []

    def name(self, text: str, params: Sequence[Any] = ()) -> str:
        key = (text, repr(params))
        known = self.names.get(key)
        if known is None:
            known = self.names[key] = f"{self.letter}{len(self.names)}"
            self.texts.append(f"{text} AS {known}")
            self.params += params
        return known


def _ask_figures(queries: Sequence[Figured], scope: Scope) -> dict[Key, BitMap64]:
    conditions, values, figures, verdicts = _Columns("c"), _Columns("v"), _Columns("f"), _Columns("t")
    bases = _Columns("b")
    places: list[str] = []
    for query in queries:
        bases.name(f"({query.base[0]})", query.base[1])
        text = f"({query.base[0]} AND {query.counted[0]})"
        condition = conditions.name(text, (*query.base[1], *query.counted[1]))
        value = values.name(query.value) if query.value else ""
        filtered = f" FILTER (WHERE {condition})"
        rows = figures.name(f"count(*){filtered}")
        figure = query.figure.replace("[filter]", filtered).replace("[value]", value)
        figure = figures.name(figure.replace("[at]", "at").replace("[order]", "tie"))
        verdict = query.verdict[0].replace("[figure]", figure)
        places.append(verdicts.name(f"({rows} > 0 AND {verdict})", query.verdict[1]))
    first = queries[0]
    lows = [query.low for query in queries]
    since, low = (f" AND {first.at} >= %s", [min(filter(None, lows))]) if all(lows) else ("", [])
    narrow, ids = scope.narrow(first.person)
    words = {
        "person": first.person, "at": first.at, "order": first.order or "0", "source": first.source,
        "since": since, "narrow": narrow, "verdicts": ", ".join(verdicts.texts), "figures": ", ".join(figures.texts),
        "bases": " OR ".join(text.rpartition(" AS ")[0] for text in bases.texts),
        "columns": ", ".join([*conditions.texts, *values.texts]),  # last: it holds names that authors gave
    }  # fmt: skip
    text = FIGURES
    for word, replacement in words.items():
        text = text.replace(f"[{word}]", replacement)
    params = [*verdicts.params, *conditions.params, *bases.params, *low, *ids]
    return _columns(queries, text, params, places)


def _columns(
    queries: Sequence[Query], text: str, params: Sequence[Any], places: Sequence[str] = ()
) -> dict[Key, BitMap64]:
    """The persons for whom each query's column of a statement is true. `places`: the columns' names; t0, t1 … without."""
    names = places or [f"t{place}" for place in range(len(queries))]
    distinct = list(dict.fromkeys(names))
    with connection.cursor() as cursor:
        cursor.execute(packing.packed_columns(text, distinct), list(params))
        rows = cursor.fetchall()
    found = {
        name: packing.unpack([(row[0], row[place]) for row in rows if row[place] is not None])
        for place, name in enumerate(distinct, 1)
    }
    return {query.key: found[name] for query, name in zip(queries, names, strict=True)}


def _ask_others(queries: Sequence[Query]) -> dict[Key, BitMap64]:
    text = " UNION ALL ".join(
        f"SELECT {place} AS k, person_id FROM ({query.sql}) q{place}" for place, query in enumerate(queries)
    )
    params = [param for query in queries for param in query.params]
    rows: dict[int, list[tuple[int, Any]]] = {place: [] for place in range(len(queries))}
    with connection.cursor() as cursor:
        cursor.execute(packing.packed_together(text), params)
        for place, key, data in cursor.fetchall():
            rows[place].append((key, data))
    return {query.key: packing.unpack(rows[place]) for place, query in enumerate(queries)}
