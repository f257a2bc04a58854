"""`manage.py index_parameter EVENT PARAMETER`: make the index that selective conditions on an event's parameter use."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segments.rules import BrokenReference
from segments.services.indexes import index_parameter


class Command(BaseCommand):
    help = (
        "Index a top-level parameter of an event type, for segments that ask for single values of it. Events are stored "
        "meanwhile; when it is cut short, run it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("event", help="key of an event type in use, as segments write it")
        parser.add_argument("parameter", help="name of a parameter")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        try:
            name = index_parameter(options["event"], options["parameter"])
        except BrokenReference as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{name} is ready")
