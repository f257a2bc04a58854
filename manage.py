#!/usr/bin/env python
"""Command line of the product: `python manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line


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
    execute_from_command_line(take_data_dir(sys.argv))


if __name__ == "__main__":
    main()
