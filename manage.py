#!/usr/bin/env python
"""Command line of the product: `python manage.py help` lists what it can do."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def take_data_dir(arguments: list[str]) -> list[str]:
    """Turn `--data-dir DIR` into CDP_DATA_DIR, before the settings are read; returns the other arguments."""
    rest = list(arguments)
    for index, word in enumerate(rest):
        if word == "--":
            break
        if word.startswith("--data-dir="):
            os.environ["CDP_DATA_DIR"] = word.partition("=")[2]
            del rest[index]
            break
        if word == "--data-dir" and index + 1 < len(rest):
            os.environ["CDP_DATA_DIR"] = rest[index + 1]
            del rest[index : index + 2]
            break
    return rest


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    try:
        execute_from_command_line(take_data_dir(sys.argv))
    except ImproperlyConfigured as error:  # a setting is wrong; the message names it
        sys.exit(f"settings: {error}")
    except OperationalError as error:
        if "connection failed" not in str(error) and "connection to server" not in str(error):
            raise
        sys.exit(f"DATABASE_URL: the database cannot be reached: {str(error).splitlines()[0]}")


if __name__ == "__main__":
    main()
