"""Rings: a word over the broker that an engine has work. Losing one delays by a second and loses nothing.

Rings travel by a fanout exchange, so every worker process hears them; they live 10 s in the broker and carry nothing but the
engine's name. An engine's first goes at once; those that follow within `CALM_SECONDS` go as one, since each costs a round
trip to the broker and a share of the process. While the broker is away, ringing costs nothing: it is tried again after
`BROKER_PAUSE` seconds, and workers poll the database meanwhile.
"""

import queue
import threading
import time
from collections.abc import Callable

import structlog
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.mixins import ConsumerMixin
from kombu.pools import producers

from cdp.celery import app

log = structlog.get_logger(__name__)

EXCHANGE = Exchange("cdp.rings", type="fanout", durable=False, delivery_mode="transient")
RING_SECONDS = 10
BROKER_PAUSE = 5.0
CALM_SECONDS = 0.025
CONNECT_SECONDS = 2


def _connection() -> Connection:
    return Connection(
        app.conf.broker_url,
        connect_timeout=CONNECT_SECONDS,
        transport_options={"socket_timeout": None, "socket_connect_timeout": CONNECT_SECONDS},
    )


class _Ringer:
    """One thread a process that publishes; asking it never blocks."""

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._pending: set[str] = set()
        # Of the publishing thread, by the monotonic clock: when an engine may be rung, and when it last was.
        self._due: dict[str, float] = {}
        self._taken: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ring(self, engine: str) -> None:
        with self._lock:
            if engine in self._pending:
                return
            self._pending.add(engine)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._publish, name="bell", daemon=True)
                self._thread.start()
        self._wanted.put(engine)

    def _publish(self) -> None:
        connection = _connection()
        quiet_until = 0.0
        while True:
            engines = self._take()
            if time.monotonic() < quiet_until:
                continue
            try:
                with producers[connection].acquire(block=True, timeout=1) as producer:
                    for engine in engines:
                        producer.publish(
                            {"engine": engine},
                            exchange=EXCHANGE,
                            declare=[EXCHANGE],
                            expiration=RING_SECONDS,
                            retry=False,
                            serializer="json",
                        )
            except (OSError, OperationalError, *connection.connection_errors) as error:
                log.warning("broker_away", error=type(error).__name__)
                quiet_until = time.monotonic() + BROKER_PAUSE

    def _take(self) -> list[str]:
        """Wait for rings that are due; each engine is due again `CALM_SECONDS` after it was taken."""
        while True:
            now = time.monotonic()
            engines = [engine for engine, due in self._due.items() if due <= now]
            if engines:
                with self._lock:
                    self._pending.difference_update(engines)
                for engine in engines:
                    del self._due[engine]
                    self._taken[engine] = now
                return engines
            try:
                engine = self._wanted.get(timeout=min(self._due.values()) - now if self._due else None)
            except queue.Empty:
                continue
            self._due[engine] = self._taken.get(engine, float("-inf")) + CALM_SECONDS


_ringer = _Ringer()


def ring(engine: str) -> None:
    """Wake `engine` in every worker process. Returns at once; call it after commit, from any thread."""
    _ringer.ring(engine)


class Listener(ConsumerMixin):  # type: ignore[misc]
    """Hears rings and calls `heard(engine)`; reconnects by itself. `run()` blocks until `should_stop` is set."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self.connection = _connection()
        self.heard = heard

    def get_consumers(self, Consumer: type, channel: object) -> list[object]:  # noqa: ARG002
        mailbox = Queue("", exchange=EXCHANGE, exclusive=True, auto_delete=True, durable=False)
        return [Consumer(queues=[mailbox], callbacks=[self._on_ring], accept=["json"], no_ack=True)]

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        log.warning("broker_away", error=type(exc).__name__, retry_in=interval)

    def _on_ring(self, body: object, message: object) -> None:  # noqa: ARG002
        engine = body.get("engine") if isinstance(body, dict) else None
        if isinstance(engine, str):
            self.heard(engine)
