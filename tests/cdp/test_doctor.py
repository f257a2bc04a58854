"""Doctor and engines say what is wrong."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from cdp.engine import registry
from cdp.models import EngineState

pytestmark = pytest.mark.django_db


def doctor(capsys):
    """The findings by check, and whether the command failed."""
    failed = False
    try:
        call_command("doctor", json=True)
    except SystemExit as end:
        failed = bool(end.code)
    return {row["check"]: row for row in json.loads(capsys.readouterr().out)}, failed


@pytest.fixture
def healthy(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "staticfiles.json").touch()
    for name in registry:
        EngineState.objects.create(name=name, heartbeat_at=datetime.now(UTC))


def test_it_works(healthy, capsys):
    found, failed = doctor(capsys)
    assert [row for row in found.values() if not row["ok"]] == []
    assert not failed


def test_an_engine_that_stands_still(healthy, capsys):
    name = next(iter(registry))
    EngineState.objects.filter(name=name).update(heartbeat_at=datetime.now(UTC) - timedelta(minutes=5))
    found, failed = doctor(capsys)
    assert failed
    assert f"{name} does not run: start `manage.py work" in found["engines"]["message"]


def test_a_broker_that_is_away(healthy, settings, capsys):
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    found, failed = doctor(capsys)
    assert failed
    assert "check BROKER_URL" in found["broker"]["message"]


def test_static_files_that_were_not_collected(healthy, settings, tmp_path, capsys):
    settings.STATIC_ROOT = tmp_path / "nothing"
    found, _ = doctor(capsys)
    assert "manage.py prepare" in found["static files"]["message"]


def test_a_server_that_could_plan_better_is_a_hint_and_no_fault(healthy, capsys):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = on; SET LOCAL random_page_cost = 4")
    found, failed = doctor(capsys)
    assert not failed
    assert found["planner"]["hint"]
    assert "SET jit = off" in found["planner"]["message"]
    assert "SET random_page_cost = 1.1 (it is 4)" in found["planner"]["message"]
    call_command("doctor")
    assert "hint  planner: ALTER DATABASE" in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off; SET LOCAL random_page_cost = 1.1")
    assert doctor(capsys)[0]["planner"] == {"check": "planner", "ok": True, "hint": False, "message": "fine"}


def test_engines(capsys):
    first, *others = sorted(registry)
    EngineState.objects.create(name=first, heartbeat_at=datetime.now(UTC), backlog=3, last_error="Oops")
    call_command("engines", json=True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows[first]["state"], rows[first]["backlog"], rows[first]["last_error"]) == ("running", 3, "Oops")
    assert {rows[name]["state"] for name in others} <= {"never"}
    call_command("engines")
    assert first in capsys.readouterr().out
