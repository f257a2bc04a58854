"""The loop every engine runs in: claim a batch, do it in one transaction, repeat; poll each second, wake on a ring.

PostgreSQL holds the work. An engine is an object with a name, a group and `work`, which does one slice; the loop here
gives it a thread, a heartbeat (`EngineState`) and back-off after an error. Any number of processes may run the same
engine: claiming is the engine's own affair.
"""

import os
import socket
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import structlog
from django.db import Error as DatabaseFault
from django.db import connection, connections
from django.db.models import F

from cdp.bell import Listener
from cdp.logging import mask
from cdp.models import EngineState

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 2.0
LONGEST_PAUSE = 30.0
GROUPS = ("fast", "bulk")


class Engine:
    """Base of engines. `group` says which worker process runs it: `fast` (the live path) or `bulk`."""

    name: str
    group: str = "fast"

    def work(self, now: datetime) -> int:
        """Do one slice of at most 2 s and return how many rows it handled; 0 means nothing waits."""
        raise NotImplementedError

    def backlog(self) -> tuple[int, datetime | None]:
        """How many rows wait (capped counts are fine) and since when the oldest does."""
        raise NotImplementedError


registry: dict[str, Engine] = {}


def register(engine: Engine) -> Engine:
    """Add an engine; called from `AppConfig.ready()`.

    Raises:
        ValueError: the name is taken, or the group unknown.
    """
    if engine.group not in GROUPS:
        raise ValueError(f"engine {engine.name}: group {engine.group!r} is not one of {GROUPS}")
    if engine.name in registry and type(registry[engine.name]) is not type(engine):
        raise ValueError(f"engine {engine.name} is registered twice")
    registry[engine.name] = engine
    return engine


def select_engines(names: Iterable[str]) -> list[Engine]:
    """Engines by name, by group, or all of them for `all`.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    chosen: dict[str, Engine] = {}
    for name in names:
        found = [e for e in registry.values() if name in (e.name, e.group, "all")]
        if not found:
            known = ", ".join(["all", *GROUPS, *sorted(registry)])
            raise ValueError(f"no engine is called {name!r}; use {known}")
        chosen.update((engine.name, engine) for engine in found)
    return list(chosen.values())


def drain(engine: Engine, *, clock: type[datetime] = datetime) -> int:
    """Work in this thread until nothing waits; errors are the caller's. Returns the rows handled."""
    total = 0
    while handled := engine.work(clock.now(UTC)):
        total += handled
    return total


def worker_name() -> str:
    """How this process signs what it took: asked for each time, since a process may be forked after its imports."""
    return f"{socket.gethostname()}:{os.getpid()}"


def run_engines(names: Iterable[str], *, until_idle: bool, stop: threading.Event) -> None:
    """Run engines, a thread each, until `stop` is set, or with `until_idle` until nothing waits anywhere.

    Raises:
        ValueError: an unknown engine name.
    """
    runners = [Runner(engine, stop) for engine in select_engines(names)]
    if until_idle:
        while sum(drain(runner.engine) for runner in runners):
            if stop.is_set():
                return
        return
    by_name = {runner.engine.name: runner for runner in runners}

    def heard(engine: str) -> None:
        if engine in by_name:
            by_name[engine].wake.set()

    listener = Listener(heard)
    threading.Thread(target=listener.run, name="listener", daemon=True).start()
    threads = [threading.Thread(target=runner.run, name=runner.engine.name) for runner in runners]
    for thread in threads:
        thread.start()
    stop.wait()
    listener.should_stop = True
    for runner in runners:
        runner.wake.set()
    for thread in threads:
        thread.join()


class Runner:
    """One engine's thread in this process."""

    def __init__(self, engine: Engine, stop: threading.Event) -> None:
        self.engine = engine
        self.stop = stop
        self.wake = threading.Event()
        self.handled = 0
        self.pause = POLL_SECONDS
        self.error: str | None = None
        self.beat_at = 0.0
        self.beat_handled = 0
        self.started_at = datetime.now(UTC)

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.wake.clear()
                handled = self.slice()
                self.heartbeat()
                if not handled:
                    self.wake.wait(self.pause)
        finally:
            connections.close_all()

    def slice(self) -> int:
        """One slice; an error is kept for the heartbeat, logged, and answered by a growing pause."""
        try:
            handled = self.engine.work(datetime.now(UTC))
        except Exception as error:
            log.exception("engine_failed", engine=self.engine.name)
            self.error = mask(f"{type(error).__name__}: {error}")[:2000]
            self.pause = min(self.pause * 2, LONGEST_PAUSE)
            if isinstance(error, DatabaseFault):
                connection.close()
            return 0
        self.pause = POLL_SECONDS
        self.handled += handled
        return handled

    def heartbeat(self) -> None:
        """Write the state row at most every `HEARTBEAT_SECONDS`; a database that is away is no reason to stop."""
        elapsed = time.monotonic() - self.beat_at
        if elapsed < HEARTBEAT_SECONDS:
            return
        try:
            self._write_state(datetime.now(UTC), elapsed)
        except DatabaseFault as error:
            log.warning("heartbeat_failed", engine=self.engine.name, error=type(error).__name__)
            connection.close()
            return
        self.beat_at = time.monotonic()
        self.beat_handled = self.handled
        self.error = None

    def _write_state(self, now: datetime, elapsed: float) -> None:
        backlog, oldest_at = self.engine.backlog()
        new = self.handled - self.beat_handled
        values = {
            "worker": worker_name(),
            "started_at": self.started_at,
            "heartbeat_at": now,
            "backlog": backlog,
            "oldest_at": oldest_at,
            "rate": new / elapsed if self.beat_at else 0.0,
        }
        if self.error:
            values |= {"last_error": self.error, "last_error_at": now}
        if not EngineState.objects.filter(name=self.engine.name).update(handled=F("handled") + new, **values):
            EngineState.objects.bulk_create(
                [EngineState(name=self.engine.name, handled=new, **values)], ignore_conflicts=True
            )
