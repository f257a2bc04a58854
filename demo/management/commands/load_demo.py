"""`manage.py load_demo [--people N] [--json]`: a made-up shop for an empty product."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from demo.services import NotEmptyError, load_demo


class Command(BaseCommand):
    help = "Loads a made-up coffee and tea shop into a database without contacts; otherwise refuses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--people", type=int, default=300, help="how many customers (default 300)")
        parser.add_argument("--json", action="store_true", help='print {"people": …, "events": …, …}')

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["people"] < 1:
            raise CommandError("--people must be at least 1")
        try:
            counts = load_demo(now=datetime.now(UTC), people=options["people"])
        except NotEmptyError as error:
            raise CommandError(
                "there are contacts already; the demo goes only into a database without any"
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write(
                f"Demo shop: {counts['people']} customers, {counts['events']} events, {counts['lists']} lists, "
                f"{counts['segments']} segments, {counts['workflows']} workflows, a campaign sent to {counts['sent']}"
            )
