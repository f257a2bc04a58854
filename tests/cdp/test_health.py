"""The addresses machines ask."""

import pytest
from django.db import OperationalError

from cdp import health
from cdp.models import EngineState

pytestmark = pytest.mark.django_db


def test_it_works(client):
    reply = client.get("/readyz", headers={"X-Request-Id": "abc-1"})
    assert (reply.status_code, reply["X-Request-Id"]) == (200, "abc-1")
    assert client.get("/healthz").json() == {"status": "ok"}


def test_missing_migrations_are_not_ready(client, monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.setattr(health, "unapplied_migrations", lambda: ["x.0001"])
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()["status"]) == (503, "migrations are not applied: x.0001")


def test_a_database_that_is_away_is_not_ready(client, monkeypatch):
    def away():
        raise OperationalError("no")

    monkeypatch.setattr(health.connection, "cursor", away)
    assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
    assert b"cdp_database_ready 0.0" in client.get("/metrics").content


def test_metrics(client, settings):
    EngineState.objects.create(name="events", backlog=5, handled=9)
    assert b'cdp_engine_backlog{engine="events"} 5.0' in client.get("/metrics").content
    assert b"cdp_database_ready 1.0" in client.get("/metrics").content
    settings.METRICS_TOKEN = "t"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer t"}).status_code == 200
