"""Rows of docs/features.yaml that claim to work name tests that exist."""

from pathlib import Path

import pytest
import yaml

from docs import build_features

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


def test_the_page_is_current():
    assert build_features.PAGE.read_text() == build_features.write_page(ROWS), "run: make features"


def test_a_row_outside_the_matrix_is_refused():
    with pytest.raises(ValueError, match="XYZ-01: the feature matrix has no area XYZ"):
        build_features.write_page([{"id": "XYZ-01", "title": "x", "state": "planned"}])
