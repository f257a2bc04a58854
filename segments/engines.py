"""The engines of segments: the live path, the clock, and full builds."""

import time
from datetime import datetime

from django.db import connection

from cdp.engine import Engine, register
from segments.models import Build, BuildState, Clock, Dirty
from segments.services.builds import work_build
from segments.services.clock import sweep
from segments.services.live import work_queue

SLICE_SECONDS = 1.5
COUNTED = 100_000


class LiveSegments(Engine):
    """Works the queue of changes."""

    name = "segments"
    group = "fast"

    def work(self, now: datetime) -> int:
        started = time.monotonic()
        total = 0
        while time.monotonic() - started < SLICE_SECONDS and (handled := work_queue(now=now)):
            total += handled
        return total

    def backlog(self) -> tuple[int, datetime | None]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM (SELECT 1 FROM segments_dirty LIMIT {COUNTED}) waiting")
            [count] = cursor.fetchone()
        return count, Dirty.objects.order_by("pk").values_list("at", flat=True).first()


class SegmentClock(Engine):
    """Sweeps the edges of time windows each minute; asks for the nightly builds."""

    name = "segment_clock"
    group = "fast"

    def work(self, now: datetime) -> int:
        sweep(now=now)
        return 0  # the next sweep is due in a minute, whatever this one found

    def backlog(self) -> tuple[int, datetime | None]:
        clock = Clock.objects.filter(pk=1).first()
        return 0, clock.swept_at if clock else None


class SegmentBuilds(Engine):
    """Builds segments that wait, one a slice."""

    name = "segment_builds"
    group = "bulk"

    def work(self, now: datetime) -> int:
        return work_build(now=now)

    def backlog(self) -> tuple[int, datetime | None]:
        waiting = Build.objects.exclude(state=BuildState.IDLE)
        return waiting.count(), waiting.order_by("requested_at").values_list(
            "requested_at", flat=True
        ).first()


def register_all() -> None:
    register(LiveSegments())
    register(SegmentClock())
    register(SegmentBuilds())
