"""Starts, finds and ends the processes of a locally run instance."""

import contextlib
import errno
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import psutil

LAUNCH = Path(__file__).with_name("launch.py")
MARK = "CDP_INSTANCE"  # environment variable by which the children of one instance are found again


class LocalError(Exception):
    """A local service cannot be found or started; the message says what to do."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    Raises:
        LocalError: the host is no address of this machine.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise LocalError(f"{host!r} is no address of this machine: {error}") from error
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise LocalError(f"cannot listen on {host}:{port}: {error}") from error
    return True


def free_port(preferred: int = 0) -> int:
    """`preferred` when it is free on 127.0.0.1, else any free port."""
    if preferred and is_free("127.0.0.1", preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    command: list[str],
    *,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    user: pwd.struct_passwd | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    stdin: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session that ends when this process does. Call it from the main thread only.

    Without `log` the child writes where this process writes.
    """
    who = ["-1", "-1"] if user is None else [str(user.pw_uid), str(user.pw_gid)]
    prefix = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(death_signal)), *who]
    with contextlib.ExitStack() as stack:
        output: IO[bytes] | None = stack.enter_context(log.open("ab")) if log else None
        process = subprocess.Popen(
            [*prefix, *command],
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            cwd="/" if user else None,
        )
    if stdin is not None and process.stdin is not None:
        process.stdin.write(stdin.encode())
        process.stdin.close()
    return process


def stop(
    process: subprocess.Popen[bytes], *, first: signal.Signals = signal.SIGTERM, seconds: float = 15
) -> None:
    """Ask the process to end, then kill it after `seconds`."""
    if process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_group(leader: int) -> None:
    """Kill what is left of the session that `start` opened for `leader`, once `leader` itself is gone."""
    with contextlib.suppress(ProcessLookupError):  # nothing is left
        os.killpg(leader, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def command_line(pid: int) -> str:
    """The words of a running process, or nothing when there is none or it belongs to somebody else."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def marked(mark: str) -> Iterator[int]:
    """Processes started by the instance `mark`."""
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(MARK) == mark
        except (psutil.Error, OSError):  # gone meanwhile, or another user's
            continue
        if ours and process.pid != os.getpid() and is_alive(process.pid):
            yield process.pid


def end_marked(mark: str, *, seconds: float = 10) -> int:
    """End what a dead `up` of this instance left behind; returns how many processes that were."""
    found = list(marked(mark))
    signal_all(found, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while any(map(is_alive, found)) and time.monotonic() < deadline:
        time.sleep(0.05)
    signal_all(list(marked(mark)), signal.SIGKILL)
    return len(found)


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send one signal to each process that still exists."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
