"""Addresses that machines ask: is the process alive, can it serve, how much waits."""

import hmac
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cdp.models import EngineState
from cdp.traffic import answered

_migrated = False  # a database never loses migrations while we run: asked until it has them all


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """200 while the process answers; asks nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """200 when requests can be served: the database answers and has every migration; else 503 with the reason."""
    reason = why_not_ready()
    return JsonResponse({"status": reason or "ready"}, status=503 if reason else 200)


def why_not_ready() -> str:
    """What keeps this process from serving, or an empty string."""
    global _migrated
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        if not _migrated:
            _migrated = not unapplied_migrations()
    except DatabaseError as error:
        return f"database: {type(error).__name__}"
    return "" if _migrated else f"migrations are not applied: {_some(unapplied_migrations())}"


def unapplied_migrations() -> list[str]:
    """Names of migrations the database does not have yet."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _some(names: list[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: requests of this process, the database, every engine's backlog, age and rate.

    CDP_METRICS_TOKEN makes it ask for a bearer token.
    """
    wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
    if settings.METRICS_TOKEN and not hmac.compare_digest(
        request.headers.get("Authorization", "").encode(), wanted
    ):
        return HttpResponse("a bearer token is needed\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    registry.register(RequestCollector())
    registry.register(DatabaseCollector())
    if not why_not_ready():
        registry.register(EngineCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class RequestCollector(Collector):
    """What this process answered, by part and status."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "cdp_http_requests", "Requests this process answered", labels=["part", "status"]
        )
        for (part, status), count in answered.items():
            family.add_metric([part, str(status)], count)
        yield family


class DatabaseCollector(Collector):
    """Whether the database can serve."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        ready = 0 if why_not_ready() else 1
        yield GaugeMetricFamily("cdp_database_ready", "1: reachable and fully migrated", value=ready)


class EngineCollector(Collector):
    """The rows of `EngineState` as metrics with the label `engine`."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        now = datetime.now(UTC)
        states = list(EngineState.objects.all())
        gauges = {
            "cdp_engine_backlog": ("Rows that wait", lambda s: s.backlog),
            "cdp_engine_oldest_seconds": ("Age of the oldest waiting row", lambda s: _age(s.oldest_at, now)),
            "cdp_engine_heartbeat_seconds": (
                "Seconds since the last heartbeat",
                lambda s: _age(s.heartbeat_at, now),
            ),
            "cdp_engine_rate": ("Rows a second over the last heartbeat", lambda s: s.rate),
        }
        for name, (text, value) in gauges.items():
            family = GaugeMetricFamily(name, text, labels=["engine"])
            for state in states:
                family.add_metric([state.name], value(state))
            yield family
        handled = CounterMetricFamily(
            "cdp_engine_handled", "Rows handled since the engine first ran", labels=["engine"]
        )
        for state in states:
            handled.add_metric([state.name], state.handled)
        yield handled


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max((now - moment).total_seconds(), 0.0)
