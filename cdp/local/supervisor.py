"""Keeps the processes of an instance running: starts them, restarts what dies, stops them in order."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cdp.local import processes

LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0  # a child that lived this long starts again at once
LOG_BYTES = 20_000_000
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


def manage(*arguments: str) -> list[str]:
    """The command line of one of our commands."""
    return [sys.executable, str(MANAGE), *arguments]


class Child:
    """One process that should run all the time."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.pause = 0.5
        self.again_at = 0.0

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        self.process = processes.start(self.command, log=self.log, environment=self.environment)
        self.started_at = time.monotonic()

    def look(self, say: Callable[[str], None]) -> None:
        """Start the child again when it has died, after a pause that grows while it keeps dying."""
        if self.process is None:
            if time.monotonic() >= self.again_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        processes.end_group(self.process.pid)
        lived = time.monotonic() - self.started_at
        self.pause = 0.5 if lived > STEADY_SECONDS else min(self.pause * 2, LONGEST_PAUSE)
        self.again_at = time.monotonic() + self.pause
        self.process = None
        say(f"{self.name} ended with {code}; again in {self.pause:.0f} s (see {self.log})")

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process)
            processes.end_group(self.process.pid)
            self.process = None


def stop_all(children: list[Child]) -> None:
    """Ask all at once, then wait for each."""
    running = [child for child in children if child.process and child.process.poll() is None]
    for child in running:
        if child.process:
            child.process.terminate()
    for child in running:
        child.stop()


def sources(root: Path) -> Iterator[Path]:
    """The program's own Python and template files."""
    for package in (entry for entry in root.iterdir() if (entry / "__init__.py").exists()):
        for pattern in ("*.py", "*.html", "*.sql"):
            yield from package.rglob(pattern)


def newest_change(root: Path) -> float:
    """When a source file last changed, for restarting during development."""
    return max((path.stat().st_mtime for path in sources(root) if path.exists()), default=0.0)
