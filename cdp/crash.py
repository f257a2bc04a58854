"""Named points at which a test may kill the process, as `kill -9` would."""

import os
import signal

_POINT = os.environ.get("CDP_CRASH_AT", "")


def crash_point(name: str) -> None:
    """Die at once when `CDP_CRASH_AT` names this point. Costs one comparison otherwise."""
    if name == _POINT:
        os.kill(os.getpid(), signal.SIGKILL)
