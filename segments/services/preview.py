"""What an author sees before saving: how many, whom, what each card does, and why a person is in or not."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from typing import Any

from django.db import OperationalError, connection
from django.utils.translation import gettext as _
from pyroaring import BitMap64

from segments.catalogue import Catalogue
from segments.leaves.base import Scope
from segments.leaves.channel import LABELS, ChannelLeaf
from segments.rules import Condition, Definition, Group
from segments.rules.formula import Card, cards, formula
from segments.services.checking import check_definition
from segments.services.evaluation import Pass, as_definition, snapshot

SAMPLE = 50
SHARE = 100  # one person in so many is asked for an estimate
CHANNELS = ("email", "sms", "web_push", "mobile_push")
# A multiplicative hash of the id: the same persons each time, spread over the table whatever the order of ids.
SAMPLED = f"""
SELECT id FROM contacts_contact WHERE state = 'active' AND NOT is_restricted
  AND (id * 2654435761) %% 4294967296 < 4294967296 / {SHARE}
"""


@dataclass(frozen=True, slots=True)
class Reach:
    channel: str
    label: str
    present: int
    reachable: int


@dataclass(frozen=True, slots=True)
class CardCount:
    """How many a card holds by itself, and how many the equation holds up to and with it."""

    letter: str
    is_excluding: bool
    count: int
    running: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`count` is exact unless `margin` is given: then it is an estimate, right within `margin` in 19 of 20 cases."""

    count: int
    formula: str
    margin: int | None = None
    channels: list[Reach] = field(default_factory=list)
    cards: list[CardCount] = field(default_factory=list)
    sample: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_estimate(self) -> bool:
        return self.margin is not None


def preview(definition: Definition | Mapping[str, Any], *, now: datetime, seconds: float = 2) -> Preview:
    """Count a definition from live data; after `seconds` an estimate by every hundredth person is given instead.

    Raises:
        DefinitionError: the definition breaks rules or names what is not there.
        BrokenReference: the same, of a segment it refers to.
    """
    tree = as_definition(definition)
    catalogue = Catalogue()
    check_definition(tree, catalogue)
    started = time.monotonic()
    try:
        with snapshot():
            _limit(seconds)
            found = _look(tree, Pass(now=now, catalogue=catalogue), started, lambda count: count)
            _limit(None)
            return found
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled: it took too long
            raise
    with snapshot():
        with connection.cursor() as cursor:
            cursor.execute(SAMPLED, [])
            among = [row[0] for row in cursor.fetchall()]
        return _look(
            tree, Pass(now=now, catalogue=catalogue, among=among), started, lambda count: count * SHARE,
            sampled=len(among),
        )  # fmt: skip


def _limit(seconds: float | None) -> None:
    """Bound each statement of this transaction; inside a caller's transaction nothing is bound."""
    with connection.cursor() as cursor:
        if connection.savepoint_ids or seconds is None:
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
        else:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(seconds * 1000)))]
            )


def _look(
    tree: Definition, evaluation: Pass, started: float, scale: Callable[[int], int], *, sampled: int = 0
) -> Preview:
    found = evaluation.evaluate(tree)
    counts = _cards(tree, evaluation, scale)
    channels = [_reach(channel, found, evaluation, scale) for channel in CHANNELS]
    margin = None
    if sampled:
        share = len(found) / sampled
        margin = int(1.96 * sqrt(share * (1 - share) / sampled) * sampled * SHARE)
    return Preview(
        count=scale(len(found)), formula=formula(tree), margin=margin, channels=channels, cards=counts,
        sample=list(found[:SAMPLE]), seconds=time.monotonic() - started,
    )  # fmt: skip


def _cards(tree: Definition, evaluation: Pass, scale: Callable[[int], int]) -> list[CardCount]:
    """Each card's own count, and the equation with only the cards up to it."""
    found = []
    passed: set[int] = set()
    for card in cards(tree):
        passed.add(id(card.group))
        running = _running(tree, card, passed, evaluation)
        own = evaluation.node(card.group) & evaluation.universe
        found.append(CardCount(card.letter, card.is_excluding, scale(len(own)), scale(len(running))))
    return found


def _running(tree: Definition, card: Card, passed: set[int], evaluation: Pass) -> BitMap64:
    included = _partly(tree.include, passed, evaluation)
    if included is None:
        included = evaluation.node(card.group)
    if card.is_excluding and tree.exclude is not None:
        excluded = _partly(tree.exclude, passed, evaluation)
        included = included - (excluded if excluded is not None else evaluation.node(card.group))
    return included & evaluation.universe


def _partly(node: Group | Condition, passed: set[int], evaluation: Pass) -> BitMap64 | None:
    """A node of which only the cards passed so far count; None when none of it does."""
    if isinstance(node, Condition):
        return evaluation.node(node)
    if id(node) in passed:
        return evaluation.node(node)
    if all(isinstance(item, Condition) for item in node.items):
        return None
    parts = [part for item in node.items if (part := _partly(item, passed, evaluation)) is not None]
    if not parts:
        return None
    found = parts[0]
    for part in parts[1:]:
        found = found & part if node.op == "and" else found | part
    return evaluation.universe - found if node.is_negated else found


def _reach(channel: str, found: BitMap64, evaluation: Pass, scale: Callable[[int], int]) -> Reach:
    present, reachable = (
        scale(len(found & evaluation.run(ChannelLeaf(channel, cmp).query(evaluation.scope))))
        for cmp in ("present", "reachable")
    )
    return Reach(channel, _(LABELS[channel]), present, reachable)


def count_reach(ids: BitMap64, *, now: datetime) -> list[Reach]:
    """How many of the persons have each channel, and could be sent to by it."""
    with snapshot():
        evaluation = Pass(now=now)
        return [_reach(channel, ids, evaluation, lambda count: count) for channel in CHANNELS]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A node for one person: whether it holds, in words, with the value it was decided by."""

    holds: bool
    words: str
    seen: str = ""
    is_negated: bool = False
    is_group: bool = False
    parts: "tuple[Verdict, ...]" = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a person is in or not. `is_eligible`: active and not restricted; nobody else is ever in."""

    is_member: bool
    is_eligible: bool
    include: Verdict
    exclude: Verdict | None = None


def explain(definition: Definition | Mapping[str, Any], person_id: int, *, now: datetime) -> Explanation:
    """Each node true or false for one person, with the values seen; from live data in one snapshot.

    Raises:
        DefinitionError: the definition breaks rules or names what is not there.
    """
    tree = as_definition(definition)
    with snapshot():
        evaluation = Pass(now=now, among=[person_id])
        check_definition(tree, evaluation.scope.catalogue)
        is_member = person_id in evaluation.evaluate(tree)
        include = _verdict(tree.include, person_id, evaluation)
        exclude = None if tree.exclude is None else _verdict(tree.exclude, person_id, evaluation)
        return Explanation(is_member, bool(evaluation.universe), include, exclude)


def _verdict(node: Group | Condition, person_id: int, evaluation: Pass) -> Verdict:
    holds = person_id in evaluation.node(node)
    scope: Scope = evaluation.scope
    if isinstance(node, Condition):
        words = node.leaf.words(scope.catalogue)
        return Verdict(holds, words, node.leaf.seen(scope, person_id), node.is_negated)
    parts = tuple(_verdict(item, person_id, evaluation) for item in node.items)
    words = _("all of these") if node.op == "and" else _("any of these")
    return Verdict(holds, words, "", node.is_negated, True, parts)
