"""The live path: works off the queue of changes, a batch a transaction.

Claimed rows are deleted; evaluating happens in a later statement, which sees what was committed with them. Whoever
writes a segment's chunks holds its lane, taken before evaluating, in the order of ids.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce

import structlog
from django.db import connection, transaction
from django.utils.translation import override
from pyroaring import BitMap64

from cdp.crash import crash_point
from segments.catalogue import Catalogue
from segments.models import BuildState, ChangeReason, Segment, SegmentSource, SegmentState
from segments.rules import BrokenReference, Definition, DefinitionError
from segments.services import packing
from segments.services.chunks import ChangedChunks, read_chunks
from segments.services.definitions import break_segment, request_build
from segments.services.evaluation import Pass
from segments.services.journal import Difference, forget, write_changes
from segments.services.queue import ERASED, EVERYTHING
from segments.services.trees import Trees

log = structlog.get_logger(__name__)

BATCH = 5_000
REBUILD_SHARE = 0.05
REBUILD_LEAST = 1_000
CLAIM = """
DELETE FROM segments_dirty WHERE id IN (SELECT id FROM segments_dirty ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING source, person_id, is_muted, reason
"""
LOCK = "SELECT segment_id FROM segments_lane WHERE segment_id = ANY(%s) ORDER BY segment_id FOR UPDATE"
# Read after the lanes are held: what was committed before they were counts. With it, everybody by the table's estimate.
READ = """
SELECT s.id, s.fingerprint, s.built_fingerprint, b.state,
    (SELECT reltuples::bigint FROM pg_class WHERE oid = 'contacts_contact'::regclass)
FROM segments_segment s JOIN segments_build b ON b.segment_id = s.id
WHERE s.id = ANY(%s) AND s.state = %s AND s.is_live ORDER BY s.id
"""
REMEMBER = """
INSERT INTO segments_meanwhile (segment_id, person_id)
SELECT segment_id, person_id FROM unnest(%s::bigint[], %s::bigint[]) AS w (segment_id, person_id)
"""


@dataclass(slots=True)
class Target:
    """What a batch means for one segment: its persons, who of them changed aloud, and who by more than the clock."""

    persons: BitMap64 = field(default_factory=BitMap64)
    aloud: BitMap64 = field(default_factory=BitMap64)
    by_data: BitMap64 = field(default_factory=BitMap64)

    def __or__(self, other: "Target") -> "Target":
        return Target(self.persons | other.persons, self.aloud | other.aloud, self.by_data | other.by_data)


def work_queue(*, now: datetime, limit: int = BATCH) -> int:
    """Claim a batch of changes and bring the segments they concern up to date; returns the rows claimed."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL jit TO off")
            cursor.execute(CLAIM, [limit])
            rows = cursor.fetchall()
        if not rows:
            return 0
        targets = _fan_out(rows)
        crash_point("live_claimed")
        if erased := [person for source, person, _is_muted, _reason in rows if source == ERASED]:
            forget(erased)
        if targets:
            _bring_up_to_date(targets, now=now)
        crash_point("live_before_commit")
    return len(rows)


def _fan_out(rows: Iterable[tuple[str, int, bool, str]]) -> dict[int, Target]:
    """The persons of each segment that reads what changed; segments that read the same share one target."""
    by_source: dict[str, Target] = {}
    for source, person, is_muted, reason in rows:
        target = by_source.get(source)
        if target is None:
            target = by_source[source] = Target()
        target.persons.add(person)
        if not is_muted:
            target.aloud.add(person)
        if reason != ChangeReason.CLOCK:
            target.by_data.add(person)
    sources: dict[int, list[str]] = {}
    found = SegmentSource.objects.filter(source__in=list(by_source)).values_list("source", "segment_id")
    for source, segment_id in found.order_by("source"):
        sources.setdefault(segment_id, []).append(source)
    if EVERYTHING in by_source:
        for segment_id in Segment.objects.values_list("pk", flat=True):
            sources.setdefault(segment_id, []).append(EVERYTHING)
    for source in by_source:
        if source.startswith("only."):
            sources.setdefault(int(source[5:]), []).append(source)
    joined: dict[tuple[str, ...], Target] = {}
    targets: dict[int, Target] = {}
    for segment_id, mine in sources.items():
        key = tuple(mine)
        if key not in joined:
            joined[key] = reduce(Target.__or__, (by_source[source] for source in mine))
        targets[segment_id] = joined[key]
    return targets


def _bring_up_to_date(targets: dict[int, Target], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(targets)])
        held = [segment_id for (segment_id,) in cursor.fetchall()]
        cursor.execute(READ, [held, SegmentState.ACTIVE])
        segments = cursor.fetchall()
    trees = Trees([fingerprint for _pk, fingerprint, *_more in segments])
    catalogue = Catalogue()
    wanted: dict[int, Definition] = {}
    fit: set[str] = set()  # forms of conditions that name nothing that is gone
    for segment_id, fingerprint, built, state, everybody in segments:
        target = targets[segment_id]
        if state == BuildState.RUNNING:
            _remember(segment_id, target.persons)
        if fingerprint != built:
            continue  # its build is to come, and sees these changes
        if len(target.persons) > max(REBUILD_LEAST, int(everybody * REBUILD_SHARE)):  # a rebuild is cheaper
            request_build(segment_id, reason=ChangeReason.DATA, now=now, is_muted=not target.aloud)
            continue
        try:
            with override("en"):  # what is wrong is kept, for readers of any language
                tree = trees.of(segment_id, fingerprint)
                _check(tree, catalogue, fit)
        except (BrokenReference, DefinitionError) as error:
            break_segment(segment_id, reason=str(error), now=now)
            continue
        wanted[segment_id] = tree
    if wanted:
        _write(wanted, targets, catalogue, now=now)


def _check(tree: Definition, catalogue: Catalogue, fit: set[str]) -> None:
    """Check each condition once a pass; `fit` notes those that passed.

    Raises:
        BrokenReference: a condition names what is not there, or its literal does not fit.
    """
    for condition in tree.conditions():
        if condition.form not in fit:
            condition.leaf.check(catalogue)
            fit.add(condition.form)


def _write(
    wanted: dict[int, Definition], targets: dict[int, Target], catalogue: Catalogue, *, now: datetime
) -> None:
    distinct = {id(targets[segment_id]): targets[segment_id] for segment_id in wanted}
    persons = packing.union(target.persons for target in distinct.values())
    evaluation = Pass(now=now, among=persons, catalogue=catalogue, uses_stored=True)
    evaluation.prefetch(wanted.values())
    stored = read_chunks(list(wanted), list(packing.chunks_in(persons)))
    differences: list[Difference] = []
    chunks: ChangedChunks = {}
    for segment_id, tree in wanted.items():
        target = targets[segment_id]
        before = packing.union(stored.get(segment_id, {}).values())
        after = (before - target.persons) | (evaluation.evaluate(tree) & target.persons)
        changed = before ^ after
        for chunk in packing.chunks_in(changed):
            chunks[(segment_id, chunk)] = packing.chunk_of(after, chunk)
        differences += _by_cause(segment_id, changed, after, target)
    if differences:
        write_changes(differences, chunks, now=now)


def _by_cause(segment_id: int, changed: BitMap64, after: BitMap64, target: Target) -> Iterator[Difference]:
    """A segment's changes by whether they are muted and by their reason."""
    for is_muted, some in ((False, changed & target.aloud), (True, changed - target.aloud)):
        by_data = some & target.by_data
        for reason, ids in ((ChangeReason.DATA, by_data), (ChangeReason.CLOCK, some - by_data)):
            if ids:
                yield Difference(segment_id, ids & after, ids - after, is_muted, reason)


def _remember(segment_id: int, persons: BitMap64) -> None:
    """Tell the running build whom it must leave out of its swap."""
    ids = list(persons)
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER, [[segment_id] * len(ids), ids])
