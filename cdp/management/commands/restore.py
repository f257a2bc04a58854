"""`manage.py restore FILE`: brings a saved database back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cdp.local import archive
from cdp.local.processes import LocalError


class Command(BaseCommand):
    help = "Brings back what `backup` saved. Stop the web server and the workers first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file to read")
        parser.add_argument("--overwrite", action="store_true", help="delete what the database holds now")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not options["file"].is_file():
            raise CommandError(f"there is no file {options['file']}")
        if not options["overwrite"] and not archive.is_empty():
            raise CommandError("the database is not empty: --overwrite deletes what it holds")
        try:
            archive.load(options["file"])
        except LocalError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"restored from {options['file']}")
