"""`manage.py segment_journal [--json]`: forget changes of membership past their term."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from segments.services.upkeep import forget_changes


class Command(BaseCommand):
    help = (
        "Forget who entered and left segments more than CDP_MEMBERSHIP_DAYS ago; the calendar does so hourly."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json",
            action="store_true",
            help='print {"before", "changes", "packed", "is_all"}: rows deleted',
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        report = forget_changes(now=datetime.now(UTC))
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report) | {"before": report.before.isoformat()}))
            return
        rest = "" if report.is_all else "; more are left, run it again"
        self.stdout.write(
            f"before {report.before:%Y-%m-%d}: {report.changes} changes and {report.packed} packed rows forgotten{rest}"
        )
