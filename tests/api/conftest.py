"""A client that speaks to the API as an integrator's program does."""

import base64
import json
from typing import Any

import pytest
from django.test import Client

from events.services.registry import forget_cache
from partners import services
from partners.services import create_api_key
from tests.contacts.people import NOW


class Api:
    """`Api.post("contact", {...})` with HTTP Basic; versions as `v2/…`, else v1."""

    def __init__(self, key: str, user: str = "") -> None:
        self.client = Client()
        self.header = "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()

    def call(self, method: str, path: str, body: Any = None, **headers: Any) -> Any:
        path = f"/api/{path}" if path.startswith("v") and path[1].isdigit() else f"/api/v1/{path}"
        data = body if isinstance(body, (str, bytes)) else "" if body is None else json.dumps(body)
        kind = headers.pop("content_type", "application/json")
        headers.setdefault("HTTP_AUTHORIZATION", self.header)
        return self.client.generic(method, path, data, content_type=kind, **headers)

    def get(self, path: str, **headers: Any) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: Any) -> Any:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: Any) -> Any:
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: Any) -> Any:
        return self.call("DELETE", path, body, **headers)


@pytest.fixture(autouse=True)
def _fresh_caches(settings: Any) -> None:
    settings.API_RATE_LIMITS = False
    services.cache.clear()
    forget_cache()


@pytest.fixture
def api(db: Any) -> Api:
    return Api(create_api_key(name="shop", rights=["full"], now=NOW)[1])


@pytest.fixture
def api_with(db: Any) -> Any:
    def make(*rights: str) -> Api:
        return Api(create_api_key(name="some", rights=rights, now=NOW)[1])

    return make
