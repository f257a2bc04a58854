"""What the tabs of a segment show, read in a bounded number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Sum

from contacts.models import Contact
from segments.catalogue import Catalogue
from segments.leaves.base import Leaf
from segments.models import Segment, SegmentDay, SegmentState
from segments.rules import BrokenReference, Condition, DefinitionError, Group, formula, read_definition
from segments.rules.formula import cards
from segments.services.checking import check_definition
from segments.services.chunks import page_of_members

PAGE = 50
DAYS = 7


@dataclass(frozen=True, slots=True)
class CardWords:
    letter: str
    is_excluding: bool
    is_negated: bool
    op: str
    lines: list[tuple[bool, str]]  # (negated, words)


def moved(segment_ids: list[int], *, now: datetime) -> dict[int, tuple[int, int]]:
    """(entered, left) of the last seven days (UTC) by segment; muted changes count too: they did come or go."""
    since = now.astimezone(UTC).date() - timedelta(days=DAYS - 1)
    rows = SegmentDay.objects.filter(segment_id__in=segment_ids, day__gte=since).values_list("segment_id")
    counted = rows.annotate(came=Sum("entered"), went=Sum("left"))
    return {segment_id: (came, went) for segment_id, came, went in counted.order_by()}


def why_broken(segments: Iterable[Segment]) -> dict[int, str]:
    """What the broken ones of the segments lack, in the reader's language; as it was noted where nothing lacks by now."""
    broken = [segment for segment in segments if segment.state == SegmentState.BROKEN]
    if not broken:
        return {}
    catalogue = Catalogue()
    return {segment.pk: _lack(segment, catalogue) for segment in broken}


def _lack(segment: Segment, catalogue: Catalogue) -> str:
    try:
        check_definition(read_definition(segment.definition), catalogue, own_id=segment.pk)
    except (BrokenReference, DefinitionError) as error:
        return str(error)
    return segment.reason


def words_of(body: Any) -> tuple[str, list[CardWords], str]:
    """(formula, cards in words, what is wrong with it)."""
    try:
        tree = read_definition(body)
    except DefinitionError as error:
        return "", [], str(error)
    catalogue = Catalogue()
    found = []
    for card in cards(tree):
        lines = [line for item in card.group.items for line in _lines(item, catalogue)]
        found.append(CardWords(card.letter, card.is_excluding, card.group.is_negated, card.group.op, lines))
    return formula(tree), found, ""


def _lines(node: Group | Condition, catalogue: Catalogue) -> list[tuple[bool, str]]:
    if isinstance(node, Condition):
        return [(node.is_negated, _words(node.leaf, catalogue))]
    return [line for item in node.items for line in _lines(item, catalogue)]


def _words(leaf: Leaf, catalogue: Catalogue) -> str:
    try:
        return leaf.words(catalogue)
    except BrokenReference as error:
        return error.message


def member_rows(segment: Segment, *, after: int) -> tuple[list[Contact], int]:
    """A page of stored members by id, and the cursor of the next page; 0 when this is the last."""
    ids = page_of_members(segment.pk, after=after, limit=PAGE + 1)
    found = Contact.objects.in_bulk(ids[:PAGE])
    return [found[pk] for pk in ids[:PAGE] if pk in found], ids[PAGE - 1] if len(ids) > PAGE else 0
