"""`manage.py serve`: the web server."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

ROLES = ("all", "intake", "web")


def port(text: str) -> int:
    """Raises: ArgumentTypeError: no number of a port."""
    return whole_number(text, 1, 65_535)


def workers(text: str) -> int:
    return whole_number(text, 1, 256)


def whole_number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise ArgumentTypeError(f"use a number from {least} to {most}")
    return int(text)


def server(application: str, *, host: str, port: int) -> list[str]:
    """The command that serves an ASGI application as the product's."""
    return [
        sys.executable, "-m", "uvicorn", application, "--host", host, "--port", str(port), "--loop", "uvloop",
        "--http", "httptools", "--ws", "none", "--no-access-log", "--no-server-header", "--log-level", "warning",
        "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "10",
    ]  # fmt: skip


class Command(BaseCommand):
    help = "Serves the API and the admin. --role intake serves only the hot API routes, web everything else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--role", choices=ROLES, default="all", help="which routes to serve (default all)"
        )
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=port, default=8000, help="port to listen on")
        parser.add_argument("--workers", type=workers, default=1, help="server processes")

    def handle(self, *_args: Any, **options: Any) -> None:
        command = [
            *server("cdp.asgi:application", host=options["host"], port=options["port"]),
            "--workers", str(options["workers"]),
        ]  # fmt: skip
        os.environ["CDP_ROLE"] = options["role"]
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
        os.execv(command[0], command)  # noqa: S606 - the server takes this process over
