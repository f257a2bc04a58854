"""Full builds: evaluated outside the lane in one snapshot, swapped in under it.

Who builds holds a session lock on the segment, so that a build whose process died is taken over at once. While it runs the
live path notes the persons it meets; the swap leaves them out and queues them again, so that no change is lost or undone.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils.translation import override
from pyroaring import BitMap64

from cdp.crash import crash_point
from cdp.engine import worker_name
from segments.catalogue import Catalogue
from segments.models import (
    Build,
    BuildState,
    ChangeReason,
    Clock,
    Dirty,
    Lane,
    Meanwhile,
    Segment,
    SegmentState,
)
from segments.rules import BrokenReference, DefinitionError, read_definition
from segments.services.checking import check_definition
from segments.services.chunks import changed_chunks, replace_members, stored_members
from segments.services.clock import edges_of
from segments.services.definitions import break_segment, request_build
from segments.services.evaluation import FOR_FULL_SCANS, Pass
from segments.services.journal import Difference, write_changes
from segments.services.queue import append

log = structlog.get_logger(__name__)

LOCK_CLASS = 0x5E6  # of pg_advisory_lock(class, segment)
HEARTBEAT_SECONDS = 5.0
PAUSES = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
WRITERS_SECONDS = 5.0
IN_FLIGHT = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


class SupersededError(Exception):
    """The segment changed, or somebody else builds it: this attempt comes to nothing."""


class BusyWritersError(Exception):
    """Transactions that began before the build was asked for are still under way; the build waits for them."""


@dataclass(frozen=True, slots=True)
class Attempt:
    segment_id: int
    token: uuid.UUID
    fingerprint: str


def work_build(*, now: datetime) -> int:
    """Build one segment that waits or whose builder died; returns 1, or 0 when there is none."""
    for segment_id in _candidates(now):
        with _owned(segment_id) as is_mine:
            if not is_mine:
                continue
            attempt = _begin(segment_id, now=now)
            if attempt is None:
                continue
            _attempt(attempt, now=now)
            return 1
    return 0


def build_segment(segment_id: int, *, now: datetime) -> bool:
    """Build one segment in this process, as an operator asks for; False when somebody else is building it.

    Raises:
        Segment.DoesNotExist: no segment has the id.
    """
    with transaction.atomic():
        Segment.objects.get(pk=segment_id)
        request_build(segment_id, reason=ChangeReason.REBUILD, now=now)
    with _owned(segment_id) as is_mine:
        attempt = _begin(segment_id, now=now) if is_mine else None
        if attempt is None:
            return False
        _attempt(attempt, now=now)
    return True


def _candidates(now: datetime) -> list[int]:
    due = Q(state=BuildState.WAITING) & (Q(not_before=None) | Q(not_before__lte=now))
    rows = Build.objects.filter(due | Q(state=BuildState.RUNNING), segment__state=SegmentState.ACTIVE)
    return list(rows.order_by("state", "requested_at").values_list("pk", flat=True)[:50])


@contextmanager
def _owned(segment_id: int) -> Iterator[bool]:
    """Hold the segment's session lock; it goes with the connection, so a dead owner holds nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, segment_id])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_CLASS, segment_id])


def _begin(segment_id: int, *, now: datetime) -> Attempt | None:
    """Mark the build as running, under the lane: live passes before it are committed, those after it take notes."""
    with transaction.atomic():
        Lane.objects.select_for_update().get(pk=segment_id)
        row = Build.objects.select_for_update().get(pk=segment_id)
        segment = Segment.objects.get(pk=segment_id)
        if row.state == BuildState.IDLE or segment.state != SegmentState.ACTIVE:
            return None
        if row.state == BuildState.RUNNING:
            log.warning("build_taken_over", segment=segment_id, owner=row.owner)
        Meanwhile.objects.filter(segment_id=segment_id).delete()
        row.state, row.token = BuildState.RUNNING, uuid.uuid4()
        row.owner = worker_name()
        row.started_at = row.heartbeat_at = now
        row.attempts += 1
        row.save()
    crash_point("build_claimed")
    return Attempt(segment_id, row.token, segment.fingerprint)


def _attempt(attempt: Attempt, *, now: datetime) -> None:
    started = time.monotonic()
    try:
        _await_writers()
        with _heartbeat(attempt), override("en"):  # what is wrong is kept, for readers of any language
            members = _evaluate(attempt, now=now)
        crash_point("build_before_swap")
        _swap(attempt, members, now=now, seconds=lambda: time.monotonic() - started)
        crash_point("swap_after_commit")
    except SupersededError:
        log.info("build_superseded", segment=attempt.segment_id)
    except BusyWritersError:
        _put_back(attempt, now=now, pause=timedelta(seconds=1), error="")
    except (BrokenReference, DefinitionError) as error:
        break_segment(attempt.segment_id, reason=str(error), now=now)
        Build.objects.filter(pk=attempt.segment_id, token=attempt.token).update(
            state=BuildState.IDLE, token=None, last_error=str(error)[:2000], last_error_at=now
        )
    except DatabaseError as error:
        if connection.connection is None or connection.connection.closed:
            raise
        log.exception("build_failed", segment=attempt.segment_id)
        attempts = Build.objects.values_list("attempts", flat=True).get(pk=attempt.segment_id)
        pause = PAUSES[min(attempts, len(PAUSES)) - 1]
        _put_back(attempt, now=now, pause=pause, error=f"{type(error).__name__}: {error}")


def _put_back(attempt: Attempt, *, now: datetime, pause: timedelta, error: str) -> None:
    values: dict[str, object] = {"state": BuildState.WAITING, "token": None, "not_before": now + pause}
    if error:
        values |= {"last_error": error[:2000], "last_error_at": now}
    Build.objects.filter(pk=attempt.segment_id, token=attempt.token).update(**values)


def _await_writers() -> None:
    """Wait until every transaction is over that may have appended its changes before the segment's words were known.

    Raises:
        BusyWritersError: one of them takes longer than a few seconds.
    """
    if connection.in_atomic_block:
        return  # a test's transaction: it would wait for itself
    with connection.cursor() as cursor:
        cursor.execute(IN_FLIGHT)
        beyond = cursor.fetchone()[1]
        deadline = time.monotonic() + WRITERS_SECONDS
        while True:
            cursor.execute(IN_FLIGHT)
            if cursor.fetchone()[0] >= beyond:
                return
            if time.monotonic() > deadline:
                raise BusyWritersError
            time.sleep(0.02)


@contextmanager
def _heartbeat(attempt: Attempt) -> Iterator[None]:
    """Write the build's heartbeat from another connection while a long statement keeps this one."""
    done = threading.Event()

    def beat() -> None:
        try:
            while not done.wait(HEARTBEAT_SECONDS):
                Build.objects.filter(pk=attempt.segment_id, token=attempt.token).update(
                    heartbeat_at=datetime.now(UTC)
                )
        except DatabaseError as error:
            log.warning("heartbeat_failed", segment=attempt.segment_id, error=type(error).__name__)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="build-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _evaluate(attempt: Attempt, *, now: datetime) -> BitMap64:
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not connection.savepoint_ids:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(FOR_FULL_SCANS)
        segment = Segment.objects.get(pk=attempt.segment_id)
        if segment.fingerprint != attempt.fingerprint:
            raise SupersededError
        evaluation = Pass(now=now)
        tree = read_definition(segment.definition)
        check_definition(tree, evaluation.scope.catalogue, own_id=segment.pk)
        return evaluation.evaluate(tree)


def _swap(attempt: Attempt, members: BitMap64, *, now: datetime, seconds: Callable[[], float]) -> None:
    """Put the members in place; persons met meanwhile keep what they had and are looked at again."""
    segment_id = attempt.segment_id
    with transaction.atomic():
        Lane.objects.select_for_update().get(pk=segment_id)
        row = Build.objects.select_for_update().get(pk=segment_id)
        segment = Segment.objects.get(pk=segment_id)
        if row.token != attempt.token or segment.fingerprint != attempt.fingerprint:
            raise SupersededError
        met = BitMap64(
            sorted(set(Meanwhile.objects.filter(segment_id=segment_id).values_list("person_id", flat=True)))
        )
        before = stored_members(segment_id)
        after = (members - met) | (before & met)
        is_first = segment.built_fingerprint == ""
        is_same = segment.is_current
        if is_first and not row.does_announce:
            replace_members(segment_id, before=before, after=after)
        else:
            _announce(segment_id, before, after, row, is_same=is_same, now=now)
        crash_point("swap_chunks_written")
        drift = (
            _drift(segment, before ^ after, now=now) if row.is_checking and is_same and segment.is_live else 0
        )
        _finish(segment, row, size=len(after), drift=drift, seconds=seconds(), now=now)
        Meanwhile.objects.filter(segment_id=segment_id).delete()
        append([(f"only.{segment_id}", person, not is_same) for person in met], now=now)
        if not is_same:
            _rebuild_dependents(segment_id, now=now)
        crash_point("swap_before_commit")


def _finish(segment: Segment, row: Build, *, size: int, drift: int, seconds: float, now: datetime) -> None:
    Segment.objects.filter(pk=segment.pk).update(
        size=size, built_at=now, built_fingerprint=segment.fingerprint
    )
    row.state, row.token, row.attempts, row.not_before = BuildState.IDLE, None, 0, None
    row.finished_at, row.seconds, row.last_error, row.last_error_at = now, seconds, "", None
    row.drift = drift if row.is_checking else row.drift
    row.save()
    if drift:
        log.error("segment_drift", segment=segment.pk, persons=drift)


def _announce(
    segment_id: int, before: BitMap64, after: BitMap64, row: Build, *, is_same: bool, now: datetime
) -> None:
    """Write a build's differences and journal them; those of another definition are muted unless wanted aloud."""
    is_muted = (row.is_muted or not is_same) and not row.does_announce
    reason = ChangeReason.DEFINITION if not is_same else row.reason
    if before != after:
        difference = Difference(segment_id, after - before, before - after, is_muted, reason)
        write_changes([difference], changed_chunks(segment_id, before=before, after=after), now=now)


def _drift(segment: Segment, changed: BitMap64, *, now: datetime) -> int:
    """How many of a nightly build's differences nothing explains: no change waits for them, and no clock does."""
    if not changed:
        return 0
    explained = BitMap64(sorted(set(Dirty.objects.values_list("person_id", flat=True)[:100_000])))
    clock = Clock.objects.filter(pk=1).first()
    if clock is not None and clock.swept_at < now:
        explained |= edges_of(
            read_definition(segment.definition), Catalogue(), since=clock.swept_at, until=now
        )
    return len(changed - explained)


def _rebuild_dependents(segment_id: int, *, now: datetime) -> None:
    """Segments that refer to one with other members now are built anew, silently."""
    ids = Segment.objects.filter(sources__source=f"segment.{segment_id}", state=SegmentState.ACTIVE)
    for number in ids.order_by("pk").values_list("pk", flat=True):
        request_build(number, reason=ChangeReason.DEFINITION, now=now, is_muted=True)
