"""The clock: what passes with time alone. Each minute the edges since the last sweep are marked; nightly all is built."""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import override
from pyroaring import BitMap64

from cdp.bell import ring
from segments.catalogue import Catalogue
from segments.leaves.base import Query, Scope
from segments.models import ChangeReason, Clock, Segment, SegmentState
from segments.rules import BrokenReference, Definition, DefinitionError, read_definition
from segments.services import packing
from segments.services.checking import check_definition
from segments.services.definitions import break_segment, mend_segment, request_build

SWEEP = timedelta(seconds=60)
NIGHT_HOUR = 3  # UTC
LONGEST_GAP = timedelta(days=7)  # after a longer standstill everything is built anew instead
MARK = """
INSERT INTO segments_dirty (source, person_id, is_muted, reason, at)
SELECT s.source, e.person_id, false, 'clock', %s::timestamptz
FROM (SELECT DISTINCT person_id FROM ([query]) q) e CROSS JOIN unnest(%s::text[]) AS s(source)
"""


def sweep(*, now: datetime) -> int:
    """Mark the edges since the last sweep, when a minute has passed; returns the persons marked, or 0.

    One process at a time; what a failed sweep did is undone, and the next one begins where the last good one ended.
    """
    with transaction.atomic():
        clock = Clock.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if clock is None or now - clock.swept_at < SWEEP:
            return 0
        marked = _sweep_between(clock.swept_at, now)
        clock.swept_at = now
        is_night = now.hour >= NIGHT_HOUR and clock.nightly_on != now.date()
        if is_night:
            clock.nightly_on = now.date()
        clock.save()
        if is_night:
            request_all(now=now)
    return marked


def _sweep_between(since: datetime, until: datetime) -> int:
    catalogue = Catalogue()
    look_at_references(catalogue, now=until)
    segments = Segment.objects.filter(state=SegmentState.ACTIVE, is_live=True).exclude(built_fingerprint="")
    if until - since > LONGEST_GAP:
        for number in segments.order_by("pk").values_list("pk", flat=True):
            request_build(number, reason=ChangeReason.CLOCK, now=until)
        return 0
    queries: dict[tuple[str, str], tuple[Query, set[str]]] = {}
    for segment in segments:
        for query in _edges(read_definition(segment.definition), catalogue, since, until):
            queries.setdefault(query.key, (query, set()))[1].add(f"only.{segment.pk}")
    marked = 0
    with connection.cursor() as cursor:
        for query, sources in queries.values():
            cursor.execute(MARK.replace("[query]", query.sql), [until, *query.params, sorted(sources)])
            marked += max(cursor.rowcount, 0)
    if marked:
        transaction.on_commit(lambda: ring("segments"))
    return marked


def _edges(definition: Definition, catalogue: Catalogue, since: datetime, until: datetime) -> list[Query]:
    scope = Scope(until, catalogue)
    return [query for one in definition.conditions() for query in one.leaf.edges(scope, since, until)]


def edges_of(definition: Definition, catalogue: Catalogue, *, since: datetime, until: datetime) -> BitMap64:
    """Persons whose membership the clock alone may change between two instants."""
    found = BitMap64()
    with connection.cursor() as cursor:
        for query in _edges(definition, catalogue, since, until):
            cursor.execute(packing.packed(query.sql), list(query.params))
            found |= packing.unpack(cursor.fetchall())
    return found


def look_at_references(catalogue: Catalogue, *, now: datetime) -> None:
    """Mark segments broken whose fields, lists, types or segments are gone, and mend those whose are back."""
    rows = Segment.objects.filter(state__in=[SegmentState.ACTIVE, SegmentState.BROKEN]).order_by("pk")
    for segment in rows:
        try:
            with override("en"):  # what is wrong is kept, for readers of any language
                check_definition(read_definition(segment.definition), catalogue, own_id=segment.pk)
        except (BrokenReference, DefinitionError) as error:
            break_segment(segment.pk, reason=str(error), now=now)
            continue
        if segment.state == SegmentState.BROKEN:
            mend_segment(segment.pk, now=now)


def request_all(*, now: datetime) -> int:
    """Ask for a checking build of every segment; returns how many. Differences it finds are counted as drift."""
    ids = list(Segment.objects.filter(state=SegmentState.ACTIVE).order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        for number in ids:
            request_build(number, reason=ChangeReason.REBUILD, now=now, is_checking=True)
    return len(ids)
