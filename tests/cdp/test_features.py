"""Rows of docs/features.yaml that claim to work name tests that exist."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = yaml.safe_load((ROOT / "docs" / "features.yaml").read_text())


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_row_proves_its_state(row):
    assert row["state"] in ("works", "partly", "planned")
    if row["state"] != "planned":
        assert row["proof"], row["id"]
        assert all((ROOT / proof).is_file() for proof in row["proof"])
    if row["state"] == "partly":
        assert row["note"], row["id"]


def test_ids_are_unique():
    ids = [row["id"] for row in ROWS]
    assert len(ids) == len(set(ids))
