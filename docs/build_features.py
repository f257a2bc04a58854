"""Writes docs/features.md from docs/features.yaml: `python docs/build_features.py` (or `make features`)."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SOURCE, PAGE = HERE / "features.yaml", HERE / "features.md"
# Prefix of a row's id → the area's name and how many rows the feature matrix has there.
AREAS = {
    "CON": ("Contacts", 18),
    "IDN": ("Identity and matching", 13),
    "FLD": ("Fields", 10),
    "IMP": ("Import and export", 13),
    "SEG": ("Segments", 22),
    "EVT": ("Events", 18),
    "WTR": ("Web tracking", 12),
    "ORD": ("Orders", 6),
    "REC": ("Catalog and recommendations", 17),
    "TRG": ("Behaviour triggers", 10),
    "WFL": ("Workflows and blocks", 44),
    "EML": ("Email channel", 17),
    "SMS": ("SMS channel", 4),
    "VIB": ("Viber channel", 3),
    "WPU": ("Web push", 9),
    "MPU": ("Mobile push", 8),
    "AIN": ("App Inbox", 4),
    "IAP": ("In-App", 5),
    "TLG": ("Telegram", 5),
    "EDT": ("Email editor", 23),
    "PRS": ("Personalization", 10),
    "MLG": ("Multilanguage", 7),
    "WGT": ("Widgets", 22),
    "SUB": ("Subscription, double opt-in, preferences", 12),
    "CMP": ("Campaigns", 12),
    "ABT": ("A/B tests", 2),
    "TAG": ("Tags", 2),
    "PRO": ("Promo codes", 7),
    "ANA": ("Analytics", 25),
    "REV": ("UTM, revenue, GA4", 6),
    "API": ("API by endpoint group", 22),
    "OAU": ("OAuth and partner apps", 5),
    "USR": ("Users, roles, audit", 6),
    "SEC": ("Security and compliance", 5),
    "INT": ("Integrations and exports", 13),
    "SDK": ("Mobile SDK surface", 5),
    "ACC": ("Account and billing", 3),
    "MIG": ("Migration", 4),
}
HEAD = """# Features

What the product does, row by row of its feature matrix, with the tests that prove it. Written by
`docs/build_features.py` from [features.yaml](features.yaml): change that file, then run `make features`.
"""


def write_page(rows: list[dict[str, Any]]) -> str:
    """The whole page.

    Raises:
        ValueError: a row of an area the matrix does not have.
    """
    by_area: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        prefix = row["id"].partition("-")[0]
        if prefix not in AREAS:
            raise ValueError(f"{row['id']}: the feature matrix has no area {prefix}")
        by_area[prefix].append(row)
    parts = [HEAD, _totals(by_area)]
    parts += [_area(prefix, by_area[prefix]) for prefix in AREAS if by_area[prefix]]
    return "\n".join(parts)


def _totals(by_area: dict[str, list[dict[str, Any]]]) -> str:
    lines = ["| Area | Rows | Works | Partly |", "|---|--:|--:|--:|"]
    sums = [0, 0, 0]
    for prefix, (name, count) in AREAS.items():
        states = [row["state"] for row in by_area.get(prefix, ())]
        numbers = [count, states.count("works"), states.count("partly")]
        sums = [total + number for total, number in zip(sums, numbers, strict=True)]
        lines.append(f"| {prefix} {name} | {' | '.join(str(number or '') for number in numbers)} |")
    lines.append(f"| **All** | {' | '.join(f'**{number}**' for number in sums)} |")
    return "\n".join(lines) + "\n"


def _area(prefix: str, rows: list[dict[str, Any]]) -> str:
    lines = [
        f"## {prefix} · {AREAS[prefix][0]}",
        "",
        "| Row | Capability | State | Proof |",
        "|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: int(row["id"].partition("-")[2])):
        state = row["state"] + (f": {row['note']}" if row.get("note") else "")
        proof = ", ".join(f"[{Path(path).stem}](../{path})" for path in row.get("proof", ()))
        lines.append(f"| {row['id']} | {_cell(row['title'])} | {_cell(state)} | {proof} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(write_page(yaml.safe_load(SOURCE.read_text())))
