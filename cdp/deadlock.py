"""Tries a service again that PostgreSQL chose to end a deadlock, as its documentation asks (13.3.4, Deadlocks)."""

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


def retry_deadlock(service: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorator of a service that owns its transaction: done again, at most `TRIES` times in all, after a deadlock.

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
                if not _is_deadlock(error):
                    raise
                log.warning("deadlock_retried", service=service.__qualname__, attempt=attempt)
                time.sleep(random.uniform(0, 0.05) * attempt)  # noqa: S311 - spreads the rivals
        return service(*arguments, **named)

    return call


def _is_deadlock(error: Any) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == DEADLOCK
