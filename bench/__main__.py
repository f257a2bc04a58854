"""`python -m bench NAME [--json] [--rounds N] [--size small|full] [--keep]`; NAME `all` runs every program.

- `accept`: single events accepted over HTTP, against a no-op of the same server
- `contacts`: contacts upserted in bulk
- `event_to_mail`: how soon an event makes a member of a live segment and its mail arrives, idle, through server and worker
- `merge`: contacts merged in batches, against one transaction per merge; and rows that move
- `segments`: conditions evaluated against DuckDB over the same rows, a difference written, live membership
- `send`: campaign mail rendered and handed over, against a loop of prepared bytes
- `store`: a full inbox moved into the store, against COPY into the same table
- `workflow_steps`: due launches moved on, against one UPDATE with its journal
- `sustained`: batches accepted, the whole way from HTTP into the store, and how soon an event is visible
"""

import argparse
import importlib
import json
import os
from pathlib import Path

import django
from django.test.utils import setup_databases


def programs() -> list[str]:
    here = Path(__file__).resolve().parent
    return sorted(
        path.stem
        for path in here.glob("*.py")
        if path.stem not in ("__init__", "__main__", "rounds", "load", "noop", "mailsink")
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("name", choices=[*programs(), "all"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", choices=["small", "full"], default="small")
    parser.add_argument("--keep", action="store_true", help="leave the database for the next run with --keep")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    os.environ.setdefault("API_RATE_LIMITS", "0")
    os.environ.setdefault("CDP_SECRET_KEY", "only-for-benchmarks-" + "x" * 40)
    django.setup()
    databases = setup_databases(
        verbosity=0, interactive=False, aliases=["default"], keepdb=options.keep, serialized_aliases=[]
    )
    results = []
    try:
        for name in programs() if options.name == "all" else [options.name]:
            program = importlib.import_module(f"bench.{name}")
            for result in program.run(rounds=options.rounds, size=options.size):
                results.append(result)
                if not options.json:
                    print(result, flush=True)
    finally:
        for connection, name, destroy in databases:
            connection.close()
            if destroy and not options.keep:
                connection.creation.destroy_test_db(name, verbosity=0)
    if options.json:
        found = [result.as_dict() for result in results]
        print(json.dumps(found[0] if len(found) == 1 else found))


if __name__ == "__main__":
    main()
