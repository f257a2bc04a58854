"""`manage.py up`: the whole product in the foreground, with its own PostgreSQL and broker where none is configured."""

import fcntl
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cdp.local import processes
from cdp.local.broker import Broker
from cdp.local.instance import Instance, read_instance, with_secrets, write_instance
from cdp.local.postgres import Cluster
from cdp.local.processes import LocalError
from cdp.local.supervisor import Child, manage, newest_change, stop_all
from cdp.management.commands.serve import port

READY_SECONDS = 120.0


class Command(BaseCommand):
    help = (
        "Starts everything: PostgreSQL and broker (unless configured), migrations, web server, workers, beat."
    )
    requires_system_checks: list[str] = []  # they run in the children, when there is a database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=port, default=8000, help="port to listen on (default 8000)")
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")
        parser.add_argument(
            "--reload", action="store_true", help="restart the processes when a source file changes"
        )
        parser.add_argument("--data-dir", help="where everything is kept (the same as CDP_DATA_DIR)")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.options = options
        self.data_dir: Path = settings.DATA_DIR
        self.stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        self.children: list[Child] = []
        self.services: list[Broker | Cluster] = []
        with self._locked():
            try:
                self._run()
            except LocalError as error:
                raise CommandError(str(error)) from error
            finally:
                stop_all(self.children)
                for service in reversed(self.services):
                    service.stop()
        self.say("stopped")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _locked(self) -> IO[str]:
        """Hold the data directory for this process; the lock goes with the process, however it ends."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            lock = (self.data_dir / "up.lock").open("a")
        except OSError as error:
            raise CommandError(f"CDP_DATA_DIR: {self.data_dir} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"another `up` already runs on {self.data_dir}") from error
        return lock

    def _run(self) -> None:
        instance = replace(with_secrets(read_instance(self.data_dir)), public_url=self._address())
        write_instance(self.data_dir, instance)
        self.environment = {
            "CDP_DATA_DIR": str(self.data_dir),
            processes.MARK: instance.mark,
            "PYTHONUNBUFFERED": "1",
        }
        if left := processes.end_marked(instance.mark):
            self.say(f"ended {left} processes left by an earlier run")
        self._refuse_a_taken_port()
        instance = self._start_services(instance)
        write_instance(self.data_dir, instance)
        if self.stopping.is_set() or not self._prepare():
            return
        self._start_children()
        self._wait_until_ready()
        self._watch()

    def _refuse_a_taken_port(self) -> None:
        host, number = self.options["host"], self.options["port"]
        if not processes.is_free(host, number):
            raise CommandError(f"another program listens on {host}:{number}; choose another with --port")

    def _start_services(self, instance: Instance) -> Instance:
        if not os.environ.get("BROKER_URL"):
            broker = Broker(
                self.data_dir,
                choice=settings.CDP_BROKER,
                port=instance.broker_port,
                password=instance.broker_password,
                environment=self.environment,
            )
            self.services.append(broker)
            broker.start()
            instance = replace(
                instance, broker_url=broker.url, broker_port=broker.port, broker_program=str(broker.program)
            )
        if not os.environ.get("DATABASE_URL"):
            cluster = Cluster(
                self.data_dir, choice=settings.CDP_POSTGRES, port=instance.postgres_port,
                password=instance.postgres_password,
            )  # fmt: skip
            self.services.append(cluster)
            cluster.start()
            cluster.create_database("cdp")
            instance = replace(
                instance, database_url=cluster.url("cdp"), postgres_port=cluster.port,
                postgres_programs=str(cluster.binaries.directory),
            )  # fmt: skip
            self.say(
                f"PostgreSQL {cluster.binaries.major} ({cluster.binaries.origin}) on port {cluster.port}"
            )
        return instance

    def _prepare(self) -> bool:
        words = ["prepare"] + (["--no-demo"] if self.options["no_demo"] else [])
        process = processes.start(manage(*words), environment=self.environment)
        while process.poll() is None and not self.stopping.wait(0.05):
            pass
        if self.stopping.is_set():
            processes.stop(process)
            return False
        if process.returncode:
            raise CommandError("the database could not be prepared; the reason is above")
        return True

    def _start_children(self) -> None:
        logs = self.data_dir / "logs"
        logs.mkdir(exist_ok=True)
        host, number = self.options["host"], str(self.options["port"])
        celery = [sys.executable, "-m", "celery", "-A", "cdp.celery"]
        commands = {
            "web": manage("serve", "--host", host, "--port", number),
            "work-fast": manage("work", "fast"),
            "work-bulk": manage("work", "bulk"),
            "celery": [*celery, "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING",
                       "--without-gossip", "--without-mingle"],
            "beat": [*celery, "beat", "--loglevel", "WARNING", "--pidfile="],
        }  # fmt: skip
        # The web process checks everything; Celery, which would too, has no checks of its own.
        environment = self.environment | {"PYTHONPATH": str(settings.BASE_DIR), "CELERY_SKIP_CHECKS": "1"}
        self.children += [
            Child(name, command, logs / f"{name}.log", environment) for name, command in commands.items()
        ]
        for child in self.children:
            child.start()

    def _address(self) -> str:
        host = self.options["host"]
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
        return f"http://{shown}:{self.options['port']}"

    def _wait_until_ready(self) -> None:
        address = self._address()
        deadline = time.monotonic() + READY_SECONDS
        while not self.stopping.wait(0.1):
            for child in self.children:
                child.look(self.say)
            web = self.children[0]
            if web.process and _answers(f"{address}/readyz"):
                self.say(
                    f"Open {address}/admin/ in a browser; Ctrl-C stops everything. Data: {self.data_dir}"
                )
                self.say(f"ready {address}")
                return
            if time.monotonic() > deadline:
                tail = "\n".join(web.log.read_text(errors="replace").splitlines()[-15:])
                raise CommandError(f"the web server does not get ready; {web.log} ends with:\n{tail}")

    def _watch(self) -> None:
        changed = newest_change(settings.BASE_DIR) if self.options["reload"] else 0.0
        while not self.stopping.wait(0.5):
            for child in self.children:
                child.look(self.say)
            for service in self.services:
                self._revive(service)
            if self.options["reload"] and (now := newest_change(settings.BASE_DIR)) > changed:
                changed = now
                self.say("source changed: restarting")
                stop_all(self.children)
                for child in self.children:
                    child.start()

    def _revive(self, service: Broker | Cluster) -> None:
        """Start a service that died again; the children know its port, so it must be the same one."""
        if service.process is None or service.process.poll() is None:
            return
        self.say(f"{type(service).__name__.lower()} died and is started again (see {service.log})")
        before = service.port
        service.start()
        if service.port != before:
            raise LocalError(f"another program took port {before} meanwhile: start `up` again")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - our own address
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
