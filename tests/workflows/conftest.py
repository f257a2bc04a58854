"""Workflow tests at a fixed instant: partitions for it are there."""

import pytest
from django.db import connection

from events.services.registry import forget_cache
from tests.workflows.flows import NOW
from workflows import partitions
from workflows.services.compiled import compiled_version


@pytest.fixture(autouse=True)
def _ground(request):
    if request.node.get_closest_marker("django_db") is None:
        return
    request.getfixturevalue("transactional_db" if _is_transactional(request) else "db")
    forget_cache()
    compiled_version.cache_clear()
    partitions.ensure_partitions(connection=connection, now=NOW, retention_days=31)


def _is_transactional(request) -> bool:
    return bool(request.node.get_closest_marker("django_db").kwargs.get("transaction"))
