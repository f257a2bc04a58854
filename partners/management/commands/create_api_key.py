"""`manage.py create_api_key --name shop --right full [--json]`: make a key and print its secret, once."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from partners.models import Right
from partners.services import create_api_key


class Command(BaseCommand):
    help = "Make an API key and print its secret; it is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--right", action="append", required=True, choices=Right.values, dest="rights")
        parser.add_argument("--json", action="store_true", help='print {"key": …}')

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        try:
            _, secret = create_api_key(name=options["name"], rights=options["rights"], now=datetime.now(UTC))
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(json.dumps({"key": secret}) if options["json"] else secret)
