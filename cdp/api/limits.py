"""Rate limits: fixed windows of one second, in this process."""

import threading
import time


class RateLimit:
    """Counts requests by name in windows of one second; safe to share between threads."""

    clock = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._used: dict[str, int] = {}

    def take(self, name: str, most: int) -> bool:
        """Whether one more request of this name fits into the running second."""
        with self._lock:
            window = int(self.clock())
            if window != self._window:
                self._window, self._used = window, {}
            self._used[name] = self._used.get(name, 0) + 1
            return self._used[name] <= most
