"""`manage.py work`: runs engines."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cdp.checks import CONFIGURATION
from cdp.engine import run_engines, select_engines
from cdp.memory import settle


class Command(BaseCommand):
    requires_system_checks = [CONFIGURATION]
    help = "Runs engines until stopped: their names, the groups fast and bulk, or all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="+", metavar="NAME", help="an engine, fast, bulk or all")
        parser.add_argument("--until-idle", action="store_true", help="end when nothing waits")

    def handle(self, *_args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        groups_may_be_empty = {"fast", "bulk"} & set(options["names"])
        try:
            select_engines(options["names"])
        except ValueError as error:
            if not groups_may_be_empty:
                raise CommandError(str(error)) from error
            self.stderr.write(f"{error}; waiting to be stopped")
            if not options["until_idle"]:
                stop.wait()
            return
        settle()
        run_engines(options["names"], until_idle=options["until_idle"], stop=stop)
