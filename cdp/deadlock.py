"""Tries a service again that lost to its rivals: to a deadlock, as PostgreSQL asks (13.3.4, Deadlocks), or to a crowd."""

import functools
import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection

log = structlog.get_logger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
TRIES = 6
DEADLOCK = "40P01"


class Crowded(OperationalError):
    """What a service wanted to lock kept changing; its transaction is given up and may be tried again."""


def retry_deadlock(service: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorator of a service that owns its transaction: done again, at most `TRIES` times in all, after it lost.

    Inside a transaction of the caller nothing is tried again: that transaction is lost, and its owner must.
    """

    @functools.wraps(service)
    def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        if connection.in_atomic_block:
            return service(*arguments, **named)
        for attempt in range(1, TRIES):
            try:
                return service(*arguments, **named)
            except OperationalError as error:
                if not _has_lost(error):
                    raise
                lost_to = "crowd_retried" if isinstance(error, Crowded) else "deadlock_retried"
                log.warning(lost_to, service=service.__qualname__, attempt=attempt)
                time.sleep(random.uniform(0, 0.05) * attempt)  # noqa: S311 - spreads the rivals
        return service(*arguments, **named)

    return call


def _has_lost(error: Any) -> bool:
    return isinstance(error, Crowded) or getattr(error.__cause__, "sqlstate", None) == DEADLOCK
