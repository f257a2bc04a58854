"""`manage.py engines`: what the engines do right now."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from cdp.engine import registry
from cdp.models import EngineState

SILENT_SECONDS = 60


class Command(BaseCommand):
    help = "Shows each engine: backlog, age of the oldest waiting row, rate, heartbeat, last error."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *_args: Any, **options: Any) -> None:
        states = {state.name: state for state in EngineState.objects.all()}
        now = datetime.now(UTC)
        rows = [_row(name, engine.group, states.get(name), now) for name, engine in sorted(registry.items())]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write(
                f"{row['name']:24} {row['group']:5} {row['state']:8} backlog {row['backlog']:>8} "
                f"oldest {_age(row['oldest_seconds']):>8} "
                f"rate {row['rate']:>9.1f}/s heartbeat {_age(row['heartbeat_seconds']):>8}  {row['last_error']}"
            )


def engine_state(state: EngineState, now: datetime) -> str:
    """`running`, `silent` (its worker gave no sign for a minute) or `never` (it never ran)."""
    if state.heartbeat_at is None:
        return "never"
    return "silent" if (now - state.heartbeat_at).total_seconds() > SILENT_SECONDS else "running"


def _row(name: str, group: str, state: EngineState | None, now: datetime) -> dict[str, Any]:
    state = state or EngineState(name=name)
    return {
        "name": name,
        "group": group,
        "state": engine_state(state, now),
        "worker": state.worker,
        "backlog": state.backlog,
        "oldest_seconds": _seconds(state.oldest_at, now),
        "heartbeat_seconds": _seconds(state.heartbeat_at, now),
        "handled": state.handled,
        "rate": round(state.rate, 1),
        "last_error": state.last_error,
        "last_error_at": state.last_error_at.isoformat() if state.last_error_at else None,
    }


def _seconds(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round(max((now - moment).total_seconds(), 0), 1)


def _age(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s"
