"""`manage.py serve`: the web server."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

ROLES = ("all", "intake", "web")


class Command(BaseCommand):
    help = "Serves the API and the admin. --role intake serves only the hot API routes, web everything else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--role", choices=ROLES, default="all", help="which routes to serve (default all)"
        )
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on")
        parser.add_argument("--workers", type=int, default=1, help="server processes")

    def handle(self, *_args: Any, **options: Any) -> None:
        command = [
            sys.executable, "-m", "granian", "cdp.asgi:application", "--interface", "asgi", "--loop", "uvloop",
            "--host", options["host"], "--port", str(options["port"]), "--workers", str(options["workers"]),
            "--http", "1", "--no-ws", "--log-level", "warning", "--workers-kill-timeout", "10",
        ]  # fmt: skip
        os.environ["CDP_ROLE"] = options["role"]
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
        os.execv(command[0], command)  # noqa: S606 - the server takes this process over
