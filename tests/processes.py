"""Real processes on the test database, started in a moment.

Python and Django take a second or more to start, and tests that kill start hundreds of processes. So a test process keeps one
server that has imported everything and has no connection open (multiprocessing's forkserver), and each start is a fork of it.
Such a process is one like any other: it has its own pid and connections, and SIGKILL ends it where it is.

What reads its environment when it is imported, other than the named crash point, needs a start from nothing: `manage_anew`.
"""

import functools
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from django.db import connection

from tests import preloaded

ROOT = Path(__file__).resolve().parent.parent
MANAGE = "import manage; manage.main()"


class Worker:
    """A started process, used as `subprocess.Popen` is."""

    def __init__(self, process: BaseProcess, errors: Path) -> None:
        self._process = process
        self._errors = errors
        assert process.pid
        self.pid: int = process.pid

    def poll(self) -> int | None:
        """Its exit code, minus the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The same, after its end.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"still running after {timeout} s: {self.errors()[-2000:]}")
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def errors(self) -> str:
        """What it printed."""
        return self._errors.read_text(errors="replace")


def start(program: str, *arguments: object, crash_at: str = "") -> Worker:
    """Run Python source as `python -c PROGRAM ARGUMENTS` would; it dies at the crash point of that name."""
    handle, name = tempfile.mkstemp(suffix=".log", dir=_home().name)
    os.close(handle)
    words = [str(argument) for argument in arguments]
    process = _server().Process(target=preloaded.run, args=(program, words, crash_at, name), daemon=True)
    process.start()
    return Worker(process, Path(name))


def manage(*command: object, crash_at: str = "", timeout: float = 120) -> Worker:
    """Run a command of `manage.py` to its end."""
    worker = start(MANAGE, *command, crash_at=crash_at)
    worker.wait(timeout)
    return worker


def run_all(program: str, arguments: Sequence[Sequence[object]]) -> list[tuple[int, str]]:
    """Run a program once for each list of arguments, all at the same time; (exit code, error text) of each."""
    running = [start(program, *each) for each in arguments]
    return [(worker.wait(1_800), worker.errors()) for worker in running]


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that shall use the test database."""
    values = connection.settings_dict
    login = f"{values['USER']}:{values['PASSWORD'] or ''}"
    url = f"postgres://{login}@{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"
    return os.environ | {
        "DATABASE_URL": url, "CDP_SECRET_KEY": "only-for-tests-" + "x" * 40, "DJANGO_SETTINGS_MODULE": "cdp.settings",
        "PYTHONPATH": str(ROOT), "CDP_CRASH_AT": "", **more,
    }  # fmt: skip


def manage_anew(*command: object, **more: str) -> "subprocess.Popen[bytes]":
    """Start a command of `manage.py` with an environment of its own."""
    words = [sys.executable, str(ROOT / "manage.py"), *map(str, command)]
    return subprocess.Popen(words, env=environment(**more), cwd=ROOT, stderr=subprocess.DEVNULL)


@functools.cache
def _home() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="cdp-workers-")


@functools.cache
def _server() -> ForkServerContext:
    """The server of this test process: it takes the environment that it is started with."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.preloaded"])
    before = dict(os.environ)
    os.environ.update(environment())
    try:
        context.Process(target=preloaded.nothing).start()  # starts the server
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context
