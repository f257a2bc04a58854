"""Starts real processes on the test database."""

import os
import subprocess
import sys
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def environment(**more):
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD'] or ''}"
    url = f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    return os.environ | {
        "DATABASE_URL": url, "CDP_SECRET_KEY": "only-for-tests", "DJANGO_SETTINGS_MODULE": "cdp.settings",
        "PYTHONPATH": str(ROOT), **more,
    }  # fmt: skip


def run_all(program, arguments, **more):
    """Run a program once for each list of arguments, all at the same time; returns (exit code, error text) of each."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, *map(str, each)], env=environment(**more), stderr=subprocess.PIPE, text=True
        )
        for each in arguments
    ]  # fmt: skip
    errors = [process.communicate(timeout=300)[1] for process in running]
    return [(process.returncode, error) for process, error in zip(running, errors, strict=True)]


def manage(*command, **more):
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *map(str, command)], env=environment(**more), cwd=ROOT,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
