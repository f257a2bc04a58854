"""`manage.py build_segments [--segment ID] [--json]`: build members anew from live data, here and now."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segments.models import Segment, SegmentState
from segments.services.builds import build_segment


class Command(BaseCommand):
    help = "Build the members of dynamic segments anew; the engines do so after a save and each night."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--segment", type=int, metavar="ID", help="only this one")
        parser.add_argument(
            "--json", action="store_true", help='print [{"id", "name", "size", "seconds", "state", "reason"}]'
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        wanted = Segment.objects.exclude(state=SegmentState.ARCHIVED).order_by("pk")
        if options["segment"] is not None:
            wanted = wanted.filter(pk=options["segment"])
            if not wanted.exists():
                raise CommandError(f"no dynamic segment has the id {options['segment']}")
        report: list[dict[str, Any]] = []
        for segment_id in list(wanted.values_list("pk", flat=True)):
            is_built = build_segment(segment_id, now=datetime.now(UTC))
            row = Segment.objects.select_related("build").get(pk=segment_id)
            state = row.state if is_built or row.state != SegmentState.ACTIVE else "being built elsewhere"
            report.append(
                {"id": row.pk, "name": row.name, "size": row.size, "seconds": round(row.build.seconds, 3),
                 "state": state, "reason": row.reason or row.build.last_error}
            )  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for line in report:
            self.stdout.write(
                f"{line['id']}  {line['name']}: {line['size']} contacts, {line['seconds']} s, {line['state']}"
                f"{' (' + line['reason'] + ')' if line['reason'] else ''}"
            )
