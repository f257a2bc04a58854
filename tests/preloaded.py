"""What the server of `tests.processes` imports once, and what each of its children does."""

import os
import sys
from collections.abc import Sequence

import django
from django.apps import apps

if not apps.ready:  # in the server; a test process has done it long ago
    django.setup()

from cdp import crash


def nothing() -> None:
    """The first order: it makes the server start."""


def run(program: str, arguments: Sequence[str], crash_at: str, errors: str) -> None:
    """Run Python source with these words on its command line; what it says goes to the file `errors`."""
    handle = os.open(errors, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv = ["-c", *arguments]
    crash._POINT = crash_at
    exec(compile(program, "<worker>", "exec"), {"__name__": "__main__"})
