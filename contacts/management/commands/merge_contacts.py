"""`manage.py merge_contacts`: merges contacts, proposed duplicates, or undoes a merge."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from contacts.services.merging import choose_winner, merge_contacts
from contacts.services.unmerging import undo_merge


class Command(BaseCommand):
    help = "Merges contacts into one. Without --into the best known of them is kept. --undo RECORD takes a merge back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, help="contact ids")
        parser.add_argument("--into", type=int, help="the contact to keep")
        parser.add_argument("--undo", type=int, metavar="RECORD", help="undo this merge")
        parser.add_argument("--reason", default="")
        parser.add_argument("--actor", default="manage.py")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        if options["undo"]:
            self._undo(options, now)
        else:
            self._merge(options, now)

    def _merge(self, options: dict[str, Any], now: datetime) -> None:
        ids = list(dict.fromkeys(options["ids"]))
        winner = options["into"] or choose_winner(ids)
        losers = [one for one in ids if one != winner]
        if winner is None or not losers:
            raise CommandError("name at least two contacts, or one and --into")
        outcomes = merge_contacts(winner, losers, reason=options["reason"], actor=options["actor"], now=now)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(outcome) for outcome in outcomes]))
        else:
            for outcome in outcomes:
                text = f"{outcome.loser_id} → {outcome.winner_id}: {outcome.result} {outcome.code}"
                self.stdout.write(text.rstrip())
        if any(outcome.result == "refused" for outcome in outcomes):
            raise CommandError("not everything was merged")

    def _undo(self, options: dict[str, Any], now: datetime) -> None:
        outcome = undo_merge(options["undo"], actor=options["actor"], now=now)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(outcome)))
        if outcome.result == "refused":
            raise CommandError(f"the merge cannot be undone: {outcome.code}")
        if not options["json"]:
            kept = f"; changed since and kept: {', '.join(outcome.kept)}" if outcome.kept else ""
            self.stdout.write(f"contact {outcome.loser_id} is back{kept}")
