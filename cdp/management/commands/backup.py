"""`manage.py backup FILE`: saves the database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cdp.local import archive
from cdp.local.processes import LocalError


class Command(BaseCommand):
    help = "Saves the whole database to a file that `restore` reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            archive.dump(options["file"])
        except LocalError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"saved to {options['file']}")
