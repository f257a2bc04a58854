"""`manage.py partitions [--json]`: make the event store's coming months, drop those past their retention."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from events.services.upkeep import keep_partitions


class Command(BaseCommand):
    help = "Make the event store's coming months and drop those past their retention; the calendar does so daily."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help='print {"made": […], "dropped": […]}')

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        report = keep_partitions(now=datetime.now(UTC))
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
        else:
            self.stdout.write(
                f"made: {', '.join(report.made) or 'none'}; dropped: {', '.join(report.dropped) or 'none'}"
            )
