"""The published schema is the one that was agreed on; a change of it is seen in review."""

from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

SNAPSHOT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


def test_the_schema_is_as_agreed(tmp_path):
    written = tmp_path / "schema.yaml"
    call_command("spectacular", "--file", str(written), "--validate", "--fail-on-warn")
    assert written.read_text() == SNAPSHOT.read_text(), "run: manage.py spectacular --file docs/openapi.yaml"


def test_every_route_is_in_it():
    paths = set(yaml.safe_load(SNAPSHOT.read_text())["paths"])
    assert {
        "/api/v1/version",
        "/api/v2/version",
        "/api/v1/contact/{id}",
        "/api/v2/events/batch",
        "/api/v3/event",
    } <= paths


@pytest.mark.django_db
def test_it_is_published():
    reply = Client().get("/api/schema")
    assert reply.status_code == 200
    assert b"openapi" in reply.content
