"""`manage.py validate_workflow FILE`: checks a definition and prints its problems; exit code 1 when it has errors."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workflows.definition.problems import DefinitionRefused, Problem
from workflows.definition.reading import read_text
from workflows.services.validation import validate


class Command(BaseCommand):
    help = "Checks a workflow's definition (JSON) and prints each problem with its place."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a file; - reads the standard input")
        parser.add_argument("--json", action="store_true", help="print the problems as JSON")

    def handle(self, *arguments: Any, **options: Any) -> None:  # noqa: ARG002
        problems = self._problems(options["file"])
        if options["json"]:
            self.stdout.write(json.dumps([problem.as_dict() for problem in problems], ensure_ascii=False))
        else:
            for problem in problems:
                self.stdout.write(str(problem))
        errors = sum(problem.is_error for problem in problems)
        if errors:
            raise CommandError(f"{errors} errors")
        if not options["json"]:
            self.stdout.write(f"valid, {len(problems)} warnings")

    def _problems(self, file: Path) -> list[Problem]:
        try:
            text = Path("/dev/stdin").read_text() if str(file) == "-" else file.read_text()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        try:
            return validate(read_text(text), now=datetime.now(UTC))
        except DefinitionRefused as refused:
            return refused.problems
